"""Monitors while a coordinator leads: what they catch, what they cannot harm, and what the next leader knows."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from cutpoint.names import CutNumber
from cutpoint.registry import Registry
from cutpoint.store import KeyRing, open_backend
from cutpoint.store.marks import read_marks
from cutpoint_coordinator.client import CoordinatorClient, Declined
from cutpoint_coordinator.monitoring.answers import MonitorAnswer
from cutpoint_coordinator.service import Service
from tests.coordinator import monitored
from tests.coordinator.conftest import Agents, Serve
from tests.coordinator.monitored import FAULTY, Bank, brought
from tests.coordinator.test_collecting import take_cuts
from tests.coordinator.test_cuts import Ask

PATIENCE_SECONDS = 60.0
"""A monitor's process has to start, on a machine that may be busy."""


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not condition():
            await asyncio.sleep(0.02)


def told(service: Service, kind: str) -> list[str]:
    return [notice.text for notice in service.notices.latest() if notice.kind == kind]


async def looked_at(client: CoordinatorClient, name: str, cut: int) -> MonitorAnswer:
    """What is known of a monitor once it has looked at ``cut``."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while (found := await client.monitor(name)).last_cut < cut:
            await asyncio.sleep(0.02)
    return found


async def test_a_service_that_invents_money_is_caught_on_the_first_cut_after_it(
    serve: Serve, ask: Ask, store: Path
) -> None:
    service = await serve()
    client = await ask(service.url)
    async with Bank("here", service.url, ada=60).open() as here, Bank("there", service.url, bob=40).open() as there:
        await client.put_monitor(brought(monitored.money))
        async with here.channel_to(there) as channel:
            last = 0
            for _ in range(3):
                await here.send(channel, "ada", "bob", 5)
                last = (await client.cut()).cut
            found = await looked_at(client, "money", last)
            assert (found.verdict, found.violated, found.checked, found.fault) == ("well", 0, 3, "")
            async with there.agent.turn():
                there.accounts["bob"] += 1
            first = (await client.cut()).cut
            assert first == last + 1
            found = await looked_at(client, "money", first)
            assert found.verdict == "violated"
            assert found.episodes[0].first == first
            assert "are 101, not 100" in found.episodes[0].complaint
            assert found.episodes[0].details["found"] == 101
            await until(lambda: read_marks(open_backend(str(store)), CutNumber(first)).labels)
            marks = read_marks(open_backend(str(store)), CutNumber(first))
            assert (marks.pinned, marks.labels) == (True, ("violation-money",))
            assert {mark.by for mark in marks.marks} == {"monitor money"}
            second = (await client.cut()).cut
            found = await looked_at(client, "money", second)
            assert [(episode.first, episode.last) for episode in found.episodes] == [(first, second)]
            assert not read_marks(open_backend(str(store)), CutNumber(second)).pinned, "the first one is the evidence"
            assert len(told(service, "monitor violated")) == 1
            async with there.agent.turn():
                there.accounts["bob"] -= 1
            await looked_at(client, "money", (await client.cut()).cut)
            assert told(service, "monitor content") == [
                f"monitor money is content with cut {second + 1}; it had complained of cuts {first} to {second}"
            ]


async def test_two_services_that_wait_for_each_other_are_caught(serve: Serve, ask: Ask) -> None:
    service = await serve()
    client = await ask(service.url)
    async with Bank("here", service.url).open() as here, Bank("there", service.url).open() as there:
        await client.put_monitor(brought(monitored.locked))
        async with here.channel_to(there) as one, there.channel_to(here) as other:

            async def wait(bank: Bank, channel: object) -> None:
                async with bank.agent.waiting(channel, "its turn"):
                    await asyncio.Event().wait()

            await one.send_json({"to": "bob", "amount": 1})
            first = asyncio.create_task(wait(here, one))
            await until(lambda: there.accounts.get("bob") == 1)
            cut = (await client.cut()).cut
            assert (await looked_at(client, "locked", cut)).verdict == "well", "one of them is free"
            await other.send_json({"to": "ada", "amount": 1})
            second = asyncio.create_task(wait(there, other))
            await until(lambda: here.accounts.get("ada") == 1)
            cut = (await client.cut()).cut
            found = await looked_at(client, "locked", cut)
            first.cancel()
            second.cancel()
            assert found.verdict == "violated"
            assert found.episodes[0].complaint.startswith(
                "here and there wait for each other, and no message is under way between them: here waits for there on "
            )
            assert "for its turn in " in found.episodes[0].complaint
            assert found.episodes[0].details["processes"] == ["here", "there"]


async def test_the_end_of_a_computation_is_seen(serve: Serve, ask: Ask) -> None:
    service = await serve()
    client = await ask(service.url)
    async with Bank("here", service.url, ada=60).open() as here, Bank("there", service.url).open():
        await client.put_monitor(brought(monitored.done))
        assert (await looked_at(client, "done", (await client.cut()).cut)).verdict == "well"
        here.accounts.clear()
        found = await looked_at(client, "done", (await client.cut()).cut)
        assert found.episodes[0].complaint.endswith("the computation has terminated")


@pytest.mark.parametrize("name", FAULTY)
async def test_a_faulty_monitor_is_told_as_such_and_harms_no_cut(
    serve: Serve, agents: Agents, ask: Ask, store: Path, name: str
) -> None:
    service = await serve()
    client, ledger = await ask(service.url), await agents("ledger", service.url)
    await client.put_monitor(brought(getattr(monitored, name)))
    await client.put_monitor(brought(monitored.calm))
    await take_cuts(client, ledger, 2)
    found = await looked_at(client, name, 2)
    assert (found.violated, found.failed, found.episodes) == (0, found.checked, ())
    assert (await looked_at(client, "calm", 2)).verdict == "well"
    (text,) = told(service, "monitor failed")
    assert FAULTY[name] in text
    assert text.endswith("that is no violation, and no cut was harmed")
    assert told(service, "monitor violated") == []
    assert not read_marks(open_backend(str(store)), CutNumber(1)).pinned
    await take_cuts(client, ledger, 1)


async def test_what_a_monitor_prints_goes_nowhere_and_what_it_says_is_cut_short(
    serve: Serve, agents: Agents, ask: Ask
) -> None:
    service = await serve()
    client, ledger = await ask(service.url), await agents("ledger", service.url)
    await client.put_monitor(brought(monitored.talkative))
    await take_cuts(client, ledger, 1)
    found = await looked_at(client, "talkative", 1)
    assert found.verdict == "violated"
    assert len(found.episodes[0].complaint) == 1000


async def test_the_next_leader_goes_on_where_the_last_one_was(
    serve: Serve, agents: Agents, ask: Ask, registry: Registry
) -> None:
    service = await serve()
    client, ledger = await ask(service.url), await agents("ledger", service.url)
    await client.put_monitor(brought(monitored.calm))
    await take_cuts(client, ledger, 2)
    await looked_at(client, "calm", 2)
    await until(lambda: not service.monitoring or not service.monitoring.unsaved)
    await service.stop()  # type: ignore[attr-defined]
    heir = await serve()
    client, ledger = await ask(heir.url), await agents("ledger", heir.url, "life-1")
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not (found := await client.monitors()).monitors:
            await asyncio.sleep(0.02)
    assert (found.monitors[0].last_cut, found.monitors[0].checked, found.monitors[0].by) == (2, 2, "ada@build-3")


async def test_a_record_that_no_trusted_key_has_signed_is_not_run(
    serve: Serve, agents: Agents, ask: Ask, tmp_path: Path, registry: Registry
) -> None:
    KeyRing.generate(signing="hmac-sha256").save(tmp_path / "keys.json")
    service = await serve(keys=str(tmp_path / "keys.json"))
    client, ledger = await ask(service.url), await agents("ledger", service.url)
    await client.put_monitor(brought(monitored.calm))
    record = await registry.read("monitors/calm")
    assert record is not None
    assert b"signatures" in record.value
    assert service.driver is not None
    forged = record.value.replace(b'"ada@build-3"', b'"eve@build-3"')
    await service.driver.records.write("forged", [("monitors/calm", forged), ("monitors/other", record.value)])
    await service.stop()  # type: ignore[attr-defined]
    heir = await serve(keys=str(tmp_path / "keys.json"))
    client = await ask(heir.url)
    await until(lambda: len(told(heir, "monitor refused")) == 2)
    found = await client.monitors()
    assert found.monitors == ()
    assert "altered" in found.refused["calm"]
    assert "is of another monitor" in found.refused["other"]
    await client.remove_monitor("calm")
    assert list((await client.monitors()).refused) == ["other"]
    assert ledger is not None


async def test_what_cannot_be_loaded_is_refused_and_nothing_is_kept(serve: Serve, ask: Ask) -> None:
    service = await serve()
    client = await ask(service.url)
    good = brought(monitored.calm)
    for bad, why in (
        (msgspec.structs.replace(good, code=b"cnothing.here\nat_all\n."), "No module named 'nothing'"),
        (msgspec.structs.replace(good, code=b"N."), "is no monitor but NoneType"),
        (msgspec.structs.replace(good, python="2.7"), "brought from Python 2.7"),
        (msgspec.structs.replace(good, code=b""), "has 0 bytes"),
        (msgspec.structs.replace(good, seconds=-1.0), "may take -1.0 seconds"),
    ):
        with pytest.raises(Declined, match=why):
            await client.put_monitor(bad)
    assert (await client.monitors()).monitors == ()
    with pytest.raises(Declined, match="there is no monitor calm"):
        await client.remove_monitor("calm")
