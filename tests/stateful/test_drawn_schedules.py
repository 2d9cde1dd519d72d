"""Hypothesis draws who talks to whom, what fails how often and how long it lasts; every recovery point is judged."""

from __future__ import annotations

import random

from hypothesis import given, settings

from cutpoint_simulations.world.healing import heal, settle
from cutpoint_simulations.world.oracle import Oracle
from cutpoint_simulations.world.schedule import Schedule
from cutpoint_simulations.world.strategies import schedules, topologies
from cutpoint_simulations.world.topology import Topology
from cutpoint_simulations.world.world import HEADQUARTERS, Action, World


@settings(max_examples=300)
@given(schedule=schedules())
def test_whatever_fails_every_recovery_point_is_consistent_and_there_is_another(schedule: Schedule) -> None:
    assert schedule.run().published > 0


@settings(max_examples=60)
@given(topology=topologies(processes_max=7, sessions_max=14))
def test_without_faults_a_cut_is_published_on_any_topology_while_everybody_pays(topology: Topology) -> None:
    world, chance = World(names=topology.names), random.Random(1)
    oracle = Oracle(world)

    def apply(action: Action) -> None:
        world.apply(action)
        oracle.judge()

    settle(world, chance, apply)
    for edge in topology.edges:
        apply(Action(edge.opener, "open", key=edge.acceptor, pick=int(not edge.fifo)))
    settle(world, chance, apply)
    payments = 0
    for name in topology.names:
        for wish in world.wishes(name):
            if wish.kind == "send":
                payments += 1
                apply(wish._replace(amount=1))
    apply(Action(HEADQUARTERS, "interval"))
    settle(world, chance, apply)
    assert [point.cut for point in world.durable.published] == [1], "the first cut was not published"
    assert payments == 2 * len(topology.edges), "each session has two ends that pay"
    heal(world, chance, apply)
    assert world.money() == 100 * len(topology.names), "with empty channels nothing is missing"
