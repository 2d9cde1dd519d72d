"""The control connection: a start that waits, wrong addresses, and a coordinator that comes and goes."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from cutpoint.access import Token
from cutpoint.errors import ConfigurationError, CutpointError, UsageError
from cutpoint.protocol.effects import Effect
from cutpoint.protocol.events import CoordinatorSaid, Event
from cutpoint.protocol.messages import Join, Leave, PartStored, Rejected
from cutpoint.wire import encode_control
from cutpoint_agents import Agent
from cutpoint_agents.control import check_url
from tests.agents.ledger import Till, Vault
from tests.agents.rig import IMPATIENT, Coordinator, lonely, receiving, running, serving, session, until


def agent_of(url: str | list[str], name: str = "one") -> Agent:
    return Agent(name, coordinator=url, settings=IMPATIENT)


async def test_the_server_does_not_listen_before_the_process_is_admitted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    coordinator = Coordinator(str(tmp_path))
    coordinator.admits = False
    caplog.set_level(logging.INFO)
    async with coordinator.serving():
        agent = agent_of(coordinator.url)
        app = web.Application()
        app.cleanup_ctx.append(agent.context)
        runner = web.AppRunner(app)
        setup = asyncio.create_task(runner.setup())
        await until(lambda: coordinator.heard_from("one", Join))
        await until(lambda: "it waits for" in caplog.text)
        assert not setup.done()
        assert "one is not started yet, it waits for the coordinator at" in caplog.text
        await coordinator.say("one", coordinator._admit())
        await asyncio.wait_for(setup, 3)
        assert agent.statistics().phase == "running"
        await runner.cleanup()


async def test_an_unreachable_coordinator_is_waited_for_and_named(caplog: pytest.LogCaptureFixture) -> None:
    agent = agent_of("http://127.0.0.1:9")
    starting = asyncio.create_task(agent.__aenter__())
    await until(lambda: "no coordinator answers at http://127.0.0.1:9 (" in caplog.text)
    await asyncio.sleep(0.3)
    assert not starting.done()
    assert caplog.text.count("no coordinator answers") == 1
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting


@pytest.mark.parametrize("status", [200, 404, 400])
async def test_an_address_that_is_no_coordinator_fails_the_start(status: int) -> None:
    async def page(_: web.Request) -> web.Response:
        return web.Response(text="<html>welcome</html>", content_type="text/html", status=status)

    app = web.Application()
    app.router.add_get("/{anything:.*}", page)
    async with running(app) as url:
        with pytest.raises(ConfigurationError, match=r"is not a coordinator .*; correct the URL") as failure:
            await agent_of(url).__aenter__()
        assert "\n" not in str(failure.value)


async def test_a_websocket_that_is_no_coordinator_fails_the_start() -> None:
    async def gibberish(request: web.Request) -> web.WebSocketResponse:
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        await ws.send_str("moo")
        await ws.receive()
        return ws

    app = web.Application()
    app.router.add_get("/v1/agents", gibberish)
    async with running(app) as url:
        with pytest.raises(ConfigurationError, match="is not a coordinator of this version"):
            await agent_of(url).__aenter__()


async def test_a_server_of_another_protocol_fails_the_start() -> None:
    async def ssh(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH_9.6\r\n")
        await writer.drain()

    server = await asyncio.start_server(ssh, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(ConfigurationError, match="is not a coordinator"):
            await asyncio.wait_for(agent_of(f"http://127.0.0.1:{port}").__aenter__(), 5)


async def test_a_coordinator_that_rejects_for_good_fails_the_start(tmp_path: Path) -> None:
    coordinator = Coordinator(str(tmp_path))
    coordinator.admits = False
    async with coordinator.serving():
        agent = agent_of(coordinator.url)
        starting = asyncio.create_task(agent.__aenter__())
        await until(lambda: "one" in coordinator.connections)
        await coordinator.say("one", Rejected(reason="the name one is taken", waiting_helps=False))
        with pytest.raises(CutpointError, match="turned this process away: the name one is taken"):
            await starting


async def test_a_coordinator_that_says_wait_is_asked_again(tmp_path: Path) -> None:
    coordinator = Coordinator(str(tmp_path))
    coordinator.admits = False
    async with coordinator.serving():
        agent = agent_of(coordinator.url)
        starting = asyncio.create_task(agent.__aenter__())
        await until(lambda: "one" in coordinator.connections)
        coordinator.admits = True
        await coordinator.say("one", Rejected(reason="not the leader", waiting_helps=True))
        await asyncio.wait_for(starting, 5)
        await agent.__aexit__(None, None, None)


async def test_a_coordinator_that_stops_before_it_has_admitted_anybody_is_no_wrong_address(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def hang(request: web.Request) -> web.WebSocketResponse:
        ws = web.WebSocketResponse(autoping=False)
        await ws.prepare(request)
        async for _ in ws:
            pass  # no pong ever
        return ws

    app = web.Application()
    app.router.add_get("/v1/agents", hang)
    async with running(app) as url:
        agent = Agent("one", coordinator=url, settings=dataclasses.replace(IMPATIENT, heartbeat_seconds=0.1))
        starting = asyncio.create_task(agent.__aenter__())
        await until(lambda: f"the connection to the coordinator at {url} is lost" in caplog.text)
        assert not starting.done()
        starting.cancel()
        await asyncio.wait((starting,))


async def test_the_service_runs_on_without_a_coordinator_and_comes_back_to_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with Coordinator(str(tmp_path)).serving() as coordinator, Vault(coordinator.url).serving() as vault:
        till = Till(coordinator.url, vault.url, last=100)
        async with till.agent:
            await until(lambda: vault.order)
            await coordinator.drop()
            before = len(vault.order)
            await until(lambda: len(vault.order) > before)
            await until(lambda: len(coordinator.connections) == 2)
            parts = await coordinator.take_cut("till", "vault")
            assert set(parts) == {"till", "vault"}
            await until(lambda: till.done, 20)
    (first, second) = coordinator.heard_from("till", Join)[:2]
    assert (first.incarnation, second.incarnation) == (0, 1)
    assert first.life == second.life
    assert "is lost; the service runs on, this agent connects again" in caplog.text


async def test_what_the_coordinator_may_have_missed_is_said_again(tmp_path: Path) -> None:
    async with Coordinator(str(tmp_path)).serving() as coordinator, Vault(coordinator.url).serving():
        await coordinator.begin("vault")
        await until(lambda: coordinator.heard_from("vault", PartStored))
        coordinator.heard.clear()
        await coordinator.drop()
        await until(lambda: coordinator.heard_from("vault", PartStored))


async def test_a_fault_is_told_once_and_counted_and_the_connection_is_made_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with Coordinator(str(tmp_path)).serving() as coordinator, agent_of(coordinator.url) as agent:
        real, failures = agent.driver.process.step, 3

        def faulty(event: Event) -> tuple[Effect, ...]:
            nonlocal failures
            if failures and isinstance(event, CoordinatorSaid):
                failures -= 1
                raise AssertionError("a bug in the core")
            return real(event)

        agent.driver.process.step = faulty  # type: ignore[method-assign]
        await coordinator.begin("one")
        await until(lambda: len(coordinator.heard_from("one", Join)) == 4)  # the first time, and after every fault
        await coordinator.take_cut("one")
        assert agent.statistics().faults == 3
        told = [record for record in caplog.records if "(AssertionError: a bug in the core)" in record.getMessage()]
        assert len(told) == 1
        assert told[0].exc_info is not None


async def test_any_of_several_coordinators_will_do(tmp_path: Path) -> None:
    async with (
        Coordinator(str(tmp_path)).serving() as coordinator,
        agent_of(["http://127.0.0.1:9", coordinator.url]) as agent,
    ):
        assert agent.statistics().connected


async def test_a_program_that_ends_leaves_and_one_that_fails_does_not(tmp_path: Path) -> None:
    async with Coordinator(str(tmp_path)).serving() as coordinator:
        async with agent_of(coordinator.url, "ends"):
            pass
        with pytest.raises(LookupError):
            async with agent_of(coordinator.url, "fails"):
                raise LookupError
        await until(lambda: coordinator.heard_from("ends", Leave))
        assert coordinator.heard_from("fails", Leave) == []


async def test_leaving_closes_the_channels_first(tmp_path: Path) -> None:
    got: list[str] = []
    async with Coordinator(str(tmp_path)).serving() as coordinator, session() as one:
        server = agent_of(coordinator.url, "server")
        async with serving(server, receiving(server, got)) as url, agent_of(coordinator.url) as agent:
            ws = await agent.wrap(one.ws_connect(url))
            for number in range(100):
                ws.send_str(str(number))
            await agent.leave()
            assert ws.closed
            assert len(got) == 100
            assert coordinator.heard_from("one", Leave)


async def test_a_token_is_not_sent_and_its_refusal_is_one_line(tmp_path: Path) -> None:
    seen: list[dict[str, str]] = []
    token = Token.generate()

    async def guarded(request: web.Request) -> web.Response:
        seen.append(dict(request.headers))
        return web.Response(status=401)

    app = web.Application()
    app.router.add_get("/v1/agents", guarded)
    async with running(app) as url:
        with pytest.raises(ConfigurationError, match=r"denies this agent \(HTTP 401\); correct Agent\(token=...\)"):
            await Agent("one", coordinator=url, token=token.reveal(), settings=IMPATIENT).__aenter__()
    assert seen[0]["Cutpoint-Token"].startswith(token.id)
    assert token.reveal()[16:59] not in str(seen)


@pytest.mark.parametrize("first", ["moo", '{"proof": "AAAA"}', "A" * 22 + ", " + "A" * 43, "", None])
async def test_who_does_not_prove_to_know_the_token_is_told_nothing(first: str | None) -> None:
    heard: list[Any] = []

    async def impostor(request: web.Request) -> web.WebSocketResponse:
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        if first is None:
            await ws.send_str(encode_control(Rejected(reason="no", waiting_helps=False)))
        else:
            await ws.send_str(first)
        heard.append((await ws.receive()).type)
        return ws

    app = web.Application()
    app.router.add_get("/v1/agents", impostor)
    async with running(app) as url:
        with pytest.raises(
            ConfigurationError, match="does not prove that it knows this agent's token; it was told nothing"
        ):
            await Agent("one", coordinator=url, token=Token.generate(), settings=IMPATIENT).__aenter__()
    assert heard == [web.WSMsgType.CLOSE]


@pytest.mark.parametrize("url", ["", "a host", "ftp://x", "http://", "http://host:port", 7])
def test_a_url_that_cannot_be_a_coordinators_is_refused_at_once(url: Any) -> None:
    with pytest.raises(ConfigurationError, match="http://host:7420"):
        Agent("one", coordinator=[url])
    assert check_url("http://host:7420/") == "http://host:7420"


@pytest.mark.parametrize("name", ["", "a b", "-a", "ü", "x" * 101, None])
def test_a_name_that_cannot_name_a_process_is_refused_at_once(name: str) -> None:
    with pytest.raises(ConfigurationError, match="cannot name a process"):
        Agent(name, coordinator=None)


def test_creating_an_agent_does_nothing_and_needs_no_loop() -> None:
    agent = Agent("one", coordinator="http://127.0.0.1:9")
    assert agent.statistics().phase == "absent"
    with pytest.raises(ConfigurationError, match="rollback='sideways'"):
        Agent("one", coordinator=None, rollback="sideways")  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="empty list"):
        Agent("one", coordinator=[])
    with pytest.raises(ConfigurationError, match="needs an async function"):
        agent.task(print)  # type: ignore[type-var]


async def test_an_agent_starts_once_and_then_takes_no_more_state() -> None:
    agent = lonely("one")
    async with agent:
        with pytest.raises(UsageError, match="declared after the start"):
            agent.table("late")
        with pytest.raises(UsageError, match="was started before"):
            await agent.__aenter__()
