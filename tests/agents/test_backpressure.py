"""A store that cannot keep up: what is encoded waits for it, and a cut that would need too much memory is given up."""

from __future__ import annotations

import asyncio
import dataclasses
import random
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from cutpoint.errors import CutpointError
from cutpoint.names import FIRST_INCARNATION, CutNumber
from cutpoint.protocol.messages import Abandon, CutRefused, PartStored
from cutpoint.state import Batch, CapturedTable, Table
from cutpoint.store import open_backend
from cutpoint_agents import Agent, lookout
from cutpoint_agents.feed import Feed
from cutpoint_agents.lookout import Lookout
from cutpoint_agents.writing import Writing
from tests import parts
from tests.agents.held_store import Hold, hold_stores
from tests.agents.rig import IMPATIENT, Coordinator, until

ENTRIES = 2000
SETTINGS = dataclasses.replace(IMPATIENT, cut_changes_max=50, slice_entries=10, chunk_bytes=4000, pack_bytes=5000)


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hold]:
    monkeypatch.setattr(lookout, "LOOK_SECONDS", 0.01)
    store = hold_stores(monkeypatch)
    yield store
    store.let_go()


def filled(agent: Agent) -> Table[int, str]:
    chance = random.Random(1)
    table: Table[int, str] = agent.table("table")
    table.update((number, chance.randbytes(20).hex()) for number in range(ENTRIES))
    return table


async def refused(coordinator: Coordinator, name: str) -> str:
    """Why the one cut was refused; it is abandoned then, as a coordinator does."""
    await until(lambda: coordinator.heard_from(name, CutRefused))
    (message,) = coordinator.heard_from(name, CutRefused)
    await coordinator.say_all(
        Abandon(incarnation=FIRST_INCARNATION, cut=CutNumber(coordinator.cut), reason=message.reason)
    )
    return str(message.reason)


async def take_and_compare(coordinator: Coordinator, store: Path, table: Table[int, str]) -> None:
    content = table.copy()
    taken = await coordinator.take_cut("slow")
    found = parts.states_of(parts.stored(open_backend(str(store)), taken["slow"]))
    assert found["table"] == content


def count_encoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The entries of every batch that is encoded from now on."""
    encoded: list[int] = []
    encode = CapturedTable.encode

    def counted(self: CapturedTable, batch: Batch) -> bytes:
        encoded.append(len(batch.keys))
        return encode(self, batch)

    monkeypatch.setattr(CapturedTable, "encode", counted)
    return encoded


@pytest.mark.parametrize("full", [True, False], ids=["full", "delta"])
async def test_a_cut_that_cannot_keep_up_is_given_up_with_figures_and_the_service_goes_on(
    tmp_path: Path, store: Hold, full: bool
) -> None:
    async with Coordinator(str(tmp_path)).serving() as coordinator:
        agent = Agent("slow", coordinator=coordinator.url, settings=SETTINGS)
        table = filled(agent)
        async with agent:
            if not full:
                await coordinator.take_cut("slow")
                chance = random.Random(2)
                for number in range(200):
                    table[number] = chance.randbytes(100).hex()
            store.hold()
            cut = await coordinator.begin("slow")
            await until(store.waiting.is_set)
            for number in range(100, 151):
                assert not coordinator.heard_from("slow", CutRefused)
                table[number] = "changed while the store was slow"
                await asyncio.sleep(0)
            reason = await refused(coordinator, "slow")
            assert f"51 entries changed while cut {cut} was being written, and 50 are kept apart" in reason
            assert re.search(r"[1-9]\d* bytes of it had been encoded", reason)
            assert "nothing is lost" in reason
            assert agent.statistics().faults == 0
            store.let_go()
            table[1500] = "changed afterwards"
            del table[1600]
            await take_and_compare(coordinator, tmp_path, table)
            await take_and_compare(coordinator, tmp_path, table)


async def test_a_cut_that_was_given_up_writes_nothing_more(tmp_path: Path, store: Hold) -> None:
    async with Coordinator(str(tmp_path)).serving() as coordinator:
        agent = Agent("slow", coordinator=coordinator.url, settings=SETTINGS)
        table = filled(agent)
        async with agent:
            store.hold()
            await coordinator.begin("slow")
            await until(store.waiting.is_set)
            table.update((number, "changed") for number in range(51))
            await refused(coordinator, "slow")
            store.let_go()
            await until(lambda: store.created)
            await asyncio.sleep(0.1)
            given_up = len(store.created)
            await take_and_compare(coordinator, tmp_path, table)
            whole = len(store.created) - given_up
            assert given_up <= 2 < whole


async def test_what_is_encoded_waits_for_a_store_that_takes_its_time(
    tmp_path: Path, store: Hold, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoded = count_encoded(monkeypatch)
    async with Coordinator(str(tmp_path)).serving() as coordinator:
        agent = Agent("slow", coordinator=coordinator.url, settings=SETTINGS)
        filled(agent)
        async with agent:
            store.hold()
            await coordinator.begin("slow")
            await until(store.waiting.is_set)
            await asyncio.sleep(0.1)
            assert 0 < sum(encoded) < ENTRIES / 3, "a pack, a chunk that is handed on, and one that is put together"
            store.let_go()
            await until(lambda: coordinator.heard_from("slow", PartStored))
            assert sum(encoded) == ENTRIES


async def test_without_backpressure_everything_is_encoded_and_waits_in_memory(
    tmp_path: Path, store: Hold, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Feed, "full", property(lambda self: False))
    encoded = count_encoded(monkeypatch)
    async with Coordinator(str(tmp_path)).serving() as coordinator:
        agent = Agent("slow", coordinator=coordinator.url, settings=SETTINGS)
        filled(agent)
        async with agent:
            store.hold()
            await coordinator.begin("slow")
            await until(store.waiting.is_set)
            assert sum(encoded) == ENTRIES
            store.let_go()


async def test_without_the_limit_changes_are_kept_apart_for_as_long_as_the_store_takes(
    tmp_path: Path, store: Hold, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Writing, "_check_limits", lambda self: None)
    async with Coordinator(str(tmp_path)).serving() as coordinator:
        agent = Agent("slow", coordinator=coordinator.url, settings=SETTINGS)
        table = filled(agent)
        async with agent:
            store.hold()
            await coordinator.begin("slow")
            await until(store.waiting.is_set)
            table.update((number, "changed") for number in range(1000))
            await asyncio.sleep(0.2)
            assert not coordinator.heard_from("slow", CutRefused)
            assert table.statistics().unfolded == 1000
            store.let_go()


async def test_a_lookout_ends_a_wait_with_what_it_has_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookout, "LOOK_SECONDS", 0.001)
    looks = 0

    def check() -> None:
        nonlocal looks
        looks += 1
        if looks == 3:
            raise CutpointError("too much")

    with pytest.raises(CutpointError, match="too much"), Lookout(check):
        await asyncio.Event().wait()
    await asyncio.sleep(0.01)
    assert looks == 3
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def test_a_lookout_is_over_with_its_body_and_leaves_a_cancellation_alone() -> None:
    with Lookout(lambda: None):
        pass

    async def body() -> None:
        with Lookout(lambda: None):
            await asyncio.Event().wait()

    task = asyncio.create_task(body())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
