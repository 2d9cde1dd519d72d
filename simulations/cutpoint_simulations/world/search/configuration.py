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

from cutpoint.errors import ConfigurationError
from cutpoint_simulations.world.action import HEADQUARTERS, Action
from cutpoint_simulations.world.healing import Orderly, settle
from cutpoint_simulations.world.topology import Edge, Topology, ring
from cutpoint_simulations.world.world import World

PAYMENTS_MAX = 9


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
    Raises ConfigurationError if it cannot be.
    """

    name: str
    topology: Topology
    payments: tuple[Payments, ...]
    cuts: int = 1
    deadlines: int = 0
    crashes: int = 0
    recovery_point: bool = False

    def __post_init__(self) -> None:
        if complaint := self._complaint():
            raise ConfigurationError(f"configuration {self.name}: {complaint}; nothing was explored")

    def _complaint(self) -> str:
        if self.crashes not in (0, 1):
            return "one crash at most, because lives are numbered in the order in which they begin"
        if self.crashes and not self.recovery_point:
            return "with a crash there must be a recovery point to go back to"
        if sum(payments.count for payments in self.payments) > PAYMENTS_MAX:
            return f"{PAYMENTS_MAX} payments at most, so that the name of none is longer than another's"
        for payments in self.payments:
            edges = self.topology.edges[payments.session : payments.session + 1]
            if not any(payments.payer in (edge.opener, edge.acceptor) for edge in edges):
                return f"{payments.payer} has no session {payments.session} to pay over"
        return ""

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
        world, chance = World(names=self.topology.names), Orderly()
        settle(world, chance, world.apply)
        for edge in self.topology.edges:
            world.apply(Action(edge.opener, "open", key=edge.acceptor, pick=int(not edge.fifo)))
            settle(world, chance, world.apply)
        if self.recovery_point:
            world.apply(Action(HEADQUARTERS, "interval"))
            settle(world, chance, world.apply)
        return world


def _pair(count: int) -> Configuration:
    """Two processes that send each other so many messages, and one cut."""
    topology = Topology(names=("p0", "p1"), edges=(Edge("p0", "p1"),))
    payments = tuple(Payments(payer=name, session=0, count=count) for name in topology.names)
    return Configuration(name=f"pair-{count}", topology=topology, payments=payments)


def _crash() -> Configuration:
    """Two processes, one message, a cut whose deadline may pass, and a crash of either."""
    topology = Topology(names=("p0", "p1"), edges=(Edge("p0", "p1"),))
    payments = (Payments(payer="p0", session=0, count=1),)
    return Configuration(
        name="pair-crash", topology=topology, payments=payments, deadlines=1, crashes=1, recovery_point=True
    )


def _ring(size: int) -> Configuration:
    """Each process sends one message to the next; one cut, which may be abandoned, and a crash of any of them."""
    topology = ring(size)
    payments = tuple(Payments(payer=name, session=i, count=1) for i, name in enumerate(topology.names))
    return Configuration(
        name=f"ring-{size}", topology=topology, payments=payments, deadlines=1, crashes=1, recovery_point=True
    )


CONFIGURATIONS = {
    configuration.name: configuration for configuration in (_pair(1), _pair(2), _crash(), _ring(2), _ring(3))
}
"""The configurations that the command line knows."""
