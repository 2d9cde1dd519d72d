"""What the demo knows of its processes: the latest answer of each, asked again and again over HTTP.

A process that does not answer delays nobody else. Nothing is concluded here from an answer or its absence.
"""

from __future__ import annotations

import asyncio
import time
from typing import Generic, TypeVar

import aiohttp
import msgspec

T = TypeVar("T")

TIMEOUT_SECONDS = 2.0


class Feed(Generic[T]):
    """The latest answer at one URL. ``asked_at`` is the moment (monotonic) at which it was asked for."""

    def __init__(self, url: str, answer_type: type[T], *, every_seconds: float) -> None:
        self.url = url
        self.latest: T | None = None
        self.asked_at = 0.0
        self._decoder = msgspec.json.Decoder(answer_type)
        self._every_seconds = every_seconds

    def since(self, moment: float) -> T | None:
        """The latest answer if it was asked for after ``moment``."""
        return self.latest if self.asked_at > moment else None

    async def ask(self, http: aiohttp.ClientSession) -> T | None:
        """Ask now; None if there is no good answer within `TIMEOUT_SECONDS`."""
        asked_at = time.monotonic()
        try:
            async with http.get(self.url) as response:
                if response.status != 200:
                    return None
                answer = self._decoder.decode(await response.read())
        except (aiohttp.ClientError, TimeoutError, msgspec.DecodeError):
            return None
        self.latest, self.asked_at = answer, asked_at
        return answer

    async def follow(self, http: aiohttp.ClientSession) -> None:
        """Ask for ever."""
        while True:
            await self.ask(http)
            await asyncio.sleep(self._every_seconds)


def http_session() -> aiohttp.ClientSession:
    """A session for feeds: a connection of its own for each request, so that a killed process breaks no later one."""
    return aiohttp.ClientSession(
        timeout=aiohttp.ClientTimeout(total=TIMEOUT_SECONDS), connector=aiohttp.TCPConnector(force_close=True)
    )
