"""What the simulated registry does to a coordinator when it is told to: what was promised holds all the same."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

from cutpoint.errors import Fenced, RegistryError
from cutpoint.registry import Committed, Leadership, Transaction
from cutpoint_simulations.cluster.registry import RegistryClient, SharedRegistry
from cutpoint_simulations.faults import Places, draw
from cutpoint_simulations.loop import Simulation

PATIENCE_SECONDS = 1.0
PLACES = Places(services=("a",), coordinators=("c1", "c2"), machines=("machine",))


class Rig:
    """A registry, one coordinator's way to it, and a clock."""

    def __init__(self, simulation: Simulation) -> None:
        self.simulation = simulation
        self.shared = SharedRegistry(simulation, "simulated")
        self.host = simulation.host("c1")
        self.client: RegistryClient = self.shared.client(self.host, patience_seconds=PATIENCE_SECONDS)

    def run(self, program: Callable[[RegistryClient], Awaitable[Any]], seconds: float = 60.0) -> Any:
        """Run it on the host, and give back what it returns."""

        async def main() -> Any:
            return await program(self.client)

        return self.simulation.complete(main(), on=self.host, seconds=seconds)


@pytest.fixture
def rig() -> Iterator[Rig]:
    with Simulation(1) as simulation:
        rig = Rig(simulation)

        async def idle() -> None:

            await asyncio.Event().wait()

        rig.host.start(idle)
        simulation.run(until=0.1)
        yield rig


async def lead(client: RegistryClient) -> Leadership:
    return await client.campaign("c1", ttl_seconds=2.0, address="http://c1:7420")


TRANSACTION = Transaction(request="r1", puts=(("x", b"1"),), expected=(("x", 0),))


def test_a_lease_that_is_revoked_ends_the_leadership_of_who_is_well(rig: Rig) -> None:
    leadership = rig.run(lead)
    assert rig.shared.revoke()
    assert not rig.shared.revoke()
    with pytest.raises(Fenced):
        rig.run(lambda client: client.commit(leadership, TRANSACTION))
    assert "run out" in rig.run(lambda client: client.lost(leadership))
    again = rig.run(lead)
    assert again.fence > leadership.fence


def test_a_commit_that_arrives_late_is_applied_once_however_often_it_was_given(rig: Rig) -> None:
    leadership = rig.run(lead)
    applied: list[str] = []
    rig.shared.committed.append(lambda at, transaction: applied.append(transaction.request))
    rig.shared.delaying.append(0.5)
    with pytest.raises(RegistryError, match="in doubt"):
        rig.run(lambda client: client.commit(leadership, TRANSACTION))
    rig.shared.delaying.clear()
    assert isinstance(rig.run(lambda client: client.commit(leadership, TRANSACTION)), Committed)
    rig.simulation.run(until=rig.simulation.agenda.now + 3.0)
    assert applied == ["r1"]


def test_a_commit_that_arrives_after_its_leader_has_ended_changes_nothing(rig: Rig) -> None:
    leadership = rig.run(lead)
    rig.shared.delaying.append(5.0)
    with pytest.raises(RegistryError, match="in doubt"):
        rig.run(lambda client: client.commit(leadership, TRANSACTION))
    rig.shared.revoke()
    rig.simulation.run(until=rig.simulation.agenda.now + 10.0)
    assert rig.shared.memory.statistics().committed == 0


def test_calls_that_are_dropped_change_nothing(rig: Rig) -> None:
    leadership = rig.run(lead)
    rig.shared.dropping.append(1.0)
    with pytest.raises(RegistryError, match="nothing was changed"):
        rig.run(lambda client: client.commit(leadership, TRANSACTION))
    assert rig.shared.memory.statistics().committed == 0


@pytest.mark.parametrize("kind", ["revoke-lease", "late-commits", "dropped-calls", "lost-answers", "pause-leader"])
def test_what_can_go_wrong_between_coordinators_is_drawn_for_several_of_them(kind: str) -> None:

    assert {fault.kind for fault in draw(random.Random(1), PLACES, 4.0, kinds=(kind,))} == {kind}
