"""One control connection as the driver holds it: a queue of what is to be said, and a way to end it.

What is said leaves in order. Nothing here waits, and nothing here knows what a message means.
"""

from __future__ import annotations

import asyncio

from cutpoint.protocol.messages import ToAgent
from cutpoint.wire import encode_control

WAITING_MAX = 10_000
"""How many messages may wait for an agent that does not read before its connection is given up."""


class Link:
    """The coordinator's end of one control connection."""

    def __init__(self) -> None:
        self._texts: asyncio.Queue[str | None] = asyncio.Queue()
        self.reason = ""
        self.ending = False

    def say(self, message: ToAgent) -> None:
        """Put ``message`` behind what waits already; dropped once the end was announced."""
        if self.ending:
            return
        if self._texts.qsize() >= WAITING_MAX:
            self.end("the agent does not read what it is told")
            return
        self._texts.put_nowait(encode_control(message))

    def end(self, reason: str) -> None:
        """Send what waits, then close. Harmless the second time."""
        if not self.ending:
            self.ending = True
            self.reason = reason
            self._texts.put_nowait(None)

    async def next_text(self) -> str | None:
        """The next message to send; None: close now."""
        return await self._texts.get()
