"""A runway: so many landings a second and not more, in bursts of a few milliseconds, without a busy loop."""

from __future__ import annotations

import asyncio

BURST_SECONDS = 0.01
"""How far landings may run ahead of their schedule before the caller sleeps: sleeps are this coarse."""


class Runway:
    """Shared by all channels of one service. ``landings`` is the most that may land in a second."""

    def __init__(self, landings: float) -> None:
        self._seconds_each = 1.0 / landings
        self._due = 0.0

    @property
    def idle_seconds(self) -> float:
        """Since the last landing."""
        return asyncio.get_running_loop().time() - self._due

    async def clear(self) -> None:
        """Wait for a landing. Time in which nobody lands is not saved up beyond one burst."""
        now = asyncio.get_running_loop().time()
        self._due = max(self._due, now - BURST_SECONDS) + self._seconds_each
        ahead = self._due - now
        if ahead > BURST_SECONDS:
            await asyncio.sleep(ahead)
