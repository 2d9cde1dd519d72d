"""A world is a value: it offers what may happen, and nothing happens by itself."""

from __future__ import annotations

import random

import pytest

from cutpoint_simulations.world.healing import NoProgress, heal, settle
from cutpoint_simulations.world.network import Network
from cutpoint_simulations.world.topology import Edge, Topology, drawn, ring
from cutpoint_simulations.world.world import HEADQUARTERS, Action, World


def test_a_newborn_process_may_connect_and_nothing_else() -> None:
    world = World(names=("p",))
    assert world.enabled("p") == [Action("p", "connect")]
    assert world.enabled("nobody") == []
    assert world.wishes("p") == []


def test_a_killed_process_comes_back_with_another_life_and_without_its_memory() -> None:
    world = World(names=("p", "q"))
    settle(world, random.Random(0), world.apply)
    life = world.participants["p"].core.identity.life
    world.kill("p")
    assert world.enabled("p") == [Action("p", "restart")]
    world.apply(Action("p", "restart"))
    assert world.participants["p"].core.identity.life != life
    assert world.participants["p"].core.phase == "absent"


def test_a_coordinator_that_comes_back_knows_what_the_registry_knows() -> None:
    world = World(names=("p", "q"))
    heal(world, random.Random(0), world.apply)
    before = world.durable.ledger()
    world.kill_headquarters()
    assert world.enabled(HEADQUARTERS) == [Action(HEADQUARTERS, "restart")]
    world.apply(Action(HEADQUARTERS, "restart"))
    assert world.headquarters is not None
    assert world.headquarters.core.ledger == before


def test_everybody_goes_back_when_one_has_lost_its_memory() -> None:
    world, chance = World(names=("p", "q")), random.Random(0)
    settle(world, chance, world.apply)
    world.apply(Action("p", "open", key="q"))
    world.apply(Action(HEADQUARTERS, "interval"))
    settle(world, chance, world.apply)
    (key,) = world.participants["p"].keys
    world.apply(Action("p", "send", key=key, amount=60))
    settle(world, chance, world.apply)
    assert world.participants["q"].balance == 160
    world.kill("q")
    settle(world, chance, world.apply)
    assert [world.participants[name].balance for name in ("p", "q")] == [100, 100]
    assert [world.participants[name].core.incarnation for name in ("p", "q")] == [2, 2]


def test_without_a_process_to_come_back_there_is_no_progress() -> None:
    world, chance = World(names=("p", "q")), random.Random(0)
    heal(world, chance, world.apply)
    world.kill("q")
    del world.dead["q"]
    with pytest.raises(NoProgress, match="q"):
        heal(world, chance, world.apply)


def test_a_fifo_line_gives_frames_in_order() -> None:
    network = Network()
    wire = network.connect("p", "q", fifo=True)
    with pytest.raises(AssertionError, match="in order"):
        wire.forth.pop(1)


def test_a_network_knows_the_living_connections_of_each_process() -> None:
    network = Network()
    first, second = network.connect("p", "q", fifo=True), network.connect("r", "p", fifo=False)
    assert (network.of("p"), network.of("q"), network.of("nobody")) == ([first, second], [first], [])
    assert network.drop(first.number) is first
    assert network.drop(first.number) is None
    assert (network.of("p"), network.of("q"), first.alive) == ([second], [], False)


def test_topologies_are_checked_when_they_are_built() -> None:
    with pytest.raises(ValueError, match="p cannot open a session to itself"):
        Edge("p", "p")
    with pytest.raises(ValueError, match=r"sessions of \['q'\], which are no processes"):
        Topology(names=("p",), edges=(Edge("p", "q"),))


def test_a_ring_is_a_cycle_and_a_drawn_topology_is_the_same_for_the_same_chance() -> None:
    assert [(edge.opener, edge.acceptor) for edge in ring(3).edges] == [("p0", "p1"), ("p1", "p2"), ("p2", "p0")]
    assert drawn(random.Random(3), 5) == drawn(random.Random(3), 5)
    assert len(drawn(random.Random(3), 6, sessions=2).edges) == 12
