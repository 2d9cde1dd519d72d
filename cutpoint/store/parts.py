"""Parts in the store: each is one object, named by the digest of its bytes.

Bytes are believed only after their digest was compared with the one that the reader asked for. Writing the same
part twice is one object; nothing is ever overwritten.
"""

from __future__ import annotations

from cutpoint.errors import Damaged, ObjectExists, UsageError
from cutpoint.names import Digest
from cutpoint.protocol.messages import PartSummary, StateSummary
from cutpoint.store.backend import Backend
from cutpoint.store.digests import digest_of
from cutpoint.store.part_format import Part, StoredState, decode_part, encode_part
from cutpoint.wire.checks import check_digest

PART_BYTES_MAX = 4 * 1024**3
"""The longest part that is read back unless the caller allows more, in bytes."""


def part_name(digest: Digest) -> str:
    """The object that holds the part of this digest. Raises `UsageError` if it is no digest."""
    if complaint := check_digest(digest):
        raise UsageError(complaint)
    digits = digest.removeprefix("sha256:")
    return f"parts/{digits[:2]}/{digits}"


def write_part(backend: Backend, part: Part) -> tuple[Digest, int]:
    """Store ``part`` durably; its digest and its length in bytes.

    Writing the same part again succeeds. Raises `Damaged` if an object of that name is there with other bytes.
    """
    data = encode_part(part)
    digest = digest_of(data)
    name = part_name(digest)
    try:
        backend.create(name, data)
    except ObjectExists:
        if backend.size(name) != len(data) or digest_of(backend.read(name)) != digest:
            raise Damaged(
                f"object {name} in {backend.url} is there already and its bytes are not what its name says; "
                "nothing was overwritten; run verify, then move the object away"
            ) from None
    return digest, len(data)


def read_part(backend: Backend, digest: Digest, *, bytes_max: int = PART_BYTES_MAX) -> Part:
    """Read, check and decode one part.

    Raises `ObjectMissing`, or `Damaged` that names the object; `StoreError` if it is longer than ``bytes_max``.
    """
    name = part_name(digest)
    data = backend.read(name, bytes_max=bytes_max)
    found = digest_of(data)
    if found != digest:
        raise Damaged(
            f"object {name} in {backend.url} has {found}: its {len(data)} bytes are not those that were written; "
            "recover to another recovery point, or bring the object back from a copy"
        )
    return decode_part(data, name=f"object {name} in {backend.url}")


def summarise(part: Part, digest: Digest, bytes_stored: int, stall_seconds: float) -> PartSummary:
    """What the coordinator is told of ``part``, stored under ``digest``; the evidence is that of these very bytes."""
    return PartSummary(
        process=part.process,
        life=part.life,
        incarnation=part.incarnation,
        cut=part.cut,
        sessions=tuple(record.evidence for record in part.sessions),
        states=tuple(map(_summarise_state, part.states)),
        object=digest,
        bytes=bytes_stored,
        in_flight_messages=sum(len(r.outgoing_in_flight) + len(r.incoming_in_flight) for r in part.sessions),
        stall_seconds=stall_seconds,
        boundary=part.boundary,
    )


def _summarise_state(state: StoredState) -> StateSummary:
    return StateSummary(
        name=state.name,
        kind=state.kind,
        version=state.version,
        format=state.format,
        bytes=len(state.data),
        digest=digest_of(state.data),
    )
