"""Who leads, and who is told."""

from __future__ import annotations

import asyncio

import pytest

from cutpoint.errors import ConfigurationError, CutpointError, RegistryError
from cutpoint.protocol.messages import Rejected
from cutpoint.registry import Leader
from cutpoint_coordinator.agents_endpoint import UNREACHED
from cutpoint_coordinator.following import Following
from cutpoint_coordinator.notices import Notices
from cutpoint_coordinator.registry import MemoryRegistry
from tests.agents.rig import until
from tests.coordinator.conftest import Agents, Serve
from tests.coordinator.scripted import Scripted

ME, OTHER = Leader("me", "http://me:1"), Leader("other", "http://other:1")


async def test_what_the_registry_says_holds_unless_this_coordinator_has_just_won() -> None:
    registry, notices = MemoryRegistry(), Notices()
    following = Following(registry, ME, notices)
    task = asyncio.create_task(following.run())
    assert (following.leader, following.other) == (None, None)
    leadership = await registry.campaign(OTHER.candidate, ttl_seconds=1, address=OTHER.address)
    await until(lambda: following.other == OTHER)
    following.won()
    assert (following.leader, following.other) == (ME, None)
    following.over()
    assert following.other == OTHER
    registry.expire(leadership)
    await registry.campaign(ME.candidate, ttl_seconds=1, address=ME.address)
    await until(lambda: following.leader is None)  # it was won by somebody of our name, and we do not know of it
    assert [notice.kind for notice in notices.latest()] == ["waiting to lead"]
    task.cancel()


async def test_who_has_waited_long_enough_leaves_nothing_behind() -> None:
    following = Following(MemoryRegistry(), ME, Notices())
    for _ in range(3):
        await following.wait_until(lambda: False, timeout_seconds=0.001)
    gone = asyncio.create_task(following.wait_until(lambda: False))
    await until(lambda: following.waiting == 1)
    gone.cancel()
    await asyncio.wait((gone,))
    assert following.waiting == 0


class Away(MemoryRegistry):
    """Fails the first time that it is asked who leads."""

    def __init__(self, fault: CutpointError) -> None:
        super().__init__()
        self.asked = 0
        self.fault = fault

    async def wait_leader_change(self, known: Leader | None) -> Leader | None:
        self.asked += 1
        if self.asked == 1:
            raise self.fault
        return await super().wait_leader_change(known)


@pytest.mark.parametrize("fault", [RegistryError, ConfigurationError], ids=["no answer", "nobody is let in"])
async def test_a_registry_that_does_not_answer_is_asked_again(fault: type[CutpointError]) -> None:
    registry = Away(fault("the registry does not answer; nothing was changed; start it."))
    following = Following(registry, ME, Notices())
    await registry.campaign(OTHER.candidate, ttl_seconds=1, address=OTHER.address)
    task = asyncio.create_task(following.run())
    await until(lambda: following.other == OTHER)
    task.cancel()


async def test_an_agent_that_could_not_reach_the_leader_is_kept_until_the_next_one_leads(
    serve: Serve, agents: Agents, registry: MemoryRegistry
) -> None:
    """Nobody who holds the leadership answers: the agent waits with the candidate, and is let in when that leads."""
    leadership = await registry.campaign("gone", ttl_seconds=1, address="http://gone:1")
    waiting = await serve(leads=False)
    await until(lambda: waiting.leader_address == "http://gone:1")
    kept, turned = Scripted("ledger"), Scripted("till")
    await turned.connect(waiting.url)
    rejected: Rejected = await turned.until_heard(Rejected)
    assert rejected.leader == "http://gone:1"
    await kept.connect(waiting.url, headers={UNREACHED: "http://gone:1"})
    await asyncio.sleep(0.2)
    assert kept.heard == []
    registry.expire(leadership)
    await kept.until(lambda: kept.process.phase == "running")
    for agent in (kept, turned):
        await agent.vanish()


async def test_an_agent_that_nobody_can_let_in_is_turned_away_in_the_end(
    serve: Serve, registry: MemoryRegistry
) -> None:
    await registry.campaign("gone", ttl_seconds=1, address="http://gone:1")
    waiting = await serve(leads=False)
    await until(lambda: waiting.leader_address == "http://gone:1")
    kept = await Scripted("ledger").connect(waiting.url, headers={UNREACHED: "http://gone:1"})
    rejected: Rejected = await kept.until_heard(Rejected)
    assert (rejected.waiting_helps, rejected.leader) == (True, "http://gone:1")
    await kept.vanish()
