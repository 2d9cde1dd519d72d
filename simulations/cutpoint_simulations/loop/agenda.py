"""What will happen, in the order of virtual time; of two things at the same moment the one planned first."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable
from typing import Any


class Agenda:
    """A heap of calls. ``now`` is the virtual time in seconds since the simulation began."""

    def __init__(self) -> None:
        self.now = 0.0
        self._planned = 0
        self._heap: list[tuple[float, int, Callable[..., object], tuple[Any, ...]]] = []

    def at(self, when: float, call: Callable[..., object], *arguments: Any) -> None:
        """Call ``call(*arguments)`` at ``when``, or now if that is past."""
        self._planned = planned = self._planned + 1
        heapq.heappush(self._heap, (when if when > self.now else self.now, planned, call, arguments))

    def after(self, seconds: float, call: Callable[..., object], *arguments: Any) -> None:
        """Call ``call(*arguments)`` in so many seconds."""
        self.at(self.now + seconds, call, *arguments)

    @property
    def next_at(self) -> float:
        """When the next thing happens; infinity if nothing ever will."""
        return self._heap[0][0] if self._heap else math.inf

    def happen(self) -> None:
        """Let time pass until the next thing, and let it happen."""
        self.now, _, call, arguments = heapq.heappop(self._heap)
        call(*arguments)

    def check(self) -> None:
        """Assert the invariants."""
        assert self.next_at >= self.now, "something is planned for the past"
