"""The history of cuts: in the registry with every cut's end, bounded, read by whoever leads next."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import aiohttp
import pytest

from cutpoint.names import CutNumber, Incarnation
from cutpoint.protocol.cut_story import PHASES, CutStory
from cutpoint.protocol.holdups import Culprit
from cutpoint.registry import Leadership, Registry, Transaction
from cutpoint_coordinator.client import CoordinatorClient
from cutpoint_coordinator.commands.history_of_cuts import sparkline
from cutpoint_coordinator.history import CutRecord, History, HourRecord
from cutpoint_coordinator.history.figures import figures
from cutpoint_coordinator.registry import MemoryRegistry
from tests.coordinator.conftest import Agents, Serve

Ask = Callable[[str], Awaitable[CoordinatorClient]]


class CountingRegistry(MemoryRegistry):
    """Keeps every transaction that it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.given: list[Transaction] = []

    async def commit(self, leadership: Leadership, transaction: Transaction):  # type: ignore[no-untyped-def]
        self.given.append(transaction)
        return await super().commit(leadership, transaction)


def story(cut: int, *, published: bool = True, seconds: float = 0.5, cause: str = "") -> CutStory:
    return CutStory(
        cut=CutNumber(cut),
        incarnation=Incarnation(1),
        published=published,
        cause=cause,  # type: ignore[arg-type]
        seconds=seconds,
        phases={"recording": seconds},
        stall_seconds=0.001,
    )


def keep(history: History, *stories: CutStory) -> None:
    for each in stories:
        history.written(history.entry(each), registry_seconds=0.001)


async def test_a_cut_and_its_history_are_one_transaction(serve: Serve, agents: Agents, ask: Ask) -> None:
    registry = CountingRegistry()
    service = await serve(registry=registry)
    client = await ask(service.url)
    ledger = await agents("ledger", service.url)
    ledger.wire(await agents("till", service.url))
    before = len(registry.given)

    await client.cut()

    begun, ended = [given for given in registry.given[before:] if given.puts[0][0] == "computation"]
    assert [key for key, _ in begun.puts] == ["computation"]
    keys = [key for key, _ in ended.puts]
    assert keys[:3] == ["computation", "points/1", "history/1"]
    assert [key.rpartition("/")[0] for key in keys[3:]] == ["history/hours"]


async def test_the_history_survives_the_coordinator(serve: Serve, agents: Agents, ask: Ask) -> None:
    service = await serve(deadline_seconds=0.3)
    client = await ask(service.url)
    ledger = await agents("ledger", service.url)
    await client.cut()
    ledger.hold_parts = True
    await client.cut()
    told = await client.history()
    await service.stop()  # type: ignore[attr-defined]

    client = await ask((await serve()).url)
    again = await client.history()

    assert [record.story.cut for record in again.cuts] == [2, 1]
    assert [record.story.cause for record in again.cuts] == ["deadline", ""]
    assert again.hours == told.hours
    for now, then in zip(again.cuts, told.cuts, strict=True):
        assert (now.began, now.ended, now.coordinator) == (then.began, then.ended, then.coordinator)
        assert then.story.phases.keys() - now.story.phases.keys() == {"registry"}
    assert set(told.cuts[1].story.phases) == set(PHASES)
    found = again.figures
    assert (found.cuts, found.published, found.failed, found.success_rate) == (2, 1, 1, 0.5)
    assert found.causes == {"deadline": 1}
    assert found.budget.left < 0
    assert 0 < found.share_of_time <= 1
    assert found.mean_seconds is not None


async def test_older_cuts_are_told_page_by_page(serve: Serve, agents: Agents, ask: Ask) -> None:
    service = await serve()
    client = await ask(service.url)
    await agents("ledger", service.url)
    for _ in range(5):
        await client.cut()
    first = await client.history(limit=2)
    assert ([record.story.cut for record in first.cuts], first.next) == ([5, 4], 4)
    assert first.next is not None
    second = await client.history(limit=2, after=first.next)
    assert ([record.story.cut for record in second.cuts], second.next) == ([3, 2], 2)
    assert second.next is not None
    last = await client.history(limit=2, after=second.next)
    assert ([record.story.cut for record in last.cuts], last.next) == ([1], None)


async def test_a_page_without_cuts_has_the_figures_and_no_next(serve: Serve, agents: Agents, ask: Ask) -> None:
    service = await serve()
    client = await ask(service.url)
    await agents("ledger", service.url)
    await client.cut()
    told = await client.history(limit=0)
    assert (told.cuts, told.next, told.figures.published) == ((), None, 1)


@pytest.mark.parametrize("query", ["before=2", "older=1", "limit=501", "limit=-1", "after=-1", "after=1&after=2"])
async def test_a_query_that_the_history_does_not_know_is_refused(serve: Serve, query: str) -> None:
    service = await serve()
    async with aiohttp.ClientSession() as session, session.get(f"{service.url}/v1/history?{query}") as response:
        told = await response.json()
    assert response.status == 400
    assert told["error"]["code"] == "bad_query"


