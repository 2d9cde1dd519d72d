"""State written by one version of a service is restored by another through the coordinator, or refused unchanged."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from cutpoint.state import Migrations
from cutpoint_agents import Agent
from tests.agents.rig import IMPATIENT, until
from tests.coordinator.conftest import Serve
from tests.coordinator.test_cuts import Ask
from tests.integration.fleet import living
from tests.integration.journal import Journal


def in_cents(table: dict[str, Any]) -> dict[str, Any]:
    """1 -> 2: amounts are whole cents."""
    return {name: round(100 * amount) for name, amount in table.items()}


def with_currency(table: dict[str, Any]) -> dict[str, Any]:
    """2 -> 3: every amount has a currency."""
    return {name: {"cents": cents, "currency": "EUR"} for name, cents in table.items()}


class Ledger:
    """A service of one version; ``migrations`` lead to it."""

    def __init__(self, url: str, version: int, migrations: Migrations | None = None) -> None:
        self.agent = Agent("ledger", coordinator=url, settings=IMPATIENT)
        self.balances = self.agent.table("balances", version=version, migrations=migrations or {})


@contextlib.asynccontextmanager
async def starting(agent: Agent) -> AsyncIterator[asyncio.Task[None]]:
    """The agent is started and may never come to run."""

    async def live() -> None:
        async with living(agent):
            await asyncio.Event().wait()

    task = asyncio.create_task(live())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait((task,))


async def test_version_3_restores_what_version_1_has_written_and_a_missing_migration_changes_nothing(
    serve: Serve, ask: Ask
) -> None:
    service = await serve()
    client = await ask(service.url)
    journal = Journal(service.url)
    async with living(journal.agent):
        first = Ledger(service.url, 1)
        async with living(first.agent):
            first.balances.update({"ada": 12.5, "bob": 0.07})
            journal.write(30)
            assert (await client.cut()).state == "published"
        journal.write(30)

        hasty = Ledger(service.url, 3, {1: in_cents})
        async with starting(hasty.agent):
            await until(lambda: any(n.kind == "process does not fit" for n in service.notices.latest()), 20)
            (text,) = [n.text for n in service.notices.latest() if n.kind == "process does not fit"]
            assert "ledger does not fit recovery point 1" in text
            assert "'balances'" in text
            assert "version" in text
            assert dict(hasty.balances) == {}
            journal.check(60)  # it waits, unchanged
            topology = await client.topology()
            assert topology.recovery is not None
            assert topology.recovery.phase == "preparing"
            assert [point.damaged for point in (await client.points()).points] == [""]

        third = Ledger(service.url, 3, {1: in_cents, 2: with_currency})
        async with living(third.agent):
            assert dict(third.balances) == {
                "ada": {"cents": 1250, "currency": "EUR"},
                "bob": {"cents": 7, "currency": "EUR"},
            }
            await journal.until_back(topology.recovery.incarnation)
            journal.check(30)
            third.balances["cyd"] = {"cents": 1, "currency": "EUR"}
            assert (await client.cut()).cut == 2

    again, journal = Ledger(service.url, 3), Journal(service.url)
    async with starting(journal.agent), living(again.agent):
        assert list(again.balances) == ["ada", "bob", "cyd"]
        assert again.agent.statistics().faults == 0
