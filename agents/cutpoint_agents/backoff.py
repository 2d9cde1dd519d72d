"""How long to pause between two attempts at the same thing."""

from __future__ import annotations

import random


class Backoff:
    """Pauses: none at first if ``at_once``, then doubling from ``first_seconds`` to ``most_seconds``.

    Each is up to a half shorter than that: the jitter keeps a hundred agents that lost one coordinator from coming
    back in the same instant.
    """

    def __init__(
        self, *, first_seconds: float, most_seconds: float, chance: random.Random, at_once: bool = True
    ) -> None:
        self._first = first_seconds
        self._most = most_seconds
        self._chance = chance
        self._least = 0.0 if at_once else first_seconds
        self._next = self._least

    def pause(self) -> float:
        """The next pause in seconds."""
        pause = self._next
        self._next = min(self._most, max(self._first, self._next * 2))
        return pause * self._chance.uniform(0.5, 1.0)

    def reset(self) -> None:
        """It worked: the next pause is the first."""
        self._next = self._least
