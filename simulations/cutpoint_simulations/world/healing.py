"""Liveness: when nothing fails any more, everything comes to rest and a recovery point can be demanded.

Safety is judged while anything may happen; what is asked here is only that a world whose faults have ceased makes
progress, whatever state they left it in.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from cutpoint_simulations.world.world import HEADQUARTERS, Action, World

ROUNDS = 4
"""How many cuts may fail before progress is denied: each may still meet the end of something that began before."""

STEPS_PER_ACTOR_MAX = 3000


class NoProgress(AssertionError):
    """Everything has healed, and yet no cut is published."""


def settle(world: World, chance: random.Random, apply: Callable[[Action], object]) -> None:
    """Let everything that is under way happen, in drawn order, until nothing is; NoProgress if that never ends.

    ``apply`` makes one action happen in ``world``, and may look at what came of it.
    """
    limit = STEPS_PER_ACTOR_MAX * (2 + len(world.participants) + len(world.dead))
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


def heal(world: World, chance: random.Random, apply: Callable[[Action], object]) -> None:
    """Let everything settle and demand a recovery point; NoProgress if there is none."""
    published = world.durable.published
    for _ in range(ROUNDS):
        settle(world, chance, apply)
        if not published:
            apply(Action(HEADQUARTERS, "recover"))
            settle(world, chance, apply)
        before = len(published)
        apply(Action(HEADQUARTERS, "interval"))
        settle(world, chance, apply)
        if len(published) > before:
            return
    raise NoProgress(world.describe())
