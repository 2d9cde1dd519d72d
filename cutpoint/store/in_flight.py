"""In-flight messages as a stream of bytes, and back.

For each session, in order, first the messages that its process recorded as sender and then those that it recorded as
receiver, in the order of delivery. Each is one byte (0 text, 1 bytes, 2 a `Close`: two bytes of code, then its
reason), its number in eight bytes and its length in four, big-endian, and then itself. How many belong to which
session is for the evidence to say; the stream holds exactly those. Nothing here reads or writes a store.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from cutpoint import names
from cutpoint.errors import UsageError
from cutpoint.protocol.messages import Close, InFlight, Payload, SessionEvidence, SessionRecord
from cutpoint.wire.checks import NUMBER_MAX, TEXT_MAX, one_line

IN_FLIGHT_MAX = 500_000
"""The most messages that one part may have recorded."""

IN_FLIGHT_BYTES_MAX = 64 * 1024 * 1024
"""The most bytes that they may take up; they are in memory all at once before and after they are stored."""

STREAM_BYTES = 1024 * 1024
"""How much of the stream becomes one chunk, at least; the last one is shorter."""

_FRAME = struct.Struct(">BQI")
FRAME_BYTES = _FRAME.size
"""What each message takes up beside itself."""

_CODE = struct.Struct(">H")
_TEXT, _BYTES, _CLOSE = range(3)


def counted(evidence: SessionEvidence) -> tuple[int, int]:
    """How many messages of a session its process recorded as sender, and how many as receiver."""
    outgoing = evidence.outgoing.sent + 1 - evidence.outgoing.in_flight_from
    return outgoing, sum(last + 1 - first for first, last in evidence.incoming.in_flight)


def encode_messages(sessions: Iterable[SessionRecord]) -> Iterator[bytes]:
    """The stream of all their messages, in pieces. Raises `UsageError` for what is not a message, or too much."""
    pieces: list[bytes] = []
    held = total = 0
    for record in sessions:
        for message in (*record.outgoing_in_flight, *record.incoming_in_flight):
            piece = _encoded(message, record.evidence)
            pieces.append(piece)
            held += len(piece)
            if held >= STREAM_BYTES:
                total += held
                _check_total(total)
                yield b"".join(pieces)
                pieces, held = [], 0
    _check_total(total + held)
    if pieces:
        yield b"".join(pieces)


def _check_total(total: int) -> None:
    if total > IN_FLIGHT_BYTES_MAX:
        raise UsageError(
            f"more than {IN_FLIGHT_BYTES_MAX} bytes of messages are in flight to or from this process; the cut is "
            "abandoned, nothing was lost; cut at quieter times, or lower Settings(window_bytes=...)"
        )


def _encoded(message: InFlight, evidence: SessionEvidence) -> bytes:
    kind, content = _content(message.payload)
    if kind is None or not 0 <= message.number <= NUMBER_MAX:
        where = f"session {one_line(repr(evidence.session))}"
        raise UsageError(f"{where}: message {message.number} is neither text, bytes nor a Close; nothing was written")
    return _FRAME.pack(kind, message.number, len(content)) + content


def _content(payload: Payload) -> tuple[int | None, bytes]:
    if type(payload) is bytes:
        return _BYTES, payload
    try:
        if type(payload) is str:
            return _TEXT, payload.encode()
        if type(payload) is Close and 0 <= payload.code <= 65535 and len(payload.reason) <= TEXT_MAX:
            return _CLOSE, _CODE.pack(payload.code) + payload.reason.encode()
    except UnicodeEncodeError:
        pass
    return None, b""


def decode_messages(pieces: Iterable[bytes], evidences: Sequence[SessionEvidence]) -> tuple[tuple[InFlight, ...], ...]:
    """For each session its outgoing and then its incoming messages. Raises `ValueError` for what is not theirs."""
    messages = _decoded(pieces)
    found: list[tuple[InFlight, ...]] = []
    for evidence in evidences:
        for wanted in counted(evidence):
            found.append(tuple(islice(messages, wanted)))
            if len(found[-1]) != wanted:
                raise ValueError("messages are missing that the evidence counts")
    if next(messages, None) is not None:
        raise ValueError("there are more messages than the evidence counts")
    return tuple(found)


def _decoded(pieces: Iterable[bytes]) -> Iterator[InFlight]:
    rest = b""
    for piece in pieces:
        rest = rest + piece if rest else piece
        view = memoryview(rest)
        at = 0
        while len(rest) - at >= _FRAME.size:
            kind, number, length = _FRAME.unpack_from(rest, at)
            end = at + _FRAME.size + length
            if end > len(rest):
                break
            yield InFlight(number=names.Sequence(number), payload=_payload(kind, view[at + _FRAME.size : end]))
            at = end
        rest = rest[at:]
    if rest:
        raise ValueError("the last message is cut short")


def _payload(kind: int, content: memoryview) -> Payload:
    if kind == _TEXT:
        return str(content, "utf-8")
    if kind == _BYTES:
        return bytes(content)
    if kind == _CLOSE and len(content) >= _CODE.size:
        reason = str(content[_CODE.size :], "utf-8")
        if len(reason) <= TEXT_MAX:
            return Close(code=_CODE.unpack_from(content)[0], reason=reason)
    raise ValueError(f"a message of kind {kind} and of {len(content)} bytes is none")
