from __future__ import annotations

import asyncio

import pytest

from cutpoint.errors import Fenced
from cutpoint.registry import Leader, Leadership, Transaction
from cutpoint_coordinator.registry.memory import MemoryRegistry, MemoryRegistryStatistics


def campaign(registry: MemoryRegistry, candidate: str) -> asyncio.Task[Leadership]:
    return asyncio.ensure_future(registry.campaign(candidate, ttl_seconds=1, address=f"at {candidate}"))


async def test_candidates_lead_in_the_order_in_which_they_asked_and_without_a_gap() -> None:
    registry = MemoryRegistry()
    campaigns = [campaign(registry, name) for name in ("a", "b", "c")]
    for task, name in zip(campaigns, ("a", "b", "c"), strict=True):
        leadership = await task
        assert await registry.leader() == Leader(name, f"at {name}")
        registry.expire(leadership)
    assert await registry.leader() is None


async def test_a_candidate_cancelled_in_the_moment_of_winning_lets_the_next_one_lead() -> None:
    registry = MemoryRegistry()
    first = await campaign(registry, "first")
    second, third = campaign(registry, "second"), campaign(registry, "third")
    await asyncio.sleep(0)
    registry.expire(first)
    second.cancel()
    assert (await third).candidate == "third"
    assert second.cancelled()


async def test_statistics_tell_what_happened() -> None:
    registry = MemoryRegistry()
    first = await campaign(registry, "a")
    waiting = campaign(registry, "b")
    await asyncio.sleep(0)
    await registry.commit(first, Transaction(request="r1", puts=(("x", b""), ("y", b""))))
    await registry.commit(first, Transaction(request="r2", puts=(("x", b""),), expected=(("x", 0),)))
    registry.expire(first)
    await waiting
    with pytest.raises(Fenced, match="b leads"):
        await registry.commit(first, Transaction(request="r3", puts=(("x", b""),)))
    assert registry.statistics() == MemoryRegistryStatistics(
        revision=3, records=2, candidates_waiting=0, leaderships=2, committed=1, conflicts=1, refused=1
    )
