"""What a coordinator does when it does not lead, no longer leads, or leads again."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from cutpoint.errors import ConfigurationError, CutpointError, RegistryError
from cutpoint.protocol.messages import Rejected
from cutpoint.registry import Committed, Conflict, Leadership, Transaction
from cutpoint.store import list_manifests, open_backend
from cutpoint_coordinator.answers import PointAnswer
from cutpoint_coordinator.client import CoordinatorClient
from cutpoint_coordinator.driver import UnreadableLedger
from cutpoint_coordinator.registry import MemoryRegistry
from tests.coordinator.conftest import Agents, Serve
from tests.coordinator.scripted import Scripted
from tests.coordinator.test_cuts import Ask


class Faulty(MemoryRegistry):
    """The memory registry, out of reach when it is told to be; ``answers_lost``: it hears, and its answer is lost."""

    def __init__(self) -> None:
        super().__init__()
        self.away = False
        self.answers_lost = 0
        self.fault: type[CutpointError] = RegistryError
        self.away_for = ""
        self.requests: list[str] = []

    async def commit(self, leadership: Leadership, transaction: Transaction) -> Committed | Conflict:
        self.requests.append(transaction.request)
        if self.away or (self.away_for and any(key.startswith(self.away_for) for key, _ in transaction.puts)):
            raise RegistryError("the registry does not answer; the change is in doubt.")
        answer = await super().commit(leadership, transaction)
        if self.answers_lost:
            self.answers_lost -= 1
            raise self.fault("the registry's answer was lost; the change is in doubt.")
        return answer


@pytest.fixture
def registry() -> Faulty:
    return Faulty()


async def test_a_coordinator_that_waits_turns_agents_and_operators_to_the_leader(
    serve: Serve, agents: Agents, ask: Ask
) -> None:
    leader = await serve()
    await agents("ledger", leader.url)
    waiting = await serve(leads=False)
    client = await ask(waiting.url)
    async with asyncio.timeout(5):
        while not waiting.leader_address:
            await asyncio.sleep(0.01)

    health = await client.health()
    assert (health.state, health.leader) == ("waiting to lead", leader.url)
    lost = await Scripted("till").connect(waiting.url)
    rejected: Rejected = await lost.until_heard(Rejected)
    assert (rejected.waiting_helps, rejected.reason) == (
        True,
        f"this coordinator does not lead; {leader.candidate} does, at {leader.url}",
    )
    await lost.vanish()
    assert (await client.cut()).state == "published"  # the client asks where it is told to ask
    assert [notice.kind for notice in waiting.notices.latest()] == ["waiting to lead"]


async def test_when_the_leader_ends_the_next_one_knows_everything(serve: Serve, agents: Agents, ask: Ask) -> None:
    first = await serve()
    ledger = await agents("ledger", first.url)
    assert (await (await ask(first.url)).cut()).cut == 1
    second = await serve(leads=False)
    await first.stop()  # type: ignore[attr-defined]
    async with asyncio.timeout(5):
        await second.wait_leading()
    client = await ask(second.url)

    assert [point.cut for point in (await client.points()).points] == [1]
    await ledger.vanish()
    await ledger.connect(second.url)
    await ledger.until(lambda: bool(ledger.heard))
    assert (await client.cut()).cut == 2
    assert (await client.topology()).incarnation == 1  # it has its memory: nobody went back


async def test_a_leader_whose_lease_expired_drops_everything_and_leads_anew(
    serve: Serve, agents: Agents, ask: Ask, registry: Faulty
) -> None:
    service = await serve()
    client = await ask(service.url)
    ledger = await agents("ledger", service.url)
    assert (await client.cut()).cut == 1
    former = service.driver
    assert former is not None
    ledger.hold_parts = True
    asked = asyncio.create_task(client.cut())
    await ledger.until(lambda: bool(ledger.held))

    registry.expire(former._leadership)

    told = await asked  # the client asks the next leader, with the same key
    assert (told.cut, told.state) == (2, "abandoned")
    await ledger.until(lambda: "stopped leading" in ledger.close_reason)
    async with asyncio.timeout(5):
        assert await service.wait_leading() is not former
    ledger.hold_parts = False
    await ledger.vanish()
    await ledger.connect(service.url)
    async with asyncio.timeout(5):
        while (await client.cut_state(2)).state != "abandoned":
            await asyncio.sleep(0.01)
    before = former.core.ledger
    assert (await client.cut()).cut == 3
    assert former.core.ledger is before  # the old core hears nothing any more


@pytest.mark.parametrize("fault", [RegistryError, ConfigurationError], ids=["no answer", "nobody is let in"])
async def test_a_lost_answer_is_settled_by_the_same_transaction(
    fault: type[CutpointError],
    serve: Serve,
    agents: Agents,
    ask: Ask,
    registry: Faulty,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("cutpoint_coordinator.driver.RETRY_SECONDS", 0.01)
    service = await serve()
    client = await ask(service.url)
    await agents("ledger", service.url)
    registry.answers_lost, registry.fault = 3, fault
    registry.requests.clear()

    assert (await client.cut()).state == "published"

    requests = [request for request in registry.requests if "-record-" not in request]
    assert len(requests) == 5  # two changes of the ledger, and three answers that were lost
    assert len(dict.fromkeys(requests)) == 2
    assert "registry unreachable" in [notice.kind for notice in service.notices.latest()]


async def test_a_manifest_that_the_registry_never_heard_of_is_finished_by_the_next_leader(
    serve: Serve, agents: Agents, ask: Ask, registry: Faulty, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cutpoint_coordinator.driver.RETRY_SECONDS", 0.01)
    service = await serve(registry_patience_seconds=0.1)
    client = await ask(service.url, patience_seconds=0)
    ledger = await agents("ledger", service.url)
    registry.away_for = "points/"
    with pytest.raises(CutpointError, match="cut 1 is finished or abandoned by the next leader"):
        await client.cut()
    assert list_manifests(open_backend(str(store))) == (1,)
    assert [record.key for record in await registry.scan("points/")] == []
    registry.away_for = ""
    async with asyncio.timeout(5):
        while [point.cut for point in await _points(client)] != [1]:
            await asyncio.sleep(0.02)

    point = (await client.points()).points[0]
    manifest = (await client.point(1)).manifest
    assert (point.members, point.created, point.parent) == (("ledger",), manifest["created"], 0)
    assert (await client.verify(1)).sound
    await ledger.vanish()
    await ledger.connect(service.url)
    await ledger.until(lambda: 1 in ledger.published)
    assert (await client.cut()).cut == 2


async def _points(client: CoordinatorClient) -> tuple[PointAnswer, ...]:
    """None while nobody leads."""
    try:
        return (await client.points()).points
    except CutpointError:
        return ()


async def test_records_of_a_newer_version_end_the_service_with_one_line(serve: Serve, registry: Faulty) -> None:
    leadership = await registry.campaign("newer", ttl_seconds=1, address="")
    newer = b'{"name":"default","version":99}'
    await registry.commit(leadership, Transaction(request="newer", puts=(("computation", newer),)))
    await registry.resign(leadership)
    service = await serve(leads=False)
    with pytest.raises(UnreadableLedger, match="start the newer version"):
        await service.task  # type: ignore[attr-defined]


async def test_readiness_is_for_leaders_only(serve: Serve, ask: Ask) -> None:
    import aiohttp

    leader = await serve()
    waiting = await serve(leads=False)
    async with aiohttp.ClientSession() as session:
        seen = []
        for service in (leader, waiting):
            for path in ("/healthz", "/readyz"):
                async with session.get(service.url + path) as response:
                    seen.append((path, response.status))
    assert seen == [("/healthz", 200), ("/readyz", 200), ("/healthz", 200), ("/readyz", 503)]


async def test_a_core_that_fails_is_thrown_away_and_built_anew_from_the_registry(
    serve: Serve, agents: Agents, ask: Ask, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    service = await serve()
    client = await ask(service.url, patience_seconds=0)
    ledger = await agents("ledger", service.url)
    assert (await client.cut()).cut == 1
    former = service.driver
    assert former is not None
    monkeypatch.setattr(former.core, "step", lambda event: 1 // 0)

    with pytest.raises(CutpointError, match="stopped leading"):
        await client.cut()

    assert "ZeroDivisionError" in caplog.text
    async with asyncio.timeout(5):
        await service.wait_leading()
    await ledger.vanish()
    await ledger.join(service.url)
    assert (await client.cut()).cut == 2


async def test_after_the_registry_was_lost_no_number_is_used_twice(
    serve: Serve, agents: Agents, ask: Ask, store: Path
) -> None:
    """Else what a cut has just written could pass for the leavings of an old one (decision 0012)."""
    before = await serve()
    ledger = await agents("ledger", before.url)
    client = await ask(before.url)
    for _ in range(2):
        await client.cut()
    await before.stop()  # type: ignore[attr-defined]
    await ledger.vanish()

    after = await serve(registry=MemoryRegistry())
    await agents("ledger", after.url, life="life-2")
    cut = await (await ask(after.url)).cut()
    assert (cut.cut, cut.state) == (3, "published")
    assert list_manifests(open_backend(str(store))) == (1, 2, 3)
    assert any("numbers go on there" in notice.text for notice in (await (await ask(after.url)).topology()).notices)
