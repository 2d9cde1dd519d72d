"""A module that has kept real functions under names of its own, in every way that there is."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from os import urandom as bytes_of_chance
from random import random as number
from time import monotonic, sleep
from time import perf_counter as counter

CLOCKS = {"kept in a value": counter}


class Keeper:
    """A class that keeps a clock."""

    clock: Callable[..., float] = monotonic
    counter = staticmethod(counter)

    def method(self, now: Callable[[], float] = monotonic) -> float:
        """A default."""
        return now()

    @staticmethod
    def static(*, now: Callable[[], float] = monotonic) -> float:
        """A default that is given by name."""
        return now()

    @property
    def closed(self) -> float:
        """By way of a closure."""
        return _closed()


@dataclasses.dataclass
class Dated:
    """A default factory."""

    at: float = dataclasses.field(default_factory=monotonic)


def _closing() -> Callable[[], float]:
    now = monotonic
    return lambda: now()


_closed = _closing()


def clocks() -> list[float]:
    """What each of them shows."""
    keeper = Keeper()
    return [
        monotonic(),
        keeper.clock(),
        keeper.counter(),
        keeper.method(),
        keeper.static(),
        keeper.closed,
        Dated().at,
        counter(),
    ]


__all__ = ["CLOCKS", "Keeper", "bytes_of_chance", "clocks", "monotonic", "number", "sleep"]
