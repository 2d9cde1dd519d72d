"""What is searched exhaustively: a topology, and a bounded budget of wishes and faults.

A configuration starts from the *established* state: everybody has joined, the sessions are open, and a first recovery
point has been published if it says so. That state is reached by one fixed schedule; only what follows is explored.
From there the applications' payments, the cut that is asked for, its deadline and the crash may each happen at any
moment, and everything that the world does by itself interleaves with them in every order: what the agents put on
their connections, each frame that arrives, each word to and from the coordinator, each write to the disk, the
registry and the store, each restart.

Not explored: sessions that open, close or break without a crash, messages larger than a frame, and lines that keep no
order unless the topology has them. Random schedules do that (`cutpoint_simulations.world.schedule`).
"""

from __future__ import annotations

import dataclasses
import random

from cutpoint_simulations.world.action import HEADQUARTERS, Action
from cutpoint_simulations.world.healing import settle
from cutpoint_simulations.world.topology import Edge, Topology, ring
from cutpoint_simulations.world.world import World


@dataclasses.dataclass(frozen=True, kw_only=True)
class Payments:
    """``count`` messages that ``payer`` sends, one unit of money each, on the ``session``-th edge of the topology."""

    payer: str
    session: int
    count: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Configuration:
    """What may happen, and how often. ``name`` is what the command line calls it.

    ``cuts`` are asked for, ``deadlines`` may pass, ``crashes`` may kill a process, which is started again: 0 or 1,
    because lives are numbered in the order in which they begin. ``recovery_point``: one is there from the start.
    ``safe``: payments are at most 9, so that no name of one is longer than another's.
    """

    name: str
    topology: Topology
    payments: tuple[Payments, ...]
    cuts: int = 1
    deadlines: int = 0
    crashes: int = 0
    recovery_point: bool = False

    def __post_init__(self) -> None:
        if self.crashes > 1:
            raise ValueError("one crash at most: lives are numbered in the order in which they begin")
        if self.crashes and not self.recovery_point:
            raise ValueError("with a crash there must be a recovery point to go back to")
        if sum(payments.count for payments in self.payments) > 9:
            raise ValueError("9 payments at most: their names must be of one length")

    def numbers(self) -> dict[tuple[str, str], tuple[int, ...]]:
        """The numbers of the payments by payer and key of the session."""
        found: dict[tuple[str, str], tuple[int, ...]] = {}
        first = 1
        for payments in self.payments:
            found[payments.payer, f"k{payments.session + 1}"] = tuple(range(first, first + payments.count))
            first += payments.count
        return found

    def established(self) -> World:
        """The world from which everything is explored."""
        world, chance = World(names=self.topology.names), random.Random(0)
        settle(world, chance, world.apply)
        for edge in self.topology.edges:
            world.apply(Action(edge.opener, "open", key=edge.acceptor, pick=int(not edge.fifo)))
            settle(world, chance, world.apply)
        if self.recovery_point:
            world.apply(Action(HEADQUARTERS, "interval"))
            settle(world, chance, world.apply)
        return world


def _pair(count: int, **more: int) -> Configuration:
    topology = Topology(names=("p0", "p1"), edges=(Edge("p0", "p1"),))
    payments = tuple(Payments(payer=name, session=0, count=count) for name in topology.names)
    return Configuration(name=f"pair-{count}", topology=topology, payments=payments, **more)  # type: ignore[arg-type]


def _ring(size: int) -> Configuration:
    topology = ring(size)
    payments = tuple(Payments(payer=name, session=i, count=1) for i, name in enumerate(topology.names))
    return Configuration(
        name=f"ring-{size}", topology=topology, payments=payments, deadlines=1, crashes=1, recovery_point=True
    )


CONFIGURATIONS = {configuration.name: configuration for configuration in (_pair(1), _pair(2), _ring(2), _ring(3))}
