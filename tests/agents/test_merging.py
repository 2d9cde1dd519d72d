"""Runs of a table, merged beside the service's work: few of them, always the same content, never a pack too old."""

from __future__ import annotations

import asyncio
import dataclasses
import itertools
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from cutpoint.protocol.messages import PackRef, PartSummary
from cutpoint.state import Table
from cutpoint.store import ERA_SPAN, Run, Tiers, open_backend, open_part
from cutpoint_agents import Agent, merging
from cutpoint_agents.merging import LATE_MAX, REST, Merged, Merger
from cutpoint_agents.slices import Pace
from tests import parts
from tests.agents.rig import IMPATIENT, Coordinator, until

CUTS = 100
RUNS_MAX = 24
"""A base, three of each length, four lengths up to a hundred, and what waits for a merge on a slow machine."""

SMALL_RUNS = Tiers(deltas_min=2, similar=1000.0, small_bytes=1, base_share=1000.0)


class Books:
    """An agent with one table and a coordinator; every cut is compared with the table."""

    def __init__(self, coordinator: Coordinator, agent: Agent, table: Table[str, Any]) -> None:
        self.coordinator = coordinator
        self.agent = agent
        self.table = table
        self.backend = open_backend(coordinator.store)
        self.summary: PartSummary | None = None

    @property
    def merger(self) -> Merger:
        return self.agent.driver.parts._merger

    async def cut(self) -> tuple[Run, ...]:
        """Take one, compare it, and tell the runs of the table."""
        content = self.table.copy()
        taken = await self.coordinator.take_cut("books")
        self.summary = taken["books"]
        found = parts.states_of(parts.stored(self.backend, self.summary))["table"]
        assert list(found.items()) == list(content.items())
        reader = open_part(self.backend, self.summary.packs[-1])
        (state,) = [state for state in reader.head.states if state.name == "table"]
        return state.runs

    @property
    def packs(self) -> tuple[PackRef, ...]:
        """All that the last part needs."""
        assert self.summary is not None
        return self.summary.packs

    async def merged(self, other_than: Merged | None = None) -> Merged:
        """Wait until a merge is there to be named."""
        await until(lambda: self.merger.merged.get("table", other_than) is not other_than, 10)
        return self.merger.merged["table"]

    async def change(self, *keys: str) -> tuple[Run, ...]:
        """Set ``keys`` and take a cut."""
        self.table.update((key, f"{key} in {self.coordinator.cut}") for key in keys)
        return await self.cut()


@asynccontextmanager
async def books(name: str, tiers: Tiers, entries: int) -> AsyncIterator[Books]:
    """``entries`` of them, in a store of their own in memory."""
    async with Coordinator(f"memory:{name}").serving() as coordinator:
        settings = dataclasses.replace(IMPATIENT, tiers=tiers, slice_entries=100, chunk_bytes=4000)
        agent = Agent("books", coordinator=coordinator.url, settings=settings)
        table: Table[str, Any] = agent.table("table")
        table.update((f"key-{number}", [number] * 10) for number in range(entries))
        async with agent:
            yield Books(coordinator, agent, table)


@pytest.mark.parametrize(
    "tiers", [Tiers(small_bytes=1), Tiers()], ids=["written-anew-between-cuts", "written-anew-by-a-cut"]
)
async def test_after_a_hundred_cuts_there_are_few_runs_and_each_cut_was_exact(tiers: Tiers) -> None:
    chance = random.Random(1)
    async with books(f"hundred-{tiers.small_bytes}", tiers, 3000) as kept:
        counts, bases = [], set()
        for number in range(CUTS):
            change_some(kept.table, chance, number)
            await asyncio.sleep(chance.choice((0.0, 0.04)))
            runs = await kept.cut()
            counts.append(len(runs))
            bases.add(runs[0].chunks[0].id)
        print(f"{CUTS} cuts, {max(counts)} runs at most, {len(bases)} bases: {counts}")
        assert max(counts) <= RUNS_MAX
        assert sum(after < before for before, after in itertools.pairwise(counts)) >= CUTS / 20
        assert len(bases) >= 2


