"""Liveness: when nothing fails any more, everything comes to rest and a recovery point can be demanded.

Safety is judged while anything may happen; what is asked here is only that a world whose faults have ceased makes
progress, whatever state they left it in.
"""

from __future__ import annotations

from collections.abc import Callable, MutableSequence, Sequence
from typing import Any, Protocol

from cutpoint_simulations.world.world import HEADQUARTERS, Action, World

ROUNDS = 4
"""How many cuts may fail before progress is denied: each may still meet the end of something that began before."""

STEPS_PER_ACTOR_MAX = 3000
"""A world that has not come to rest after so many steps for each actor never will."""


class NoProgress(AssertionError):
    """Everything has healed, and yet no cut is published."""


class Chance(Protocol):
    """Who goes first. A `random.Random` is one; so is `Orderly`."""

    def shuffle(self, x: MutableSequence[Any], /) -> None:
        """Put the actors in the order in which they act."""

    def choice(self, seq: Sequence[Action], /) -> Action:
        """One of these."""


class Orderly:
    """No chance at all: everybody in turn, and at each what was done least recently, so that nothing is starved.

    What lies on a connection arrives in order, whether it has to or not.
    """

    def __init__(self) -> None:
        self._done: dict[tuple[str, str, str, int], int] = {}
        self._count = 0

    def shuffle(self, x: MutableSequence[Any], /) -> None:
        """Leave the actors in the order in which they came."""

    def choice(self, seq: Sequence[Action], /) -> Action:
        """What was done least recently; the first of these, where there are several."""
        chosen = min(seq, key=lambda action: self._done.get(action[:4], 0))
        self._count += 1
        self._done[chosen[:4]] = self._count
        return chosen


def settle(
    world: World, chance: Chance, apply: Callable[[Action], object], *, steps_max: int = STEPS_PER_ACTOR_MAX
) -> None:
    """Let everything that is under way happen, in drawn order, until nothing is; NoProgress if that never ends.

    ``apply`` makes one action happen in ``world``, and may look at what came of it. ``steps_max`` is for each actor.
    """
    limit = steps_max * (2 + len(world.participants) + len(world.dead))
    while limit > 0:
        actors = [*world.participants, *world.dead, HEADQUARTERS]
        chance.shuffle(actors)
        busy = False
        for actor in actors:
            if actions := world.enabled(actor):
                busy = True
                apply(chance.choice(actions))
                limit -= 1
        if not busy:
            return
    raise NoProgress(f"it does not come to rest: {world.describe()}")


def heal(
    world: World, chance: Chance, apply: Callable[[Action], object], *, steps_max: int = STEPS_PER_ACTOR_MAX
) -> None:
    """Let everything settle and demand a recovery point; NoProgress if there is none."""
    published = world.durable.published
    for _ in range(ROUNDS):
        settle(world, chance, apply, steps_max=steps_max)
        if not published:
            apply(Action(HEADQUARTERS, "recover"))
            settle(world, chance, apply, steps_max=steps_max)
        before = len(published)
        apply(Action(HEADQUARTERS, "interval"))
        settle(world, chance, apply, steps_max=steps_max)
        if len(published) > before:
            return
    raise NoProgress(world.describe())
