"""What will happen, in the order of virtual time; of two things at the same moment the one planned first."""

from __future__ import annotations

import heapq
from collections.abc import Callable


class Agenda:
    """A heap of calls. ``now`` is the virtual time in seconds since the simulation began."""

    def __init__(self) -> None:
        self.now = 0.0
        self._planned = 0
        self._heap: list[tuple[float, int, Callable[[], None]]] = []

    def at(self, when: float, call: Callable[[], None]) -> None:
        """Call ``call`` at ``when``, or now if that is past."""
        self._planned += 1
        heapq.heappush(self._heap, (max(when, self.now), self._planned, call))

    def after(self, seconds: float, call: Callable[[], None]) -> None:
        """Call ``call`` in so many seconds."""
        self.at(self.now + seconds, call)

    @property
    def next_at(self) -> float | None:
        """When the next thing happens; None if nothing ever will."""
        return self._heap[0][0] if self._heap else None

    def happen(self) -> None:
        """Let time pass until the next thing, and let it happen."""
        self.now, _, call = heapq.heappop(self._heap)
        call()