async def test_what_is_too_old_goes_with_the_next_cut(registry: Registry) -> None:
    leadership = await registry.campaign("one", ttl_seconds=5, address="")
    history = History(coordinator="one", cuts_kept=3)
    for cut in range(1, 8):
        entry = history.entry(story(cut))
        await registry.commit(leadership, Transaction(request=f"r{cut}", puts=entry.puts, deletes=entry.deletes))
        history.written(entry, registry_seconds=0.0)
    stored = [record.key for record in await registry.scan("history/") if "hours" not in record.key]
    assert stored == ["history/5", "history/6", "history/7"]
    again = History(coordinator="two", cuts_kept=3)
    assert await again.load(registry) == ()
    assert (list(again.cuts), again.hours) == ([5, 6, 7], history.hours)


async def test_a_record_that_cannot_be_read_is_left_out_and_told(registry: Registry) -> None:
    leadership = await registry.campaign("one", ttl_seconds=5, address="")
    entry = History(coordinator="one").entry(story(1))
    damaged = (("history/2", b"{"), ("history/hours/x", b"\xff"))
    await registry.commit(leadership, Transaction(request="r", puts=(*entry.puts, *damaged)))
    history = History(coordinator="two")
    complaints = await history.load(registry)
    assert len(complaints) == 2
    assert all("is damaged" in complaint for complaint in complaints)
    assert list(history.cuts) == [1]


def test_what_somebody_wanted_counts_neither_for_nor_against() -> None:
    history = History(coordinator="one")
    keep(history, story(1), story(2, published=False, cause="recovery"), story(3, published=False, cause="deadline"))
    last = history.cuts[CutNumber(3)]
    found = figures(history, now=seconds_after(last), window_seconds=3600.0, objective=0.5)
    assert (found.cuts, found.published, found.failed, found.wanted, found.success_rate) == (3, 1, 1, 1, 0.5)
    assert (found.budget.allowed, found.budget.left) == (1.0, 0.0)


@pytest.mark.parametrize(("failed", "left"), [(0, 1.0), (1, 0.9), (10, 0.0), (20, -1.0)])
def test_the_error_budget_is_what_the_objective_allows(failed: int, left: float) -> None:
    history = History(coordinator="one")
    keep(
        history, *(story(cut, published=cut > failed, cause="" if cut > failed else "store") for cut in range(1, 1001))
    )
    last = history.cuts[CutNumber(1000)]
    found = figures(history, now=seconds_after(last), window_seconds=604_800.0, objective=0.99)
    assert found.budget.left == pytest.approx(left)


def test_hours_before_the_window_do_not_count() -> None:
    history = History(coordinator="one")
    keep(history, story(1))
    (hour,) = history.hours
    history.hours = {hour - 100: HourRecord(hour=hour - 100, failed=5), **history.hours}
    last = history.cuts[CutNumber(1)]
    assert figures(history, now=seconds_after(last), window_seconds=3600.0 * 10, objective=0.9).failed == 0
    assert figures(history, now=seconds_after(last), window_seconds=3600.0 * 200, objective=0.9).failed == 5


def test_no_history_has_no_figures() -> None:
    found = figures(History(coordinator="one"), now=1_800_000_000.0, window_seconds=3600.0, objective=0.9)
    assert (found.cuts, found.success_rate, found.mean_seconds, found.budget.left) == (0, None, None, 1.0)


def test_a_sparkline_has_one_sign_for_every_hour() -> None:
    hours = [HourRecord(hour=10, published=8), HourRecord(hour=12, published=4), HourRecord(hour=13, failed=1)]
    assert sparkline(hours) == "█ ▄!"


def test_a_story_is_small_however_much_there_is_to_tell() -> None:
    many = tuple(Culprit(process=f"p{n}", kind="turn", text="x" * 600) for n in range(16))  # type: ignore[arg-type]
    history = History(coordinator="one")
    from msgspec.structs import replace

    entry = history.entry(replace(story(1, published=False), held_by=many, reason="y" * 2000))
    assert sum(len(value) for _, value in entry.puts) < 32_000


def seconds_after(record: CutRecord) -> float:
    """A moment just after that cut."""
    from cutpoint_coordinator.history.figures import seconds_of

    return seconds_of(record.ended) + 0.01


async def test_nothing_is_told_twice_when_the_answer_of_the_registry_was_lost(
    serve: Serve, agents: Agents, ask: Ask
) -> None:
    from cutpoint.errors import RegistryError

    class Forgetful(CountingRegistry):
        lose = False

        async def commit(self, leadership: Leadership, transaction: Transaction):  # type: ignore[no-untyped-def]
            answer = await super().commit(leadership, transaction)
            if self.lose and any(key.startswith("history/") for key, _ in transaction.puts):
                self.lose = False
                raise RegistryError("the answer was lost")
            return answer

    registry = Forgetful()
    service = await serve(registry=registry)
    client = await ask(service.url)
    await agents("ledger", service.url)
    registry.lose = True
    async with asyncio.timeout(30):
        assert (await client.cut()).state == "published"
    (hour,) = (await client.history()).hours
    assert hour.published == 1
    ends = [t for t in registry.given if any(key.startswith("history/") for key, _ in t.puts)]
    assert len(ends) == 2
    assert ends[0] == ends[1]
