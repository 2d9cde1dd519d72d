"""Blocking calls, made in order on threads, a handful at a time, while the event loop goes on.

Few long calls are better than many short ones: a thread that returns to Python makes the event loop wait for the
interpreter's lock. So calls are put together until they carry enough bytes to be worth a thread's turn.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

Call = Callable[[], object]


class Feed:
    """Calls on their way to threads, about ``turn_bytes`` at a time.

    At most two turns' bytes are held: one that runs and one that is put together.
    """

    def __init__(self, turn_bytes: int) -> None:
        self._turn_bytes = turn_bytes
        self._calls: list[Call] = []
        self._bytes = 0
        self._running: asyncio.Task[None] | None = None
        self.bytes = 0

    def put(self, call: Call, bytes_carried: int = 0) -> None:
        """Make ``call`` after all that were put before. It begins with `pass_on` or `drain`."""
        self._calls.append(call)
        self._bytes += bytes_carried
        self.bytes += bytes_carried

    @property
    def full(self) -> bool:
        """Whether it is time to `pass_on`."""
        return self._bytes >= self._turn_bytes

    async def pass_on(self) -> None:
        """Wait until the calls before have been made, and have these begun. Raises what a call before raised."""
        await self._wait()
        self._running = asyncio.get_running_loop().create_task(asyncio.to_thread(_make, self._take()))
        self._running.add_done_callback(_heard)

    async def drain(self) -> None:
        """Wait until everything that was put has been done. Raises what a call raised; none after it was made."""
        await self._wait()
        await asyncio.to_thread(_make, self._take())

    def _take(self) -> list[Call]:
        calls, self._calls, self._bytes = self._calls, [], 0
        return calls

    async def _wait(self) -> None:
        if self._running is not None:
            await asyncio.shield(self._running)


def _make(calls: list[Call]) -> None:
    for call in calls:
        call()


def _heard(task: asyncio.Task[None]) -> None:
    """What a call raised may find nobody waiting any more: the cut was abandoned."""
    if not task.cancelled():
        task.exception()
