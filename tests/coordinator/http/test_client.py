"""The client: complete, typed, patient; it follows the leader, and what it asks twice is done once."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from cutpoint.errors import CoordinatorUnreachable
from cutpoint_coordinator import asked
from cutpoint_coordinator.client import BlockingClient, CoordinatorClient, coordinator_client
from tests.coordinator.conftest import Agents, Serve
from tests.coordinator.http.test_document import unstarted
from tests.coordinator.test_cuts import Ask


async def test_every_operation_has_a_method(tmp_path: Path) -> None:
    async with unstarted(str(tmp_path)) as service:
        operations = [route.operation for route in service.api.routes if route.operation]
    assert [name for name in operations if not hasattr(CoordinatorClient, name)] == []


def test_the_client_loads_none_of_the_extras() -> None:
    program = (
        "import sys, cutpoint_coordinator.client;"
        "print(*[n for n in ('click', 'etcd3', 'grpc', 'rich', 'cryptography', 'hypothesis') if n in sys.modules])"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ended.stdout.split() == []


async def test_lists_are_read_page_after_page_from_both_ends(
    serve: Serve, agents: Agents, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(coordinator_client, "PAGE_MAX", 2)
    service = await serve()
    client = await ask(service.url)
    await agents("ledger", service.url)
    for _ in range(5):
        await client.cut()
    assert [point.cut for point in (await client.points()).points] == [1, 2, 3, 4, 5]
    assert [cut.cut for cut in (await client.cuts(newest_first=True)).cuts] == [5, 4, 3, 2, 1]
    assert [cut.cut for cut in (await client.cuts(limit=3)).cuts] == [1, 2, 3]
    assert (await client.recoveries()).recoveries == ()
    assert asked.PAGE_MAX == 1000


async def test_waiting_for_a_cut_ends_when_it_does(serve: Serve, agents: Agents, ask: Ask) -> None:
    service = await serve()
    client = await ask(service.url)
    agent = await agents("ledger", service.url)
    agent.hold_parts = True
    opened = await client.cut(wait=False)
    assert (await client.cut_state(opened.cut, wait_seconds=0.05)).state == "open"
    waiting = asyncio.create_task(client.cut_state(opened.cut, wait_seconds=60))
    await agent.until(lambda: bool(agent.held))
    agent.release_parts()
    async with asyncio.timeout(30):
        assert (await waiting).state == "published"


async def test_waiting_goes_on_at_the_next_leader(serve: Serve, agents: Agents, ask: Ask) -> None:
    service = await serve()
    following = await serve(leads=False)
    client = await ask([service.url, following.url])
    agent = await agents("ledger", service.url)
    agent.hold_parts = True
    opened = await client.cut(wait=False)
    waiting = asyncio.create_task(client.cut_state(opened.cut, wait_seconds=60))
    await agent.until(lambda: bool(agent.held))
    await service.stop()  # type: ignore[attr-defined]
    async with asyncio.timeout(60):
        assert (await waiting).state == "abandoned"


async def test_where_nobody_ever_answered_the_client_says_so_at_once() -> None:
    async with asyncio.timeout(8), CoordinatorClient("http://127.0.0.1:1") as client:
        with pytest.raises(CoordinatorUnreachable, match="nobody answers"):
            await client.health()


async def test_the_blocking_client_answers_where_a_loop_runs_already(serve: Serve, agents: Agents) -> None:
    service = await serve()
    await agents("ledger", service.url)

    def script() -> tuple[int, list[int], str]:
        with BlockingClient(service.url) as client:
            begin = client.notices(limit=1).last_event
            cut = client.cut().cut
            event = next(iter(client.events("cut published", last_event=begin)))
            assert event.notice is not None
            assert client.ask(lambda each: each.topology()).incarnation == 1
            return cut, [point.cut for point in client.points().points], event.notice.kind

    assert await asyncio.to_thread(script) == (1, [1], "cut published")
