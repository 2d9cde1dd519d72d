"""Leaving waits until a recovery point has released the process, or says why it has not and what to do."""

from __future__ import annotations

import asyncio
import dataclasses
from pathlib import Path

import pytest
from aiohttp import web

from cutpoint.errors import CutpointError, RolledBack, UsageError
from cutpoint.names import CutNumber, Incarnation
from cutpoint.protocol.messages import Leave, PartStored, Published, Rejected
from cutpoint_agents import Agent
from tests.agents.ledger import Vault
from tests.agents.rig import IMPATIENT, Coordinator, lonely, receiving, serving, session, until

HURRIED = dataclasses.replace(IMPATIENT, close_seconds=0.2, leave_seconds=0.3)


def agent_of(coordinator: Coordinator, name: str = "one") -> Agent:
    return Agent(name, coordinator=coordinator.url, settings=IMPATIENT)


async def publish(coordinator: Coordinator, name: str, cut: int) -> None:
    """Wait for the part of ``cut``, and say that the cut is a recovery point."""
    await until(lambda: any(said.summary.cut == cut for said in coordinator.heard_from(name, PartStored)))
    await coordinator.say(name, Published(incarnation=Incarnation(coordinator.incarnation), cut=CutNumber(cut)))


async def test_leaving_waits_for_the_recovery_point_that_releases(tmp_path: Path) -> None:
    async with Coordinator(str(tmp_path)).serving() as coordinator, agent_of(coordinator) as agent:
        coordinator.releases = False
        leaving = asyncio.ensure_future(agent.leave())
        await until(lambda: coordinator.heard_from("one", Leave))
        cut = await coordinator.begin("one")
        await until(lambda: coordinator.heard_from("one", PartStored))
        await asyncio.sleep(0.02)
        assert not leaving.done()
        await publish(coordinator, "one", cut)
        await asyncio.wait_for(leaving, 1)


async def test_a_cut_that_was_recorded_before_the_leave_releases_nobody(tmp_path: Path) -> None:
    async with Coordinator(str(tmp_path)).serving() as coordinator, agent_of(coordinator) as agent:
        coordinator.releases = False
        before = await coordinator.begin("one")
        await until(lambda: coordinator.heard_from("one", PartStored))
        leaving = asyncio.ensure_future(agent.leave())
        await until(lambda: coordinator.heard_from("one", Leave))
        await publish(coordinator, "one", before)
        await asyncio.sleep(0.05)
        assert not leaving.done()
        await publish(coordinator, "one", await coordinator.begin("one"))
        await asyncio.wait_for(leaving, 1)


async def test_leaving_is_said_again_to_the_coordinator_that_comes_back(tmp_path: Path) -> None:
    async with Coordinator(str(tmp_path)).serving() as coordinator, agent_of(coordinator) as agent:
        coordinator.releases = False
        leaving = asyncio.ensure_future(agent.leave())
        await until(lambda: coordinator.heard_from("one", Leave))
        coordinator.releases = True
        await coordinator.drop()
        await asyncio.wait_for(leaving, 2)
        assert len(coordinator.heard_from("one", Leave)) == 2


async def test_a_coordinator_that_knows_it_as_gone_has_released_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with Coordinator(str(tmp_path)).serving() as coordinator, agent_of(coordinator) as agent:
        coordinator.releases = False
        leaving = asyncio.ensure_future(agent.leave())
        await until(lambda: coordinator.heard_from("one", Leave))
        coordinator.admits = False
        await coordinator.drop()
        await until(lambda: "one" in coordinator.connections)
        await coordinator.say("one", Rejected(reason="one has left the computation", waiting_helps=False))
        await asyncio.wait_for(leaving, 1)
    assert "turned this process away" not in caplog.text


async def test_leaving_that_no_recovery_point_grants_says_so(tmp_path: Path) -> None:
    async with Coordinator(str(tmp_path)).serving() as coordinator:
        coordinator.releases = False
        agent = Agent("one", coordinator=coordinator.url, settings=HURRIED)
        with pytest.raises(CutpointError, match=r"no recovery point has released it .* ending the process now does no"):
            async with agent:
                await agent.leave()


async def test_leaving_that_no_coordinator_hears_says_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with Coordinator(str(tmp_path)).serving() as coordinator:
        agent = Agent("one", coordinator=coordinator.url, settings=HURRIED)
        await agent.__aenter__()
    with pytest.raises(CutpointError, match=r"no coordinator could be told .* start the coordinator, then call leave"):
        await agent.leave()
    await agent.__aexit__(None, None, None)
    agent = lonely("two")
    async with agent:
        pass
    assert "ends all the same" not in caplog.text


async def test_leaving_names_the_channels_that_do_not_close(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    stay = asyncio.Event()
    async with Coordinator(str(tmp_path)).serving() as coordinator:
        server = agent_of(coordinator, "server")

        async def deaf(request: web.Request) -> web.StreamResponse:
            raw = web.WebSocketResponse()
            await raw.prepare(request)
            await server.wrap(raw).receive()
            await stay.wait()
            return raw

        async with serving(server, deaf) as url, session() as one:
            async with Agent("client", coordinator=coordinator.url, settings=HURRIED) as client:
                ws = await client.wrap(one.ws_connect(url))
                await ws.send_str("hello")
            stay.set()
    assert "client ends all the same: client has not left: client~server:/transfers (open) did not close" in caplog.text


async def test_a_process_that_leaves_opens_no_channel(tmp_path: Path) -> None:
    async with (
        Coordinator(str(tmp_path)).serving() as coordinator,
        Vault(coordinator.url).serving() as vault,
        agent_of(coordinator) as agent,
        session() as one,
    ):
        await agent.leave()
        with pytest.raises(UsageError, match="one is leaving the computation and opens no more channels"):
            await agent.wrap(one.ws_connect(vault.url))


async def test_a_handler_may_leave_because_its_turn_ends(tmp_path: Path) -> None:
    done: list[bool] = []
    async with Coordinator(str(tmp_path)).serving() as coordinator:
        server, client = agent_of(coordinator, "server"), agent_of(coordinator, "client")

        async def handler(request: web.Request) -> web.StreamResponse:
            raw = web.WebSocketResponse()
            await raw.prepare(request)
            await server.wrap(raw).receive()
            await server.leave()
            done.append(True)
            return raw

        async with serving(server, handler) as url, client, session() as one:
            ws = await client.wrap(one.ws_connect(url))
            await ws.send_str("leave")
            assert await asyncio.wait_for(ws.close(), 2)
            await until(lambda: done)


async def test_a_recovery_comes_before_a_leave(tmp_path: Path) -> None:
    async with Coordinator(str(tmp_path)).serving() as coordinator, agent_of(coordinator) as agent:
        parts = await coordinator.take_cut("one")
        coordinator.releases = False
        leaving = asyncio.ensure_future(agent.leave())
        await until(lambda: coordinator.heard_from("one", Leave))
        await coordinator.recover(parts, "one")
        with pytest.raises(RolledBack, match="a recovery came before it was released; it runs again as a member"):
            await asyncio.wait_for(leaving, 1)
        await until(lambda: agent.statistics().phase == "running")
        coordinator.releases = True
        await asyncio.wait_for(agent.leave(), 2)


async def test_without_a_coordinator_only_the_channels_are_closed() -> None:
    server, client = lonely("server"), lonely("client")
    got: list[str] = []
    async with serving(server, receiving(server, got)) as url, client, session() as one:
        ws = await client.wrap(one.ws_connect(url))
        await ws.send_str("last")
        await client.leave()
        assert got == ["last"]
        assert client.driver.open_channels() == ()
