"""Control connections as the driver holds them: each a queue of what is to be said, and a way to end it.

What is said leaves in order. Nothing here waits, and nothing here knows what a text means: the same text may be in the
queues of a thousand agents, and is in memory once.
"""

from __future__ import annotations

import asyncio
from collections import deque

from cutpoint.names import Life, ProcessName
from cutpoint.protocol.messages import ToAgent
from cutpoint.wire import encode_control

WAITING_MAX = 1_000
"""How many texts may wait for an agent that does not read before its connection is given up."""

WAITING_CHARACTERS_MAX = 16 * 1024 * 1024
"""How long they may be together. One text may always wait, however long."""


class Link:
    """The coordinator's end of one control connection."""

    def __init__(self) -> None:
        self._texts: deque[str] = deque()
        self._characters = 0
        self._wanted: asyncio.Future[None] | None = None
        self.reason = ""
        self.ending = False

    def say(self, text: str) -> None:
        """Put ``text`` behind what waits already; dropped once the end was announced."""
        if self.ending:
            return
        if self._texts and (len(self._texts) >= WAITING_MAX or self._characters + len(text) > WAITING_CHARACTERS_MAX):
            self.end("the agent does not read what it is told")
            return
        self._texts.append(text)
        self._characters += len(text)
        self._wake()

    def end(self, reason: str) -> None:
        """Send what waits, then close. Harmless the second time."""
        if not self.ending:
            self.ending = True
            self.reason = reason
            self._wake()

    async def next_text(self) -> str | None:
        """The next message to send; None: close now. One task at a time may wait here."""
        while not self._texts:
            if self.ending:
                return None
            self._wanted = asyncio.get_running_loop().create_future()
            await self._wanted
        text = self._texts.popleft()
        self._characters -= len(text)
        return text

    def _wake(self) -> None:
        if self._wanted is not None and not self._wanted.done():
            self._wanted.set_result(None)


class Links:
    """All control connections of one driver, by the number that none of them ever has again."""

    def __init__(self) -> None:
        self._links: dict[int, Link] = {}
        self._lives: dict[int, tuple[ProcessName, Life]] = {}
        self._connections: dict[tuple[ProcessName, Life], int] = {}
        self._last = 0
        self._encoded: tuple[ToAgent | None, str] = (None, "")

    def open(self, process: ProcessName, life: Life) -> tuple[int, Link]:
        """A new connection of this life of a process."""
        self._last += 1
        self._lives[self._last] = process, life
        self._connections[process, life] = self._last
        link = self._links[self._last] = Link()
        return self._last, link

    def close(self, connection: int) -> bool:
        """The connection is gone; False if it was before."""
        if self._links.pop(connection, None) is None:
            return False
        life = self._lives.pop(connection)
        if self._connections.get(life) == connection:
            del self._connections[life]
        return True

    def of(self, process: ProcessName, life: Life) -> int | None:
        """The last connection of this life of a process, if it stands."""
        return self._connections.get((process, life))

    def say(self, connection: int, message: ToAgent) -> None:
        """Say ``message``, if the connection is there. The very same for many agents in a row is encoded once."""
        link = self._links.get(connection)
        if link is not None:
            if self._encoded[0] is not message:
                self._encoded = message, encode_control(message)
            link.say(self._encoded[1])

    def end(self, connection: int, reason: str) -> None:
        """Say what waits, then close the connection."""
        link = self._links.get(connection)
        if link is not None:
            link.end(reason)

    def end_all(self, reason: str) -> None:
        """Say what waits, then close every connection."""
        for link in self._links.values():
            link.end(reason)
