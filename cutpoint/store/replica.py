"""What makes a store the replica of another, and what makes it a store of its own again.

``replica.json`` is in replicas only. As long as it is there, a collection asks the source before it deletes anything,
and no coordinator ought to publish there. `promote` removes it, when the source is gone for good.
"""

from __future__ import annotations

from typing import Final

import msgspec

from cutpoint.errors import ConfigurationError, Damaged, ObjectMissing
from cutpoint.store.backend import Backend
from cutpoint.store.documents import close_document, open_document, write_body
from cutpoint.store.identity import STORE_BYTES_MAX, STORE_NAME
from cutpoint.wire.checks import one_line

REPLICA_NAME: Final = "replica.json"
COPYING: Final = "copying/"

_PURPOSE = "replica"


class ReplicaNote(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="cutpoint-replica"):
    """What ``replica.json`` says: the URL at which its source was when the first copy was made; for people."""

    format: int = 1
    source: str


def copying_name(cut: int) -> str:
    """The object that says that ``cut`` is being copied; it holds what the manifest will hold."""
    return f"{COPYING}{cut:012}.json"


def read_replica_note(backend: Backend) -> ReplicaNote | None:
    """What the store says of its source; None if it is no replica. Raises `Damaged`."""
    try:
        data = backend.read(REPLICA_NAME, bytes_max=STORE_BYTES_MAX)
    except ObjectMissing:
        return None
    where = f"object {REPLICA_NAME} in {backend.url}"
    try:
        return msgspec.json.decode(open_document(data, _PURPOSE, None, name=where), type=ReplicaNote)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise Damaged(f"{where} does not say what it is a replica of: {one_line(error)}") from error


def adopt(source: Backend, replica: Backend) -> None:
    """Make sure that ``replica`` is one of ``source``; an empty place becomes one. Raises `ConfigurationError`."""
    identity = stored_identity(source)
    if not identity:
        raise ConfigurationError(
            f"{source.url} holds no {STORE_NAME}, so nobody knows which store it is; nothing was copied; "
            "correct --from, or start its coordinator once"
        )
    if source.url == replica.url:
        raise ConfigurationError(f"{source.url} cannot be its own replica; nothing was copied; correct --to")
    found, is_replica = stored_identity(replica), replica.size(REPLICA_NAME) is not None
    if found == identity and is_replica:
        return
    empty = set(replica.list("")) <= {STORE_NAME}
    if not empty or found not in (b"", identity):
        what = "a replica of another store" if is_replica else "a store of its own"
        raise ConfigurationError(
            f"{replica.url} is {what}; nothing was copied; name an empty place, or correct --from and --to"
        )
    if not found:
        replica.create(STORE_NAME, identity)
    replica.create(REPLICA_NAME, close_document(write_body(ReplicaNote(source=source.url)), _PURPOSE, None))


def promote(replica: Backend) -> None:
    """Make ``replica`` a store of its own, when its source is gone for good. Again, and it changes nothing.

    Copies that were under way are given up. Nobody may go on copying into it.
    """
    for name in replica.list(COPYING):
        replica.delete(name)
    replica.delete(REPLICA_NAME)


def stored_identity(backend: Backend) -> bytes:
    """The bytes that say which store this is; none if nothing does."""
    try:
        return backend.read(STORE_NAME, bytes_max=STORE_BYTES_MAX)
    except ObjectMissing:
        return b""
