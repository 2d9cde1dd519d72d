"""How long to pause between two attempts at the same thing."""

from __future__ import annotations

import random


class Backoff:
    """Pauses: none at first, then doubling from ``first_seconds`` to ``most_seconds``, each up to a half shorter.

    The jitter keeps a hundred agents that lost one coordinator from coming back in the same instant.
    """

    def __init__(self, *, first_seconds: float, most_seconds: float, chance: random.Random) -> None:
        self._first = first_seconds
        self._most = most_seconds
        self._chance = chance
        self._next = 0.0

    def pause(self) -> float:
        """The next pause in seconds."""
        pause = self._next
        self._next = min(self._most, max(self._first, self._next * 2))
        return pause * self._chance.uniform(0.5, 1.0)

    def reset(self) -> None:
        """It worked: there is no next pause."""
        self._next = 0.0
