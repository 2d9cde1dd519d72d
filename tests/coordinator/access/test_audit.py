"""The audit log: who, what, when, from where, and the outcome; durable, bounded, without secrets, and never off."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from cutpoint.access import Token
from cutpoint.errors import RegistryError
from cutpoint.registry import Committed, Conflict, Leadership, Registry, Transaction
from cutpoint_coordinator.access import audit as audits
from cutpoint_coordinator.access.answers import Entry
from cutpoint_coordinator.access.audit import Audit
from cutpoint_coordinator.client import CoordinatorClient, Declined
from cutpoint_coordinator.notices import Notices
from cutpoint_coordinator.records import Records
from cutpoint_coordinator.registry import MemoryRegistry
from cutpoint_coordinator.service import Service
from tests.coordinator.access.test_scopes import ADMIN, call, make
from tests.coordinator.conftest import Agents, Serve


async def entries(service: Service) -> list[tuple[str, str, str, str]]:
    """Who, what, on what, with which outcome; oldest first."""
    found = await service.audit.entries()
    return [(entry.who, entry.what, entry.target, entry.outcome) for entry in reversed(found)]


async def test_what_is_done_is_noted_with_who_what_and_how_it_ended(serve: Serve, agents: Agents) -> None:
    service = await serve()
    await agents("ledger", service.url)
    async with CoordinatorClient(service.url) as client:
        await client.create_token("ops", "administer")
    async with CoordinatorClient(service.url, token=await _again(service, "ops")) as client:
        await client.cut()
        await client.mark(1, "label", label="before-the-change")
        await client.collect("last 3", dry_run=True)
        await client.recover(1, dry_run=True)
        with pytest.raises(Declined):
            await client.release("nobody")
        await client.rotate_token("ops")
    assert await entries(service) == [
        ("anybody", "create token", "name=ops scope=administer", "done"),
        ("ops", "take a cut", "", "done"),
        ("ops", "mark", "1 event=label label=before-the-change", "done"),
        ("ops", "collect", "keep=last 3 dry_run=true", "done"),
        ("ops", "recover", "cut=1 dry_run=true", "done"),
        ("ops", "release", "process=nobody", "refused: refused"),
        ("ops", "rotate token", "ops", "done"),
    ]
    (first, *_) = (await service.audit.entries())[-1:]
    assert (first.number, first.origin, first.count, first.denied) == (1, "127.0.0.1", 1, False)
    assert first.at[:2] == "20"


async def _again(service: Service, name: str) -> Token:
    """A new secret for ``name``, made behind the API's back."""
    assert service.driver is not None
    token, _ = await service.access.tokens.rotate(service.driver.records, name, grace_seconds=0, seconds=None)
    return token


async def test_the_log_survives_every_coordinator(serve: Serve) -> None:
    first = await serve(token=ADMIN)
    await make(first, "ci", "trigger")
    before = await entries(first)
    await first.stop()  # type: ignore[attr-defined]
    second = await serve(token=ADMIN)
    await make(second, "ops", "restore")
    assert await entries(second) == [*before, ("bootstrap", "create token", "name=ops scope=restore", "done")]
    numbers = [entry.number for entry in await second.audit.entries()]
    assert numbers == sorted(numbers, reverse=True)
    assert len(dict.fromkeys(numbers)) == len(numbers)


