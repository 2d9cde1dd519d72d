"""Which store this is: one object that is written once, before anything else, and never again.

::

    store.json      {"kind": "cutpoint-store", "format": 1, "id": "<32 hexadecimal digits>", "created": "...", ...}

A replica has the very same object: it is the same store at another place. A store of a newer format is refused by
every program that does not know it. What the identity says of sealing is for people; each pack says it for itself.
"""

from __future__ import annotations

import contextlib
import re
import secrets
from typing import TYPE_CHECKING, Final

import msgspec

from cutpoint.errors import Damaged, ObjectExists, ObjectMissing
from cutpoint.store.backend import Backend
from cutpoint.store.documents import close_document, open_document, write_body
from cutpoint.wire.checks import check_texts, one_line

if TYPE_CHECKING:
    from cutpoint.store.keys import KeyRing

STORE_VERSION = 1
STORE_NAME: Final = "store.json"
STORE_BYTES_MAX = 64 * 1024
"""The longest identity that is read, in bytes."""

_ID = re.compile(r"[0-9a-f]{32}")
_PURPOSE = "store"


class StoreSealing(msgspec.Struct, frozen=True, kw_only=True):
    """With what the packs were sealed when the store was made."""

    algorithm: str
    key: str


class StoreIdentity(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="cutpoint-store"):
    """One store: ``id`` is random, ``created`` is RFC 3339, UTC."""

    format: int = STORE_VERSION
    id: str
    created: str
    sealing: StoreSealing | None = None


class _Header(msgspec.Struct, tag_field="kind", tag="cutpoint-store"):
    format: int


_decoder: msgspec.json.Decoder[StoreIdentity] = msgspec.json.Decoder(StoreIdentity)


def identify(
    backend: Backend, *, created: str, keys: KeyRing | None = None, sealing: StoreSealing | None = None
) -> StoreIdentity:
    """The identity of the store, made now if it has none; of several who make one, all get the same.

    Raises `Damaged` if there is one that cannot be read, or of a newer format.
    """
    made = StoreIdentity(id=secrets.token_hex(16), created=created, sealing=sealing)
    if backend.size(STORE_NAME) is None:
        with contextlib.suppress(ObjectExists):  # somebody was faster: what that one says holds
            backend.create(STORE_NAME, close_document(write_body(made), _PURPOSE, keys))
    found = read_identity(backend, keys)
    if found is None:
        raise ObjectMissing(f"object {STORE_NAME} in {backend.url} was deleted while the store was opened; start again")
    return found


def read_identity(backend: Backend, keys: KeyRing | None = None) -> StoreIdentity | None:
    """Which store this is; None if nobody has said. Raises `Damaged`, also for a newer format."""
    try:
        data = backend.read(STORE_NAME, bytes_max=STORE_BYTES_MAX)
    except ObjectMissing:
        return None
    where = f"object {STORE_NAME} in {backend.url}"
    body = open_document(data, _PURPOSE, keys, name=where)
    try:
        version = msgspec.json.decode(body, type=_Header).format
        if version != STORE_VERSION:
            raise Damaged(
                f"{where} says that the store is of format {version}, this program knows {STORE_VERSION}; nothing was "
                "changed; start the newer program"
            )
        found = _decoder.decode(body)
    except (msgspec.MsgspecError, UnicodeError, RecursionError, OverflowError, ValueError) as error:
        raise Damaged(f"{where} says not which store it is: {one_line(error)}; bring it back from a copy") from error
    complaint = check_texts(found, ("created",)) if _ID.fullmatch(found.id) else "it has no id"
    if complaint:
        raise Damaged(f"{where} says not which store it is: {complaint}; bring it back from a copy")
    return found
