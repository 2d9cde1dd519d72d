"""What a transport must be able to do to carry a session: move whole binary messages, in order, and end visibly.

One adapter module for each kind of transport implements this; nothing else in the package knows which it is.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from cutpoint.errors import CutpointError


class DialFailed(CutpointError):
    """Nobody answered, or not as hoped. Trying again may help."""


class NotFrames(CutpointError):
    """The peer sent something that this package never sends, such as a text message."""


class Transport(Protocol):
    """One connection. All methods are called from the event loop's thread."""

    received_bytes_max: int
    """The longest binary message that may come in."""

    async def receive(self) -> bytes | None:
        """The next binary message; ``None`` once the connection is gone. Raises `NotFrames`."""

    async def send(self, data: bytes) -> None:
        """Send one binary message and wait for room in the socket's buffer. Raises ``OSError`` if it is gone."""

    async def close(self, code: int, reason: str) -> None:
        """Close it in an orderly way. Never raises, never takes longer than a few seconds."""

    def abort(self) -> None:
        """Drop it at once."""


Dial = Callable[[str], Awaitable[Transport]]
"""Connects the session of this key again, or anew where the key is empty: the other end may not have heard of it.

Raises `DialFailed`.
"""
