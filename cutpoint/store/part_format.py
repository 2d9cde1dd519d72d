"""The bytes of a part: what one process contributes to a cut.

A line ``cutpoint-part 1``, then a MessagePack map. The bytes are checked as a peer's message is, whoever vouches
for them. Nothing here looks inside a state (that is `cutpoint.state`'s) or compares two processes' channels (that
is `cutpoint.protocol.consistency`'s).
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from cutpoint.errors import Damaged, UsageError
from cutpoint.names import CutNumber, Incarnation, Life, ProcessName
from cutpoint.protocol.messages import InFlight, SessionRecord
from cutpoint.store.heads import check_distinct, check_record
from cutpoint.wire.checks import check_numbers, check_process, check_session, check_texts, checked_payload, one_line

PART_VERSION = 1
"""The version of the format of a whole part; each state has a schema version of its own."""

_HEADER = f"cutpoint-part {PART_VERSION}\n".encode()
_PAYLOADS = frozenset((str, bytes))


class StoredState(msgspec.Struct, frozen=True, kw_only=True):
    """One state: ``data`` is its content in ``format``, of schema ``version``. See `cutpoint.state.CapturedState`."""

    name: str
    kind: str
    version: int
    format: str
    data: bytes


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that one process recorded for one cut. ``boundary``: open channels that lie outside the cut."""

    process: ProcessName
    life: Life
    incarnation: Incarnation
    cut: CutNumber
    computation: str
    sessions: tuple[SessionRecord, ...]
    states: tuple[StoredState, ...]
    boundary: tuple[str, ...] = ()


_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[Part] = msgspec.msgpack.Decoder(Part)


def encode_part(part: Part) -> bytes:
    """Encode ``part``. Raises `UsageError` if it is not one that `decode_part` would accept."""
    if complaint := _check(part):
        raise UsageError(f"the part of {part.process} cannot be stored: {complaint}; nothing was written")
    try:
        return _HEADER + _encoder.encode(part)
    except (UnicodeEncodeError, OverflowError, TypeError, ValueError) as error:
        raise UsageError(
            f"the part of {part.process} cannot be stored: {one_line(error)}; nothing was written"
        ) from error


def decode_part(data: bytes, *, name: str = "the part") -> Part:
    """Decode what `encode_part` made. Raises `Damaged` that begins with ``name`` for anything else."""
    if not data.startswith(_HEADER):
        raise Damaged(f"{name} {_strange_header(data)}")
    try:
        part = _decoder.decode(memoryview(data)[len(_HEADER) :])
    except (msgspec.MsgspecError, UnicodeError, RecursionError, OverflowError, ValueError) as error:
        raise Damaged(f"{name} is not a part: {one_line(error)}; recover to another recovery point") from error
    sessions = tuple(map(_with_payloads, part.sessions))
    part = msgspec.structs.replace(part, sessions=sessions)
    if complaint := _check(part):
        raise Damaged(f"{name} is not a sound part: {complaint}; recover to another recovery point")
    return part


def _strange_header(data: bytes) -> str:
    found = re.match(rb"cutpoint-part (\d{1,9})\n", data)
    if found and int(found[1]) != PART_VERSION:
        return (
            f"is of format version {int(found[1])}, this program reads version {PART_VERSION}; start the newer program"
        )
    return "is not a part, or its first bytes are not those that were written; recover to another recovery point"


def _with_payloads(record: SessionRecord) -> SessionRecord:
    """Turn what was decoded of a `Close` back into one."""
    return msgspec.structs.replace(
        record,
        outgoing_in_flight=_with_close(record.outgoing_in_flight),
        incoming_in_flight=_with_close(record.incoming_in_flight),
    )


def _with_close(messages: tuple[InFlight, ...]) -> tuple[InFlight, ...]:
    if _PAYLOADS.issuperset(type(message.payload) for message in messages):
        return messages
    return tuple(InFlight(number=m.number, payload=_payload(m.payload)) for m in messages)


def _payload(payload: Any) -> Any:
    """`Close` for its array; what is no payload stays as it is, for `_check` to find."""
    checked = checked_payload(payload)
    return payload if checked is None else checked


def _check(part: Part) -> str:
    """Complain of a part that no process can have recorded."""
    complaint = (
        check_process(part.process)
        or check_texts(part, ("life", "computation"))
        or check_numbers(part, ("incarnation", "cut"))
        or check_distinct("state", (state.name for state in part.states))
        or check_distinct("session", ((r.evidence.session, r.evidence.initiator) for r in part.sessions))
    )
    for state in part.states:
        complaint = complaint or check_texts(state, ("name", "kind", "format")) or check_numbers(state, ("version",))
    for record in part.sessions:
        complaint = complaint or check_session(record.evidence) or _check_in_flight(record)
    return complaint


def _check_in_flight(record: SessionRecord) -> str:
    """Complain where the recorded messages are not those that the session's evidence counts, or are none."""
    if complaint := check_record(record):
        return complaint
    where = f"session {one_line(repr(record.evidence.session))}"
    for message in (*record.outgoing_in_flight, *record.incoming_in_flight):
        if checked_payload(message.payload) is None:
            return f"{where}: message {message.number} is neither text, bytes nor a Close"
    return ""
