"""K. M. Chandy and L. Lamport, "Distributed Snapshots: Determining Global States of Distributed Systems", ACM TOCS 3(1),
1985: each sentence that claims something, claimed of the real cores."""

from __future__ import annotations

import random

from cutpoint_simulations.world.healing import settle
from cutpoint_simulations.world.world import HEADQUARTERS, Action, World


def test_the_algorithm_comes_to_an_end() -> None:
    """Section 3.3."""
    world = World(names=("p", "q"))
    chance = random.Random(0)
    settle(world, chance, world.apply)
    world.apply(Action("p", "open", key="q"))
    settle(world, chance, world.apply)
    world.apply(Action(HEADQUARTERS, "interval"))
    settle(world, chance, world.apply)
    assert [point.cut for point in world.durable.published] == [1]
