"""Cuts through the whole service: real WebSockets, real HTTP, real parts in a folder."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import pytest

from cutpoint.errors import CutpointError
from cutpoint.protocol.messages import Abandon
from cutpoint.store import Manifest, list_manifests, open_backend
from cutpoint_coordinator.checking import certificate_of
from cutpoint_coordinator.client import CoordinatorClient
from tests.coordinator.conftest import Agents, Serve
from tests.coordinator.scripted import Scripted

Ask = Callable[..., Awaitable[CoordinatorClient]]


async def test_a_cut_is_published_with_what_was_in_flight(serve: Serve, agents: Agents, ask: Ask, store: Path) -> None:
    service = await serve()
    client = await ask(service.url)
    till, ledger = await agents("till", service.url), await agents("ledger", service.url)
    till.wire(ledger)
    await ledger.until(lambda: till.process.session("orders") is not None and bool(ledger.process.session("orders")))
    for text in ("a", "b", "c"):
        till.send(text)
    await asyncio.sleep(0)
    ledger.receive()

    answer = await client.cut()

    assert (answer.cut, answer.state, answer.point and answer.point.in_flight) == (1, "published", 2)
    assert answer.point is not None
    assert answer.point.members == ("ledger", "till")
    (listed,) = (await client.points()).points
    assert (listed.cut, listed.manifest, listed.in_flight) == (1, answer.point.manifest, 2)
    assert await client.cut_state(1) == answer
    detail = await client.point(1)
    assert detail.point == answer.point
    channels = {c.channel: c for c in certificate_of(msgspec.convert(detail.manifest, Manifest)).channels}
    forth = channels["till->ledger:orders"]  # type: ignore[index]
    assert (forth.sent, forth.received, forth.in_flight_by_receiver, forth.recorded_by) == (3, 1, 2, ("till", "ledger"))
    verified = await client.verify()
    assert (verified.sound, [point.cut for point in verified.points]) == (True, [1])
    assert list_manifests(open_backend(str(store))) == (1,)
    await till.until(lambda: till.published == [1])
    topology = await client.topology()
    assert [(m.process, m.state, m.running) for m in topology.members] == [
        ("ledger", "member", True),
        ("till", "member", True),
    ]
    assert {c.channel: c.in_flight for c in topology.channels} == {"ledger->till:orders": 0, "till->ledger:orders": 2}
    assert (topology.as_of, topology.base, topology.open_cut, topology.recovery) == (1, 1, None, None)
    assert [notice.kind for notice in topology.notices][-2:] == ["cut opened", "cut published"]


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        (lambda data: data[:-1], "bytes long"),
        (lambda data: data[:-1] + bytes([data[-1] ^ 1]), "bytes are not those that were written"),
        (lambda data: data + b"more", "bytes long"),
    ],
    ids=["cut short", "altered", "longer"],
)
async def test_a_part_that_is_not_what_was_written_abandons_the_cut(
    damage: Callable[[bytes], bytes], complaint: str, serve: Serve, agents: Agents, ask: Ask, store: Path
) -> None:
    service = await serve()
    client = await ask(service.url)
    ledger = await agents("ledger", service.url)
    ledger.alter = damage

    answer = await client.cut()

    assert (answer.cut, answer.state) == (1, "abandoned")
    assert "a part is not what was written: ledger: object packs/" in answer.reason
    assert complaint in answer.reason
    assert list_manifests(open_backend(str(store))) == ()
    ledger.alter = None
    ledger.set_state(b"new")
    again = await client.cut()
    assert (again.cut, again.state) == (2, "published")
    assert [(cut.cut, cut.state) for cut in (await client.cuts()).cuts] == [(1, "abandoned"), (2, "published")]


async def test_a_cut_past_its_deadline_is_abandoned_and_names_who_held_it_up(
    serve: Serve, agents: Agents, ask: Ask
) -> None:
    service = await serve(deadline_seconds=0.3)
    client = await ask(service.url)
    await agents("till", service.url)
    ledger = await agents("ledger", service.url)
    ledger.hold_parts = True

    begun = await client.cut(wait=False)
    assert (begun.cut, begun.state) == (1, "open")
    await ledger.until(lambda: bool(ledger.held))
    open_cut = await client.cut_state(1)
    assert open_cut.waits_for == ("ledger: its part is being stored",)

    told: Abandon = await ledger.until_heard(Abandon)
    assert told.reason == "its deadline of 0.3 s passed; waiting for ledger: its part is being stored"
    ended = await client.cut_state(1)
    assert (ended.state, ended.reason) == ("abandoned", told.reason)


async def test_a_process_lost_in_mid_cut_abandons_it_by_name(serve: Serve, agents: Agents, ask: Ask) -> None:
    service = await serve()
    client = await ask(service.url)
    till, ledger = await agents("till", service.url), await agents("ledger", service.url)
    ledger.hold_parts = True
    asked = asyncio.create_task(client.cut())
    await ledger.until(lambda: bool(ledger.held))

    await ledger.vanish()

    answer = await asked
    assert (answer.state, answer.reason.split(" (")[0]) == ("abandoned", "lost ledger")
    assert (await till.until_heard(Abandon)).cut == 1
    with pytest.raises(CutpointError, match="ledger is not connected"):
        await client.cut()


async def test_a_host_that_hangs_is_missed_by_its_heartbeat(serve: Serve, agents: Agents, ask: Ask) -> None:
    service = await serve(heartbeat_seconds=0.2)
    client = await ask(service.url)
    hanging = await Scripted("ledger").connect(service.url, answers_pings=False)
    await hanging.until(lambda: hanging.process.phase == "running")
    hanging.hold_parts = True

    answer = await client.cut()

    assert answer.state == "abandoned"
    assert "lost ledger" in answer.reason
    await hanging.vanish()


async def test_the_interval_counts_from_the_end_of_a_cut(serve: Serve, agents: Agents, ask: Ask) -> None:
    service = await serve(interval_seconds=0.15)
    client = await ask(service.url)
    ledger = await agents("ledger", service.url)
    await ledger.until(lambda: len(ledger.published) >= 1)
    ledger.hold_parts = True
    await ledger.until(lambda: bool(ledger.held))
    loop = asyncio.get_running_loop()
    await asyncio.sleep(0.4)  # much longer than the interval
    ledger.release_parts()
    before = len(ledger.published)
    await ledger.until(lambda: len(ledger.published) == before + 1)
    ended_at = loop.time()
    await ledger.until(lambda: len(ledger.published) == before + 2)

    assert loop.time() - ended_at >= 0.14
    assert [point.cut for point in (await client.points()).points] == [1, 2, 3]


async def test_without_an_answer_in_time_the_cut_goes_on(serve: Serve, agents: Agents, ask: Ask) -> None:
    service = await serve()
    client = await ask(service.url)
    ledger = await agents("ledger", service.url)
    ledger.hold_parts = True

    answer = await client.cut(timeout_seconds=0.2)

    assert (answer.cut, answer.state, answer.waits_for) == (1, "open", ("ledger: its part is being stored",))
    ledger.release_parts()
    await ledger.until(lambda: ledger.published == [1])
    assert (await client.cut_state(1)).state == "published"


async def test_a_cut_of_nobody_is_refused_with_what_to_do(serve: Serve, ask: Ask) -> None:
    client = await ask((await serve()).url)
    with pytest.raises(CutpointError, match="no process has joined yet; start one whose agent names this coordinator"):
        await client.cut()
