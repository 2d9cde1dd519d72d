"""Seeded computations with one cut in their midst, run once for all tests that ask something of them."""

from __future__ import annotations

import dataclasses
import functools
import random

from cutpoint.names import CutNumber
from cutpoint_simulations.world.topology import Edge, Topology, drawn, ring
from tests.paper.chronicle import Chronicle
from tests.paper.model import Event, GlobalState, states

SEEDS = range(16)
ROUNDS_MAX = 1000


@dataclasses.dataclass(frozen=True, kw_only=True)
class Run:
    """A finished computation, and the cut that was taken on the way."""

    chronicle: Chronicle
    cut: CutNumber

    @property
    def events(self) -> list[Event]:
        """The computation."""
        return self.chronicle.events

    @property
    def initiated(self) -> int:
        """The paper's iota: how many events had occurred when the first process recorded."""
        return min(self.chronicle.cuts[self.cut].recorded.values())

    @property
    def terminated(self) -> int:
        """The paper's phi: how many events had occurred when the last channel's state was recorded."""
        return max(self.chronicle.cuts[self.cut].complete.values())

    @property
    def states(self) -> list[GlobalState]:
        """S0, S1, ..., as they really were."""
        return states(self.chronicle.initial, self.events)

    @property
    def recorded(self) -> GlobalState:
        """S*."""
        return self.chronicle.recorded(self.cut)


def connected(chance: random.Random, size: int) -> Topology:
    """Several sessions between some, and a way from everybody to everybody."""
    some = drawn(chance, size, sessions=0.8, unordered=0.0)
    path = tuple(Edge(some.names[i + 1], some.names[i]) for i in range(size - 1))
    return Topology(names=some.names, edges=path + some.edges)


@functools.cache
def run(seed: int) -> Run:
    """Pay, begin a cut, pay on while it is taken and after it."""
    chance = random.Random(seed)
    size = 2 + seed % 5
    topology = ring(size) if seed % 3 == 0 and size > 2 else connected(chance, size)
    chronicle = Chronicle(topology, seed=seed)
    chronicle.wander(20 * size)
    cut = chronicle.open_cut()
    for _ in range(ROUNDS_MAX):
        if chronicle.world.durable.published:
            break
        chronicle.wander(10)
    assert chronicle.world.durable.published, chronicle.world.describe()
    chronicle.wander(10 * size)
    chronicle.rest()
    return Run(chronicle=chronicle, cut=cut)
