"""Programs of two versions, as real agents: what one cannot restore is kept for the other."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from cutpoint.state import Value
from cutpoint_agents import Agent
from cutpoint_coordinator.answers import TopologyAnswer
from cutpoint_coordinator.client import CoordinatorClient
from tests.coordinator.conftest import Agents, Serve
from tests.coordinator.test_cuts import Ask


class Crash(Exception):
    """The service ends without having left."""


async def topology_with(client: CoordinatorClient, condition: Callable[[TopologyAnswer], bool]) -> TopologyAnswer:
    async with asyncio.timeout(10):
        while not condition(answer := await client.topology()):
            await asyncio.sleep(0.02)
    return answer


async def stopped(task: asyncio.Future[Agent]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


def program(url: str, version: int) -> tuple[Agent, Value[int]]:
    """One version of the program that counts orders."""
    agent = Agent("orders", coordinator=url)
    return agent, agent.value("count", 0, version=version)


async def test_an_older_program_started_by_mistake_loses_nothing(serve: Serve, agents: Agents, ask: Ask) -> None:
    service = await serve()
    client = await ask(service.url)
    ledger = await agents("ledger", service.url)
    agent, count = program(service.url, 2)
    with contextlib.suppress(Crash):
        async with agent:
            for number in (1, 2):
                count.value = number
                assert (await client.cut()).state == "published"
            raise Crash

    mistaken = asyncio.ensure_future(program(service.url, 1)[0].__aenter__())
    answer = await topology_with(
        client, lambda t: t.recovery is not None and any("does not fit" in text for text in t.recovery.waits_for)
    )
    assert answer.recovery is not None
    (why,) = answer.recovery.waits_for
    assert why.startswith("orders does not fit recovery point 2: state 'count' was recorded with version 2")
    assert [point.damaged for point in (await client.points()).points] == ["", ""]
    assert ledger.restored == []
    assert "process does not fit" in [notice.kind for notice in service.notices.latest()]
    await stopped(mistaken)
    await topology_with(client, lambda t: any(m.process == "orders" and not m.connected for m in t.members))

    agent, count = program(service.url, 2)
    async with agent:
        assert count.value == 2
        await ledger.until(lambda: ledger.restored == [2])
        assert [point.damaged for point in (await client.points()).points] == ["", ""]
        (recovery,) = (await client.recoveries()).recoveries
        assert recovery.cut == 2
        assert (await client.cut()).state == "published"
