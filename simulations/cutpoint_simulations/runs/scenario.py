"""What is run: services, for how long, with which faults, and what has to be true of it."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable

from cutpoint_simulations import bank
from cutpoint_simulations.cluster import Declare
from cutpoint_simulations.loop import Weather
from cutpoint_simulations.loop.simulation import TURN_SECONDS
from cutpoint_simulations.oracles import (
    Capture,
    Consistency,
    Descent,
    Durability,
    ExactlyOnce,
    NoOrphan,
    Oracle,
    Replication,
    Retention,
)

SAFETY_SECONDS = 4.0
PROGRESS_SECONDS = 30.0
QUIET_SECONDS = 1.0


def oracles() -> tuple[Oracle, ...]:
    """The claims that hold for every computation; a run adds progress and the services' own invariants."""
    kept = (Durability(), Retention(), Replication())
    return (Consistency(), Capture(), NoOrphan(), *kept, Descent(), ExactlyOnce())


@dataclasses.dataclass(frozen=True, kw_only=True)
class Scenario:
    """``declare`` puts the services on a cluster. All times are virtual seconds.

    ``seconds``: the safety phase, in which faults begin. Then all is healed, and within ``progress_seconds`` a new
    recovery point has to come and everybody has to run. At last services that can be made quiet are, for
    ``quiet_seconds`` or until nothing is under way, which has to be within ``progress_seconds`` too. ``kinds``: the
    faults that are drawn; None: all, ``()``: none. ``pace``: see `Cluster`.
    ``interval_seconds`` (from one cut to the next), ``weather``, ``shuffled``, ``preempted`` and ``turn_seconds`` (see
    `Simulation`): None: the seed says. ``keep``: which recovery points the coordinator keeps, as an operator writes it,
    empty for all of them; ``replicated``: whether it keeps a replica in step; None: the seed says.
    """

    name: str
    declare: Declare
    seconds: float = SAFETY_SECONDS
    progress_seconds: float = PROGRESS_SECONDS
    quiet_seconds: float = QUIET_SECONDS
    interval_seconds: float | None = None
    coordinators: int = 1
    kinds: tuple[str, ...] | None = None
    pace: float = 1.0
    weather: Weather | None = None
    shuffled: bool | None = None
    preempted: float | None = None
    turn_seconds: float | None = None
    keep: str | None = None
    replicated: bool | None = None
    oracles: Callable[[], tuple[Oracle, ...]] = dataclasses.field(default=oracles, repr=False)


def weather(chance: random.Random) -> Weather:
    """Some networks are fast; on slow ones more is in flight, and more can be cut in pieces."""
    latency = 10 ** chance.uniform(-4, -1.3)
    return Weather(
        latency_seconds=latency, jitter_seconds=latency * chance.choice((0.1, 1, 4)), split=chance.random() / 5
    )


def interval(chance: random.Random) -> float:
    """In some runs there is hardly a moment without a cut."""
    return chance.choice((0.1, 0.25, 0.5))


def turn(chance: random.Random) -> float:
    """Some machines are so slow that a table is written during several cuts."""
    return chance.choice((TURN_SECONDS, TURN_SECONDS, 0.0003, 0.002))


def keep(chance: random.Random) -> str:
    """In some runs everything is kept, in others hardly anything."""
    return chance.choice(("", "last 1", "last 2", "last 3, label keep*", "last 6"))


def replicated(chance: random.Random) -> bool:
    """Half of the runs have a replica."""
    return chance.random() < 0.5


BANK = Scenario(name="bank", declare=bank.declare)
"""Three banks that pay each other."""