def change_some(table: Table[str, Any], chance: random.Random, number: int) -> None:
    for key in chance.sample(list(table), 40):
        match chance.randrange(4):
            case 0:
                del table[key]
                table[f"key-{number}-{key}"[:30]] = [number]
            case 1:
                with table.edit(key) as value:
                    value.append(number)
            case _:
                table[key] = [number] * 10


async def test_without_merges_there_is_a_run_for_every_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merging, "merge_due", lambda runs, tiers: None)
    async with books("no-merges", SMALL_RUNS, 10) as kept:
        counts = [len(await kept.change(f"key-{number % 3}")) for number in range(RUNS_MAX + 4)]
        assert counts[-1] == RUNS_MAX + 4


async def test_what_was_merged_takes_the_place_of_its_runs_in_a_later_cut() -> None:
    async with books("used", SMALL_RUNS, 10) as kept:
        for key in ("a", "b", "a"):
            await kept.change(key)
        merged = await kept.merged()
        runs = await kept.change("c")
        assert runs[1].entries == merged.run.run.entries == 2
        assert len(runs) == 3
        assert set(merged.run.packs) <= set(kept.packs)


@pytest.mark.parametrize(("behind", "named"), [(ERA_SPAN, True), (ERA_SPAN + 1, False)])
async def test_what_was_merged_too_long_ago_is_not_named_any_more(behind: int, named: bool) -> None:
    async with books(f"behind-{behind}", SMALL_RUNS, 10) as kept:
        merged = await too_old(kept, behind)
        runs = await kept.change("d")
        assert kept.coordinator.cut == merged.cut + behind
        assert (set(merged.run.packs) <= set(kept.packs)) is named
        assert (len(runs) == 3) is named


async def too_old(kept: Books, behind: int) -> Merged:
    """What was merged, once the next cut finds it ``behind`` cuts behind."""
    for key in ("a", "b", "c"):
        await kept.change(key)
    merged = await kept.merged()
    kept.coordinator.cut = merged.cut + behind - 1
    return merged


async def test_without_the_limit_of_age_a_cut_names_a_pack_that_may_be_collected(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(merging, "ERA_SPAN", 1000)
    async with books("no-limit", SMALL_RUNS, 10) as kept:
        merged = await too_old(kept, ERA_SPAN + 1)
        before = set(kept.packs)
        await kept.change("d")
        strange = [pack for pack in kept.packs if pack not in before and pack.era < kept.coordinator.cut - ERA_SPAN]
        assert strange == list(merged.run.packs)


async def test_a_table_whose_merges_come_too_late_has_less_rest_and_then_is_written_anew() -> None:
    async with books("late", SMALL_RUNS, 10) as kept:
        rests: list[float] = []
        pace = kept.merger._pace

        def noted(rest: float) -> Pace:
            rests.append(rest)
            return pace(rest)

        kept.merger._pace = noted
        for key in ("a", "b", "c"):
            await kept.change(key)
        merged = None
        for late in range(1, LATE_MAX + 1):
            merged = await kept.merged(merged)
            kept.coordinator.cut += ERA_SPAN + 1
            assert [run.entries for run in await kept.change(f"late-{late}")] == [11] + [1] * (2 + late)
        await until(lambda: kept.merger.hopeless)
        assert [run.entries for run in await kept.change("anew")] == [14 + LATE_MAX]
        assert rests[:LATE_MAX] == [REST, REST / 4, REST / 16]
        assert [run.entries for run in await kept.change("d")] == [14 + LATE_MAX, 1]
        assert not kept.merger.hopeless


async def test_a_restore_forgets_what_was_merged_of_another_past() -> None:
    async with books("restored", SMALL_RUNS, 10) as kept:
        for key in ("a", "b", "c"):
            await kept.change(key)
        assert kept.summary is not None
        back = {"books": kept.summary}
        content = kept.table.copy()
        await kept.merged()
        kept.table["after"] = "the recovery point"
        await kept.coordinator.recover(back, "books")
        await until(lambda: "after" not in kept.table)
        assert kept.table.copy() == content
        assert not kept.merger.merged
        await kept.change("d")
        await kept.change("e")
