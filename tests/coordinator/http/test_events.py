"""The event stream: resumable, filtered, bounded; what may be missing is said."""

from __future__ import annotations

import asyncio
import contextlib

import aiohttp
import pytest

from cutpoint_coordinator import streaming
from cutpoint_coordinator.answers import NoticeAnswer
from cutpoint_coordinator.client import CoordinatorClient, Event
from cutpoint_coordinator.client.events import LineReader, Raw
from cutpoint_coordinator.streaming import Reader, event_text, wanted
from tests.coordinator.conftest import Agents, Serve


def notice(number: int, kind: str = "cut published") -> NoticeAnswer:
    return NoticeAnswer(number=number, at="", kind=kind, text="text")


def test_a_kind_is_chosen_by_its_first_words() -> None:
    assert [
        wanted(kinds, "cut published") for kinds in ("", "cut", "cut published", "recovery, cut", "c", "cut p")
    ] == [
        *(True, True, True, True),
        *(False, False),
    ]


async def test_a_reader_that_is_too_slow_is_told_so_and_holds_nothing_more() -> None:
    reader = Reader(waiting_max=2)
    for number in (1, 2, 3, 4):
        reader.take(notice(number))
    assert (await reader.following(0), reader.too_slow) == ((), True)


def test_a_stream_is_read_however_it_is_cut_into_pieces() -> None:
    text = b"retry: 1\n\n:\n\n" + event_text("", notice(1), id="3-1") + event_text("ended", {"reason": "x"})
    for size in (1, 7, len(text)):
        reader = LineReader()
        pieces = [text[at : at + size] for at in range(0, len(text), size)]
        events = [raw for piece in pieces for raw in reader.feed(piece)]
        assert [(raw.name, raw.id) for raw in events] == [("", "3-1"), ("ended", "")]
        assert isinstance(events[1], Raw)
        assert events[1].data == '{"reason":"x"}'


async def taken(client: CoordinatorClient, count: int, kind: str = "", last: str = "") -> list[Event]:
    """The first ``count`` events after ``last``."""
    found: list[Event] = []
    async with asyncio.timeout(60), contextlib.aclosing(client.events(kind, last_event=last)) as events:
        async for event in events:
            found.append(event)
            if len(found) == count:
                break
    return found


async def test_a_reader_goes_on_after_the_last_event_that_it_has_seen(serve: Serve, agents: Agents) -> None:
    service = await serve()
    async with CoordinatorClient(service.url) as client:
        begin = (await client.notices(limit=1)).last_event
        await agents("ledger", service.url)
        for _ in range(3):
            await client.cut()
        first = await taken(client, 2, "cut published", begin)
        second = await taken(client, 1, "cut published", first[-1].id)
    cuts = [event.notice.fields["cut"] for event in first + second if event.notice is not None]
    assert cuts == [1, 2, 3]


async def test_the_stream_goes_on_at_the_next_leader_and_says_that_something_may_be_missing(
    serve: Serve, agents: Agents
) -> None:
    service = await serve()
    following = await serve(leads=False)
    async with CoordinatorClient([service.url, following.url]) as client:
        begin = (await client.notices(limit=1)).last_event
        stream = asyncio.create_task(taken(client, 2, "leading", begin))
        await service.stop()  # type: ignore[attr-defined]
        gap, leads = await stream
    assert "another coordinator led" in gap.gap
    assert leads.notice is not None
    assert following.candidate in leads.notice.text


async def test_what_is_not_remembered_is_counted(serve: Serve) -> None:
    service = await serve()
    begin = service.notices.total
    for number in range(600):
        service.notices.add("noise", str(number))
    assert service.driver is not None
    async with CoordinatorClient(service.url) as client:
        await client.notices(limit=1)
        gap, first = await taken(client, 2, "", f"{service.driver.fence}-{begin}")
    assert gap.gap == "100 events are not remembered"
    assert first.notice is not None
    assert first.notice.text == "100"


async def test_a_slow_reader_is_dropped_with_a_last_event_and_nobody_else_is(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streaming, "WAITING_MAX", 10)
    monkeypatch.setattr(Reader.__init__, "__kwdefaults__", {"waiting_max": 10})
    service = await serve()
    async with aiohttp.ClientSession() as session, session.get(f"{service.url}/v1/events") as response:
        await response.content.readline()
        for number in range(20):  # all in one turn of the loop: the stream has no chance to write one
            service.notices.add("noise", str(number))
        async with asyncio.timeout(30):
            text = (await response.content.read()).decode()
    assert "event: dropped\n" in text
    assert "too slow" in text


async def test_a_stream_ends_with_the_leadership_and_names_the_next_leader_if_there_is_one(serve: Serve) -> None:
    service = await serve()
    async with aiohttp.ClientSession() as session, session.get(f"{service.url}/v1/events") as response:
        await response.content.readline()
        assert service.driver is not None
        service.driver.end("a test ends it")
        async with asyncio.timeout(30):
            text = (await response.content.read()).decode()
    assert "event: ended\n" in text
