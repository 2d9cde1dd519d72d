"""Frames between two agents: one binary WebSocket message is a MessagePack array of frames.

The whole array is decoded and checked before its first frame is handed on, so a bad frame harms its own
connection and nothing else. Whether a frame is *allowed now* is not asked here: that is the protocol's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from cutpoint.errors import ProtocolViolation, UsageError
from cutpoint.protocol.messages import (
    PROTOCOL_VERSION,
    Acknowledge,
    AnyFrame,
    Credit,
    Data,
    Ended,
    Hello,
    Marker,
    Refused,
    Welcome,
)
from cutpoint.wire.checks import (
    NUMBER_MAX,
    TEXT_MAX,
    check_numbers,
    check_process,
    check_texts,
    checked_payload,
    one_line,
)

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(list[AnyFrame])
_prober = msgspec.msgpack.Decoder()

_TEXT_AND_BYTES = frozenset((str, bytes))
_FRAME_TAGS = range(1, 9)
_TAGS_WITH_VERSION = (1, 2)


def encode_frames(frames: Sequence[AnyFrame]) -> bytes:
    """Encode ``frames`` into the bytes of one binary WebSocket message.

    Raises `UsageError` for a payload that no wire can carry, such as text with a lone surrogate.
    """
    try:
        return _encoder.encode(frames)
    except (UnicodeEncodeError, OverflowError, TypeError, ValueError) as error:
        raise UsageError(f"this message cannot be sent: {one_line(error)}; nothing was sent") from error


def decode_frames(data: bytes, *, bytes_max: int) -> list[AnyFrame]:
    """Decode and check one binary message of at most ``bytes_max`` bytes; the frames in the order of sending.

    Raises `ProtocolViolation` for anything that `encode_frames` of a well-behaved peer cannot have made.
    """
    if len(data) > bytes_max:
        raise ProtocolViolation(f"the peer sent {len(data)} bytes, {bytes_max} are allowed; its connection is closed")
    try:
        frames = _decoder.decode(data)
    except (msgspec.MsgspecError, UnicodeError, RecursionError, OverflowError, ValueError) as error:
        raise ProtocolViolation(_undecodable(data, error)) from error
    if not frames:
        raise ProtocolViolation("the peer sent a message without frames; its connection is closed")
    for index, frame in enumerate(frames):
        if type(frame) is Data:
            complaint = _check_data(frame)
            if not complaint and not _TEXT_AND_BYTES.issuperset(map(type, frame.payloads)):
                payloads = tuple(map(checked_payload, frame.payloads))
                complaint = _check_payloads(frame.payloads, payloads)
                frames[index] = msgspec.structs.replace(frame, payloads=payloads)
        else:
            complaint = _check_base(frame) or _CHECKS[type(frame)](frame)
        if complaint:
            kind = type(frame).__name__
            raise ProtocolViolation(f"the peer sent a bad {kind}: {complaint}; its connection is closed")
    return frames


def looks_like_frames(data: bytes) -> bool:
    """Whether ``data`` begins as `encode_frames` begins: an array whose first item is an array with a frame's tag.

    An agent asks this of the first binary message on a connection, to tell a peer without an agent (whose
    message deserves another error) from an agent that misbehaves.
    """
    rest = _inside_array(data)
    inner = _inside_array(rest) if rest is not None else None
    return inner is not None and len(inner) > 0 and inner[0] in _FRAME_TAGS


def _inside_array(data: bytes) -> bytes | None:
    """The first few bytes inside a non-empty MessagePack array, or ``None`` if ``data`` does not begin one."""
    if not data:
        return None
    if 0x91 <= data[0] <= 0x9F:
        return data[1:16]
    return {0xDC: data[3:16], 0xDD: data[5:16]}.get(data[0])


def _undecodable(data: bytes, error: Exception) -> str:
    """Say why ``data`` is not frames; a peer of another version is named as that."""
    version = _announced_version(data)
    if version not in (None, PROTOCOL_VERSION):
        versions = f"version {version} of the protocol, this agent version {PROTOCOL_VERSION}"
        return f"the peer speaks {versions}; upgrade the older one"
    return f"the peer sent what is not frames ({one_line(error)}); its connection is closed"


def _announced_version(data: bytes) -> int | None:
    """The version in a Hello or Welcome whose other fields may be unknown to this release."""
    try:
        first: Any = _prober.decode(data)[0]
        if first[0] in _TAGS_WITH_VERSION and type(first[3]) is int and 0 <= first[3] <= NUMBER_MAX:
            return int(first[3])
    except (msgspec.MsgspecError, RecursionError, ValueError, TypeError, LookupError, OverflowError):
        pass
    return None


def _check_base(frame: AnyFrame) -> str:
    if 0 <= frame.incarnation <= NUMBER_MAX and 0 <= frame.cut <= NUMBER_MAX:
        return ""
    return check_numbers(frame, ("incarnation", "cut"))


def _check_data(frame: Data) -> str:
    if not frame.payloads:
        return "it carries no messages"
    if frame.first < 1 or frame.first + len(frame.payloads) > NUMBER_MAX:
        return f"its first message has number {frame.first}"
    return _check_base(frame)


def _check_payloads(raw: tuple[Any, ...], payloads: tuple[Any, ...]) -> str:
    """Complain of a payload of another type, and of anything that follows a Close."""
    for payload, sent in zip(payloads, raw, strict=True):
        if payload is None:
            return f"a payload is neither text, bytes nor a Close ({type(sent).__name__})"
    if not _TEXT_AND_BYTES.issuperset(map(type, payloads[:-1])):
        return "a message follows the Close of its channel"
    return ""


def _check_hello(frame: Hello) -> str:
    return (
        check_numbers(frame, ("version", "arrived", "limit"))
        or check_texts(frame, ("life", "label", "nonce", "session"))
        or check_process(frame.process)
    )


def _check_welcome(frame: Welcome) -> str:
    return (
        check_numbers(frame, ("version", "opened", "arrived", "limit"))
        or check_texts(frame, ("life", "session"))
        or check_process(frame.process)
    )


def _check_refused(frame: Refused) -> str:
    return f"its reason has {len(frame.reason)} characters" if len(frame.reason) > 10 * TEXT_MAX else ""


def _check_marker(frame: Marker) -> str:
    complaint = check_numbers(frame, ("base", "sent")) or check_numbers(frame, ("recorded_from",), least=1)
    if not complaint and frame.recorded_from > frame.sent + 1:
        complaint = f"recorded_from {frame.recorded_from} is beyond the {frame.sent} sent"
    return complaint


def _check_acknowledge(frame: Acknowledge) -> str:
    return check_numbers(frame, ("received",))


def _check_credit(frame: Credit) -> str:
    return check_numbers(frame, ("limit",))


def _check_ended(_frame: Ended) -> str:
    return ""


_CHECKS: Mapping[type, Callable[[Any], str]] = {
    Hello: _check_hello,
    Welcome: _check_welcome,
    Refused: _check_refused,
    Marker: _check_marker,
    Acknowledge: _check_acknowledge,
    Credit: _check_credit,
    Ended: _check_ended,
}
