"""What is kept in the registry beside the ledger: fenced, in order, tried again, and no concern of the ledger's."""

from __future__ import annotations

import asyncio

import pytest

from cutpoint.errors import Fenced, RegistryError, UsageError
from cutpoint.protocol.ledger import FAMILIES, Ledger, from_records, is_ledger_key
from cutpoint.registry import Committed, Conflict, Leadership, Record, Transaction
from cutpoint_coordinator.records import Records
from cutpoint_coordinator.registry import MemoryRegistry
from tests.coordinator.conftest import Agents, Serve
from tests.coordinator.test_cuts import Ask


class Faltering(MemoryRegistry):
    """A registry that fails the next commits: before it has done them, or after."""

    def __init__(self) -> None:
        super().__init__()
        self.failing: list[str] = []
        self.tried: list[Transaction] = []
        self.scanned: list[str] = []

    async def commit(self, leadership: Leadership, transaction: Transaction) -> Committed | Conflict:
        self.tried.append(transaction)
        how = self.failing.pop(0) if self.failing else ""
        if how == "before":
            raise RegistryError("nothing was done.")
        answer = await super().commit(leadership, transaction)
        if how == "after":
            raise RegistryError("the answer was lost.")
        return answer

    async def scan(self, prefix: str) -> tuple[Record, ...]:
        self.scanned.append(prefix)
        return await super().scan(prefix)


async def _leading(registry: MemoryRegistry) -> Leadership:
    return await registry.campaign("a", ttl_seconds=3.0, address="http://a")


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cutpoint_coordinator.records.RETRY_SECONDS", 0.001)


async def test_what_is_written_is_read_by_its_family() -> None:
    registry = MemoryRegistry()
    records = Records(registry, await _leading(registry))
    assert isinstance(await records.write("two", [("tokens/ci", b"1"), ("audit/1", b"2")]), Committed)
    await records.write("change", [("tokens/ops", b"3")], ["audit/1"])
    assert [(record.key, record.value) for record in await records.scan("tokens/")] == [
        ("tokens/ci", b"1"),
        ("tokens/ops", b"3"),
    ]
    assert await records.read("audit/1") is None


@pytest.mark.parametrize("how", ["before", "after"])
async def test_a_write_in_doubt_is_tried_again_and_applied_once(how: str) -> None:
    registry = Faltering()
    troubles: list[str] = []
    records = Records(registry, await _leading(registry), trouble=lambda error: troubles.append(str(error)))
    registry.failing = [how, how]
    await records.write("it", [("policy", b"1")])
    assert len(registry.tried) == 3
    assert len({transaction.request for transaction in registry.tried}) == 1
    assert registry.statistics().committed == 1
    assert len(troubles) == 2


async def test_writes_are_applied_in_the_order_in_which_they_were_asked_for() -> None:
    registry = Faltering()
    records = Records(registry, await _leading(registry))
    registry.failing = ["before", "before"]
    await asyncio.gather(*(records.write("n", [("policy", str(n).encode())]) for n in range(5)))
    found = await records.read("policy")
    assert found is not None
    assert found.value == b"4"


async def test_the_ledger_is_not_written_beside_the_core() -> None:
    registry = MemoryRegistry()
    records = Records(registry, await _leading(registry))
    for key in ("computation", "members", "points/1", "abandoned/1", "recoveries/2"):
        with pytest.raises(UsageError, match="belongs to the ledger"):
            await records.write("it", [(key, b"")])
        with pytest.raises(UsageError, match="belongs to the ledger"):
            await records.write("it", [], [key])
    assert registry.statistics().committed == 0


async def test_a_former_leader_writes_nothing_and_is_told_so() -> None:
    registry = MemoryRegistry()
    leadership = await _leading(registry)
    reasons: list[str] = []
    records = Records(registry, leadership, despair=reasons.append)
    registry.expire(leadership)
    await registry.campaign("b", ttl_seconds=3.0, address="http://b")
    with pytest.raises(Fenced):
        await records.write("it", [("policy", b"1")])
    assert len(reasons) == 1
    assert await records.read("policy") is None


async def test_who_waits_for_a_write_is_told_when_the_leadership_ends() -> None:
    registry = Faltering()
    records = Records(registry, await _leading(registry))
    registry.failing = ["before"] * 10_000
    waiting = asyncio.create_task(records.write("it", [("policy", b"1")]))
    while not registry.tried:
        await asyncio.sleep(0)
    records.end("it was told to")
    with pytest.raises(Fenced, match="it was told to"):
        await waiting
    with pytest.raises(Fenced):
        await records.write("it", [("policy", b"1")])


async def test_a_leader_that_cannot_write_for_too_long_gives_up() -> None:
    registry = Faltering()
    leadership = await _leading(registry)
    records = Records(registry, leadership, patience_seconds=0.01, despair=lambda reason: records.end(reason))
    registry.failing = ["before"] * 10_000
    with pytest.raises(Fenced, match="nothing was done"):
        await records.write("it", [("policy", b"1")])


async def test_other_families_do_not_disturb_the_ledger(agents: Agents, serve: Serve, ask: Ask) -> None:
    registry = Faltering()
    leadership = await _leading(registry)
    others = {
        "elsewhere/1": b"\xff",
        "webhooks/points": b"{",
        "audit/1": b"",
        "history/points": b"[]",
        "monitors/members": b"0",
    }
    await registry.commit(leadership, Transaction(request="others", puts=tuple(others.items())))
    await registry.resign(leadership)
    service = await serve(registry=registry)
    assert "" not in registry.scanned, "the whole registry was read to have the ledger"
    await agents("ledger", service.url)
    assert (await (await ask(service.url)).cut()).state == "published"
    for key, value in others.items():
        found = await registry.read(key)
        assert found is not None
        assert found.value == value


def test_the_families_are_those_of_the_ledger() -> None:
    keys = ("computation", "members", "points/1", "abandoned/1", "recoveries/1")
    assert [key.startswith(family) for key, family in zip(keys, FAMILIES, strict=True)] == [True] * 5
    assert [is_ledger_key(key) for key in keys] == [True] * 5
    assert not any(is_ledger_key(key) for key in ("policy", "tokens/members", "audit/1", "pointers/1"))
    assert from_records({"policy": b"", "audit/1": b""}, computation="c") == Ledger(
        computation=from_records({}, computation="c").computation
    )
