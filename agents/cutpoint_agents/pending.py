"""Which timer is due when: a value in memory, in the order of due moments. It reads no clock and calls nobody."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Mapping
from typing import Any

from cutpoint.state.plain import decode_plain
from cutpoint_agents.clock import parse_moment

Key = tuple[str, bytes]
"""A timer's name, and its arguments as plain data: a tuple, encoded."""

_STALE_MIN = 64


class Pending:
    """The timers that are set. Of those due at one moment, the one that was set first comes first."""

    def __init__(self) -> None:
        self._due: dict[Key, tuple[float, int]] = {}
        self._heap: list[tuple[float, int, Key]] = []
        self._numbers = itertools.count()

    def __len__(self) -> int:
        return len(self._due)

    def put(self, key: Key, due: float) -> None:
        """``key`` is due at ``due``, and not when it was before."""
        self._due.pop(key, None)
        self._due[key] = due, next(self._numbers)
        heapq.heappush(self._heap, (*self._due[key], key))
        if len(self._heap) > 2 * len(self._due) + _STALE_MIN:
            self.replace(dict(self.entries()))

    def drop(self, key: Key) -> bool:
        """``key`` is not set any more; False if it was not."""
        return self._due.pop(key, None) is not None

    def due(self, key: Key) -> float | None:
        """When ``key`` is due."""
        entry = self._due.get(key)
        return None if entry is None else entry[0]

    def first(self) -> tuple[Key, float] | None:
        """The timer that is due first, and when."""
        while self._heap:
            due, number, key = self._heap[0]
            if self._due.get(key) == (due, number):
                return key, due
            heapq.heappop(self._heap)
        return None

    def entries(self) -> tuple[tuple[Key, float], ...]:
        """All timers and when they are due, in the order in which they were set."""
        return tuple((key, due) for key, (due, _) in self._due.items())

    def replace(self, entries: Mapping[Key, float]) -> None:
        """Hold ``entries`` from now on, as if set in this order."""
        self._due = {key: (due, next(self._numbers)) for key, due in entries.items()}
        self._heap = [(due, number, key) for key, (due, number) in self._due.items()]
        heapq.heapify(self._heap)


def parse_entries(content: Any) -> dict[Key, float]:
    """Timers as they are recorded: ``[name, arguments, due]`` each. Raises `ValueError` for anything else."""
    if type(content) is not list:
        raise ValueError("it is no list of timers")
    entries: dict[Key, float] = {}
    for entry in content:
        if type(entry) is not list or [type(field) for field in entry] != [str, bytes, float]:
            raise ValueError("it holds what is no timer")
        name, arguments, due = entry
        if type(decode_plain(arguments)) is not tuple:
            raise ValueError(f"the arguments of a timer {name!r} are no tuple")
        if (name, arguments) in entries:
            raise ValueError(f"a timer {name!r} is in it twice")
        entries[name, arguments] = parse_moment(due)
    return entries
