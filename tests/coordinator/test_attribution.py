"""Who held a cut up: real agents on a real coordinator, live while it waits and afterwards in what it left behind."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from cutpoint.registry import Registry
from cutpoint.store import open_backend
from cutpoint_agents import Agent, Settings
from cutpoint_coordinator.client import CoordinatorClient
from tests.agents.rig import running
from tests.coordinator.conftest import Serve

Ask = Callable[[str], Awaitable[CoordinatorClient]]

PATIENT = 60.0
"""Seconds that a slow machine may take for what takes none."""


def line_of(function: Callable[..., Any], text: str) -> int:
    """The number of the line of ``function`` that holds ``text``."""
    lines, first = inspect.getsourcelines(function)
    (found,) = [number for number, line in enumerate(lines, first) if text in line]
    return found


class Shop:
    """Two services with a channel between them; the ledger's handler hangs until it is let go of."""

    def __init__(self, coordinator: str) -> None:
        self.ledger = Agent("ledger", coordinator=coordinator)
        self.till = Agent("till", coordinator=coordinator)
        self.go = asyncio.Event()
        self.hangs = asyncio.Event()

    async def transfers(self, request: web.Request) -> web.StreamResponse:
        raw = web.WebSocketResponse()
        await raw.prepare(request)
        async for _ in self.ledger.wrap(raw):
            self.hangs.set()
            await self.go.wait()  # it hangs here
        return raw

    @contextlib.asynccontextmanager
    async def hanging(self) -> AsyncIterator[None]:
        app = web.Application()
        app.router.add_get("/transfers", self.transfers)
        app.cleanup_ctx.append(self.ledger.context)
        async with (
            running(app) as url,
            self.till,
            aiohttp.ClientSession() as session,
            self.till.wrap(session.ws_connect(f"{url}/transfers")) as ws,
        ):
            await ws.send_str("a transfer")
            await self.hangs.wait()
            yield
            self.go.set()


async def open_until_held(client: CoordinatorClient, cut: int, kind: str) -> Any:
    """What the open cut says once somebody was blamed with ``kind``."""
    async with asyncio.timeout(PATIENT):
        while True:
            found = await client.cut_state(cut)
            assert found.state == "open"
            if any(culprit.kind == kind for culprit in found.held_by):
                return found
            await asyncio.sleep(0.05)


async def test_a_handler_that_hangs_is_named_with_its_channel_file_and_line(
    serve: Serve, ask: Ask, registry: Registry
) -> None:
    service = await serve(deadline_seconds=4.0)
    client = await ask(service.url)
    shop = Shop(service.url)
    async with shop.hanging():
        begun = await client.cut(wait=False)
        place = f"{__file__}:{line_of(Shop.transfers, 'it hangs here')}"

        live = await open_until_held(client, begun.cut, "turn")
        (culprit,) = [culprit for culprit in live.held_by if culprit.kind == "turn"]
        assert (culprit.process, culprit.channel) == ("ledger", "till~ledger:/transfers")
        assert (culprit.handler, culprit.place) == ("Shop.transfers", place)
        assert live.phases["recording"] > 0
        topology = await client.topology()
        assert topology.open_cut is not None
        assert any(place in text for text in topology.open_cut.waits_for)

        async with asyncio.timeout(PATIENT):
            while (ended := await client.cut_state(begun.cut)).state == "open":
                await asyncio.sleep(0.05)

        assert (ended.state, ended.cause) == ("abandoned", "deadline")
        assert f"a turn of till~ledger:/transfers in Shop.transfers at {place}" in ended.reason
        assert ended.held_by[0] == culprit
    # another coordinator knows it, too
    await service.stop()  # type: ignore[attr-defined]
    after = await ask((await serve()).url)
    again = await after.cut_state(begun.cut)
    assert (again.cause, again.held_by[0], again.reason) == ("deadline", culprit, ended.reason)


def blocking_service(url: str, seconds: float, blocked: threading.Event) -> None:
    """A service of its own thread and loop, which holds that loop."""

    async def main() -> None:
        agent = Agent("ledger", coordinator=url, settings=Settings(loop_held_seconds=0.2))
        async with agent:
            async with agent.turn():
                blocked.set()
                time.sleep(seconds)  # it blocks here
            await asyncio.sleep(0)

    asyncio.run(main())


async def test_a_turn_that_blocks_its_event_loop_is_named_although_it_cannot_answer(serve: Serve, ask: Ask) -> None:
    service = await serve(deadline_seconds=60.0)
    client = await ask(service.url)
    blocked = threading.Event()
    thread = threading.Thread(target=blocking_service, args=(service.url, 6.0, blocked))
    thread.start()
    try:
        async with asyncio.timeout(PATIENT):
            while not blocked.is_set():
                await asyncio.sleep(0.01)
        begun = await client.cut(wait=False)

        live = await open_until_held(client, begun.cut, "loop")

        (culprit,) = live.held_by
        place = f"{__file__}:{line_of(blocking_service, 'it blocks here')}"
        assert (culprit.process, culprit.kind, culprit.place) == ("ledger", "loop", place)
        assert culprit.handler == "blocking_service.<locals>.main"
        assert "its event loop has not turned for" in culprit.text
    finally:
        await asyncio.to_thread(thread.join, PATIENT)


async def test_an_event_loop_that_only_waits_is_not_said_to_be_held(serve: Serve) -> None:
    service = await serve()
    agent = Agent("ledger", coordinator=service.url, settings=Settings(loop_held_seconds=0.05))
    async with agent:
        assert agent._control is not None
        watch = agent._control.loop_watch
        await asyncio.sleep(0.3)
        time.sleep(0.3)  # the one that counts
        async with asyncio.timeout(PATIENT):
            while not watch.stalls:
                await asyncio.sleep(0.01)
        assert watch.longest >= 0.05


async def test_a_store_that_does_not_answer_is_named(serve: Serve, ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    from cutpoint_agents import parts

    service = await serve(deadline_seconds=60.0)
    client = await ask(service.url)
    go = threading.Event()
    opened = open_backend

    def slow(url: str) -> Any:
        go.wait(PATIENT)
        return opened(url)

    monkeypatch.setattr(parts, "open_backend", slow)
    async with Agent("ledger", coordinator=service.url):
        try:
            begun = await client.cut(wait=False)
            live = await open_until_held(client, begun.cut, "store")
            (culprit,) = live.held_by
            assert (culprit.process, culprit.kind) == ("ledger", "store")
            assert "its part is being stored" in culprit.text
        finally:
            go.set()
        async with asyncio.timeout(PATIENT):
            while (ended := await client.cut_state(begun.cut)).state == "open":
                await asyncio.sleep(0.05)
        assert ended.state == "published"
        assert ended.held_by == live.held_by
        assert [process.process for process in ended.processes] == ["ledger"]
        assert ended.phases["storing"] > 1.0


async def test_a_process_of_which_nothing_is_heard_is_named(
    serve: Serve, ask: Ask, agents: Callable[..., Awaitable[Any]], store: Path
) -> None:
    service = await serve(deadline_seconds=0.5)
    client = await ask(service.url)
    till = await agents("till", service.url)
    till.hold_parts = True
    other = await agents("mute", service.url)
    other.process.step = lambda event: ()

    answer = await client.cut()

    assert (answer.state, answer.cause) == ("abandoned", "deadline")
    assert [(culprit.process, culprit.kind) for culprit in answer.held_by] == [("mute", "silence")]
