"""A restore of many entries, and the garbage collector, which would look through all of them again and again."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import Any

import pytest

from cutpoint.state import States
from cutpoint_agents import Agent, parts
from tests.agents.rig import IMPATIENT, Coordinator, until

MANY = 5000


@pytest.fixture(autouse=True)
def unfrozen(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(parts, "FROZEN_ENTRIES", MANY)
    gc.unfreeze()
    yield
    gc.unfreeze()


async def restored(name: str, entries: int) -> dict[int, list[int]]:
    """So many entries, once they were recorded and restored."""
    async with Coordinator(f"memory:{name}").serving() as coordinator:
        agent = Agent("keeper", coordinator=coordinator.url, settings=IMPATIENT)
        table: Any = agent.table("table")
        async with agent:
            table.update((number, [number]) for number in range(entries))
            taken = await coordinator.take_cut("keeper")
            table["after"] = ["the recovery point"]
            await coordinator.recover(taken, "keeper")
            await until(lambda: "after" not in table)
            return dict(table.items())


async def test_many_restored_entries_are_left_alone_by_the_collector() -> None:
    content = await restored("many", MANY)
    assert content == {number: [number] for number in range(MANY)}
    assert gc.get_freeze_count() > MANY
    kept = {id(value) for value in content.values()}
    assert not any(id(found) in kept for found in gc.get_objects())


async def test_few_restored_entries_are_no_reason_to_freeze_anything() -> None:
    await restored("few", MANY - 1)
    assert gc.get_freeze_count() == 0


async def test_without_the_freeze_every_full_collection_looks_through_what_was_restored(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(gc, "freeze", lambda: None)
    content = await restored("looked-through", MANY)
    found = {id(one) for one in gc.get_objects()}
    assert all(id(value) in found for value in content.values())


async def test_the_collector_rests_while_a_part_is_decoded_and_works_again_afterwards(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    resting: list[bool] = []
    check = States.check

    def noted(self: States, stored: Any) -> Any:
        resting.append(not gc.isenabled())
        return check(self, stored)

    monkeypatch.setattr(States, "check", noted)
    await restored("rest", 10)
    assert resting == [True]
    assert gc.isenabled()