async def test_what_was_denied_is_noted_once_and_counted(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    service = await serve(token=ADMIN)
    observer = await make(service, "looker", "observe")
    for _ in range(30):
        await call(service, "POST", "/v1/cuts", observer)
        await call(service, "GET", "/v1/cuts", "nonsense")
    denied = [entry for entry in await service.audit.entries() if entry.denied]
    assert [(entry.who, entry.what, entry.count) for entry in denied] == [
        ("nobody known", "log in", 1),
        ("looker", "take a cut", 1),
    ]
    service.audit._gathered()
    denied = [entry for entry in await service.audit.entries() if entry.denied]
    assert [entry.count for entry in denied] == [30, 30]
    assert [entry.outcome for entry in denied] == [
        "denied: the token is unknown, or counts no more",
        "denied: it may observe",
    ]


async def test_knocking_under_ever_new_names_does_not_fill_the_registry(registry: Registry) -> None:
    audit, records = await _log(registry)
    for number in range(5000):
        audit.denied(who="nobody known", what="log in", origin=f"192.0.2.{number}", why="no token was given")
    found = await audit.entries()
    assert len(found) == audits.KINDS_MAX + 1
    assert len(await records.scan("audit/")) == audits.KINDS_MAX + 1
    await audit.detach()
    audit.close()


async def _log(registry: Registry, **settings: Any) -> tuple[Audit, Records]:
    leadership = await registry.campaign("a", ttl_seconds=3, address="")
    records = Records(registry, leadership)
    audit = Audit(Notices(), author="a", **settings)
    audit.attach(records)
    return audit, records


async def test_the_oldest_are_dropped_each_kind_for_itself(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audits, "KEPT", 50)
    monkeypatch.setattr(audits, "DENIED_KEPT", 5)
    audit, records = await _log(registry)
    audit.note(who="ops", what="the first")
    for number in range(10):
        audit.denied(who=f"n{number}", what="log in", origin="", why="")
    for number in range(120):
        audit.note(who="ops", what=f"act {number}")
    await audit.settled()
    audit.note(who="ops", what="act 120")
    await audit.settled()
    found = await audit.entries()
    done = [entry.what for entry in found if not entry.denied]
    assert done == [f"act {number}" for number in range(120, 70, -1)]
    assert len([entry for entry in found if entry.denied]) == 5
    stored = [msgspec.json.decode(record.value, type=Entry) for record in await records.scan("audit/")]
    assert tuple(reversed(stored)) == found
    await audit.detach()
    audit.close()


async def test_no_field_keeps_a_secret_or_more_than_a_line(registry: Registry) -> None:
    audit, records = await _log(registry)
    token = Token.generate().reveal()
    audit.note(
        who=f"a {token}",
        what=f"GET /{token}\nX-Forged: yes",
        target="etcd://root:hunter2@etcd:2379",
        origin="x" * 10_000,
        outcome=f"failed: Bearer {token}",
    )
    (entry,) = await audit.entries()
    stored = b"".join(record.value for record in await records.scan("audit/"))
    for secret in (token, token[16:59], "hunter2"):
        assert secret.encode() not in stored
    assert "\n" not in entry.what
    assert len(entry.origin) < 250
    await audit.detach()


class Mute(MemoryRegistry):
    """A registry that takes nothing any more once it is told to, and says that it did not answer."""

    def __init__(self) -> None:
        super().__init__()
        self.mute = False

    async def commit(self, leadership: Leadership, transaction: Transaction) -> Committed | Conflict:
        if self.mute and any(key.startswith("audit/") for key, _ in transaction.puts):
            raise RegistryError("it does not answer.")
        return await super().commit(leadership, transaction)


async def test_without_its_entry_nothing_is_done_that_cannot_be_taken_back(serve: Serve, agents: Agents) -> None:
    registry = Mute()
    service = await serve(registry=registry, registry_patience_seconds=0.2)
    await agents("ledger", service.url)
    async with CoordinatorClient(service.url) as client:
        await client.cut()
        await service.audit.settled()
        registry.mute = True
        with pytest.raises(RegistryError):
            await client.recover(1)
        registry.mute = False
        async with asyncio.timeout(20):
            await service.wait_leading()
        assert (await client.recoveries()).recoveries == ()


async def test_an_act_that_its_coordinator_did_not_survive_stays_as_begun(registry: Registry) -> None:
    audit, records = await _log(registry)
    act = await audit.begin(who="ops", what="recover")
    assert [entry.outcome for entry in await audit.entries()] == ["begun"]
    audit.finish(act, "done")
    assert [(entry.number, entry.outcome) for entry in await audit.entries()] == [(1, "done")]
    await audit.begin(who="ops", what="collect")
    await audit.detach()
    stored = [msgspec.json.decode(record.value, type=Entry).outcome for record in await records.scan("audit/")]
    assert stored == ["done", "begun"]


async def test_what_waits_when_a_leadership_ends_is_written_by_the_next(registry: MemoryRegistry) -> None:
    audit, _ = await _log(registry)
    audit.note(who="ops", what="one")
    await audit.settled()
    await audit.detach()
    audit.note(who="ops", what="two")
    with pytest.raises(RegistryError, match="noted before it is done"):
        await audit.begin(who="ops", what="recover")
    leader = await registry.leader()
    assert leader is not None
    registry._standing = None
    records = Records(registry, await registry.campaign("a", ttl_seconds=3, address=""))
    audit.attach(records)
    assert [entry.what for entry in await audit.entries()] == ["two", "one"]
    await audit.detach()


async def test_the_log_is_read_by_pages(serve: Serve) -> None:
    service = await serve(token=ADMIN)
    for number in range(7):
        service.audit.note(who="ops", what=f"act {number}")
    async with CoordinatorClient(service.url, token=ADMIN) as client:
        page = await client.audit(limit=3)
        assert [entry.what for entry in page.entries] == ["act 6", "act 5", "act 4"]
        page = await client.audit(limit=3, after=page.next)
        assert [entry.what for entry in page.entries] == ["act 3", "act 2", "act 1"]
        page = await client.audit(limit=3, after=page.next)
        assert ([entry.what for entry in page.entries], page.next) == (["act 0"], None)
    for query in ("limit=0", "limit=x", "after=-1", "after=x", "before=1", "limit=100000"):
        assert (await call(service, "GET", f"/v1/audit?{query}", ADMIN))[:2] == (400, "bad_query")
