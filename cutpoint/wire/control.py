"""The conversation of an agent with the coordinator: JSON text, one message in each WebSocket message.

JSON, because an operator may want to read it and because it is small beside the data. Unknown fields are
ignored (they come from a newer release), unknown messages are refused by name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import msgspec

from cutpoint.errors import ProtocolViolation, UsageError
from cutpoint.protocol.holdups import HOLD_UPS_MAX, HoldUp
from cutpoint.protocol.messages import (
    PROTOCOL_VERSION,
    Admit,
    Begin,
    HeldUp,
    Join,
    PartStored,
    PartSummary,
    Prepare,
    StateSummary,
    ToAgent,
    ToCoordinator,
    Traffic,
)
from cutpoint.wire.checks import (
    TEXT_MAX,
    check_digest,
    check_numbers,
    check_packs,
    check_process,
    check_processes,
    check_seconds,
    check_session,
    check_texts,
    one_line,
)

CONTROL_BYTES_MAX = 64 * 1024 * 1024
"""The longest control message, in bytes. A part's summary grows with its channels, some hundred bytes each."""

_encoder = msgspec.json.Encoder()
_to_coordinator: msgspec.json.Decoder[ToCoordinator] = msgspec.json.Decoder(ToCoordinator)
_to_agent: msgspec.json.Decoder[ToAgent] = msgspec.json.Decoder(ToAgent)
_NUMBERS = ("incarnation", "cut", "prepared", "base", "last_cut", "version")
_LONG_TEXTS = ("reason", "by", "store", "object")

_Message = TypeVar("_Message", ToCoordinator, ToAgent)


class _Announcement(msgspec.Struct):
    """What any release puts into its first message."""

    type: str
    version: int


def encode_control(message: ToCoordinator | ToAgent) -> str:
    """Encode one message as the text of one WebSocket message. Raises `UsageError` for text that is no Unicode."""
    try:
        return _encoder.encode(message).decode()
    except (UnicodeEncodeError, OverflowError, TypeError, ValueError) as error:
        raise UsageError(f"this message cannot be sent: {one_line(error)}; nothing was sent") from error


def decode_to_coordinator(text: str | bytes, *, bytes_max: int = CONTROL_BYTES_MAX) -> ToCoordinator:
    """Decode and check what an agent said. Raises `ProtocolViolation` for anything else."""
    return _decode(text, _to_coordinator, "agent", bytes_max)


def decode_to_agent(text: str | bytes, *, bytes_max: int = CONTROL_BYTES_MAX) -> ToAgent:
    """Decode and check what the coordinator said. Raises `ProtocolViolation` for anything else."""
    return _decode(text, _to_agent, "coordinator", bytes_max)


def _decode(text: str | bytes, decoder: msgspec.json.Decoder[_Message], peer: str, bytes_max: int) -> _Message:
    if len(text) > bytes_max:
        raise ProtocolViolation(f"the {peer} sent {len(text)} bytes, {bytes_max} are allowed; its connection is closed")
    try:
        message = decoder.decode(text)
    except (msgspec.MsgspecError, UnicodeError, RecursionError, OverflowError, ValueError) as error:
        raise ProtocolViolation(_undecodable(text, peer, error)) from error
    complaint = _check(message)
    if complaint:
        kind = type(message).__name__
        raise ProtocolViolation(f"the {peer} sent a bad {kind}: {complaint}; its connection is closed")
    return message


def _undecodable(text: str | bytes, peer: str, error: Exception) -> str:
    try:
        version = msgspec.json.decode(text, type=_Announcement).version
    except (msgspec.MsgspecError, UnicodeError, RecursionError, OverflowError, ValueError):
        version = PROTOCOL_VERSION
    if version != PROTOCOL_VERSION:
        versions = f"version {version} of the protocol, this end version {PROTOCOL_VERSION}"
        return f"the {peer} speaks {versions}; upgrade the older one"
    return f"the {peer} sent what is not a control message ({one_line(error)}); its connection is closed"


def _check(message: ToCoordinator | ToAgent) -> str:
    fields = message.__struct_fields__
    complaint = check_numbers(message, (f for f in fields if f in _NUMBERS))
    for field in fields:
        if not complaint and field in _LONG_TEXTS and len(getattr(message, field)) > 10 * TEXT_MAX:
            complaint = f"{field} has {len(getattr(message, field))} characters, {10 * TEXT_MAX} are allowed"
    more = _CHECKS.get(type(message))
    return complaint or (more(message) if more else "")


def _check_join(message: Join) -> str:
    return check_process(message.process) or check_texts(message, ("life",))


def _check_state(state: StateSummary) -> str:
    return (
        check_texts(state, ("name", "kind", "format"))
        or check_numbers(state, ("version", "bytes"))
        or check_digest(state.digest)
    )


def check_summary(summary: PartSummary) -> str:
    """Complain of a part's summary that no process could have made."""
    complaint = (
        check_process(summary.process)
        or check_texts(summary, ("life",))
        or check_numbers(summary, ("incarnation", "cut", "bytes", "in_flight_messages", "fresh_bytes", "base"))
        or check_digest(summary.object)
        or check_packs(summary.packs)
        or check_seconds(summary.stall_seconds, "stall_seconds")
        or check_seconds(summary.waited_seconds, "waited_seconds")
    )
    for state in summary.states:
        complaint = complaint or _check_state(state)
    for session in summary.sessions:
        complaint = complaint or check_session(session)
    return complaint


def _check_stored(message: PartStored) -> str:
    return check_summary(message.summary)


def _check_held_up(message: HeldUp) -> str:
    if len(message.what) > HOLD_UPS_MAX:
        return f"{len(message.what)} hold-ups are told, {HOLD_UPS_MAX} are allowed"
    return next((complaint for what in message.what if (complaint := check_hold_up(what))), "")


def check_hold_up(what: HoldUp) -> str:
    """Complain of a hold-up that is too long to be kept."""
    lengths = {field: len(getattr(what, field)) for field in what.__struct_fields__}
    too_long = [field for field, length in lengths.items() if length > 2 * TEXT_MAX]
    return f"{too_long[0]} has {lengths[too_long[0]]} characters, {2 * TEXT_MAX} are allowed" if too_long else ""


def _check_admit(message: Admit) -> str:
    return check_texts(message, ("computation",)) or check_seconds(message.report_seconds, "report_seconds")


def _check_traffic(message: Traffic) -> str:
    return check_numbers(message, message.__struct_fields__)


def _check_begin(message: Begin) -> str:
    return (
        check_processes(message.members or ())
        or check_processes(message.released)
        or check_processes(message.joined)
        or check_processes(message.gone)
        or check_seconds(message.deadline_seconds, "deadline_seconds")
    )


def _check_prepare(message: Prepare) -> str:
    return check_texts(message, ("computation",)) or (check_digest(message.object) if message.object else "")


_CHECKS: Mapping[type, Callable[[Any], str]] = {
    Join: _check_join,
    PartStored: _check_stored,
    Traffic: _check_traffic,
    HeldUp: _check_held_up,
    Admit: _check_admit,
    Begin: _check_begin,
    Prepare: _check_prepare,
}
