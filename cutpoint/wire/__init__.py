"""Messages to bytes and back: frames between agents as MessagePack, the coordinator's conversation as JSON.

Whatever comes from a peer is checked here, completely, before anything acts on it: types, ranges, lengths,
names. Bad input of any kind raises `cutpoint.errors.ProtocolViolation` with one line; it never raises anything
else and it changes nothing. This package sends nothing and keeps no state.
"""

from __future__ import annotations

from cutpoint.wire.checks import NUMBER_MAX, TEXT_MAX
from cutpoint.wire.control import CONTROL_BYTES_MAX, decode_to_agent, decode_to_coordinator, encode_control
from cutpoint.wire.frames import decode_frames, encode_frames, looks_like_frames

__all__ = [
    "CONTROL_BYTES_MAX",
    "NUMBER_MAX",
    "TEXT_MAX",
    "decode_frames",
    "decode_to_agent",
    "decode_to_coordinator",
    "encode_control",
    "encode_frames",
    "looks_like_frames",
]
