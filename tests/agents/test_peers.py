"""Other ends that are not as hoped: without an agent, silent, confused; and those that are outside on purpose."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import WSMsgType, web

from cutpoint.errors import ConfigurationError, PeerWithoutAgent, UsageError
from cutpoint.protocol.messages import PartStored
from cutpoint_agents import Agent
from tests.agents.rig import (
    IMPATIENT,
    Coordinator,
    Handler,
    Wire,
    begin,
    lonely,
    port_of,
    receiving,
    running,
    serving,
    session,
    until,
)


def failing(agent: Any, failures: list[BaseException]) -> Handler:
    """A handler that notes what its first receive raises."""

    async def handler(request: web.Request) -> web.StreamResponse:
        raw = web.WebSocketResponse()
        await raw.prepare(request)
        ws = agent.wrap(raw)
        try:
            await ws.receive()
        except PeerWithoutAgent as failure:
            failures.append(failure)
        return raw

    return handler


async def test_a_peer_without_an_agent_that_speaks_is_told_apart() -> None:
    server = lonely("server")
    failures: list[BaseException] = []
    async with serving(server, failing(server, failures)) as url, session() as one, one.ws_connect(url) as ws:
        await ws.send_str("hello?")
        message = await ws.receive()
        assert (message.type, message.data) == (WSMsgType.CLOSE, 1002)
        await until(lambda: failures)
        assert "the other end of /transfers speaks no Cutpoint: it sent a text message" in str(failures[0])
        assert "agent.wrap(ws, boundary=True)" in str(failures[0])


async def test_a_peer_without_an_agent_that_sends_bytes_is_told_apart() -> None:
    server = lonely("server")
    failures: list[BaseException] = []
    async with serving(server, failing(server, failures)) as url, session() as one, one.ws_connect(url) as ws:
        await ws.send_bytes(b"\x00\x01")
        await ws.receive()
        await until(lambda: failures)
        assert "it sent a binary message that is not Cutpoint's" in str(failures[0])


async def test_a_peer_that_says_nothing_is_told_apart_after_the_hello_timeout() -> None:
    server = lonely("server")
    failures: list[BaseException] = []
    async with serving(server, failing(server, failures)) as url, session() as one, one.ws_connect(url) as ws:
        await ws.receive()
        await until(lambda: failures)
        assert "it said nothing for 0.3 seconds" in str(failures[0])


async def test_a_server_without_an_agent_is_told_apart_by_the_client() -> None:
    client = lonely("client")

    async def echo(request: web.Request) -> web.StreamResponse:
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        async for message in ws:
            await ws.send_str(str(message.data))
        return ws

    async with serving(None, echo) as url, client, session() as one:
        ws = await client.wrap(one.ws_connect(url))
        with pytest.raises(PeerWithoutAgent, match="speaks no Cutpoint"):
            await asyncio.wait_for(ws.receive(), 3)
        with pytest.raises(PeerWithoutAgent):
            await ws.send_str("x")
        assert isinstance(ws.exception(), PeerWithoutAgent)


async def test_a_cut_succeeds_after_a_peer_without_an_agent(tmp_path: Path) -> None:
    async def echo(request: web.Request) -> web.StreamResponse:
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        async for message in ws:
            await ws.send_str(str(message.data))
        return ws

    async with Coordinator(str(tmp_path)).serving() as coordinator:
        client = Agent("client", coordinator=coordinator.url, settings=IMPATIENT)
        async with serving(None, echo) as url, client, session() as one:
            ws = await client.wrap(one.ws_connect(url))
            with pytest.raises(PeerWithoutAgent):
                await asyncio.wait_for(ws.receive(), 3)
            assert client.driver.open_channels() == ()
            await coordinator.take_cut("client")
            await client.leave()


async def silent(request: web.Request) -> web.StreamResponse:
    """A server without an agent that never says anything."""
    ws = web.WebSocketResponse()
    await ws.prepare(request)
    async for _ in ws:
        pass
    return ws


async def test_a_peer_that_never_answers_is_given_up_and_holds_up_no_cut(tmp_path: Path) -> None:
    async with Coordinator(str(tmp_path)).serving() as coordinator:
        client = Agent("client", coordinator=coordinator.url, settings=IMPATIENT)
        async with serving(None, silent) as url, client, session() as one:
            ws = await client.wrap(one.ws_connect(url))
            await coordinator.begin("client")
            with pytest.raises(PeerWithoutAgent, match=r"it said nothing for 0\.6 seconds"):
                await asyncio.wait_for(ws.receive(), 3)
            await until(lambda: coordinator.heard_from("client", PartStored))


async def test_a_handler_that_fails_before_every_hello_is_given_up_and_the_application_is_told(tmp_path: Path) -> None:
    calls: list[None] = []

    async def failing_early(request: web.Request) -> web.StreamResponse:
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        calls.append(None)
        raise LookupError

    settings = dataclasses.replace(IMPATIENT, silent_connections_max=4)
    async with Coordinator(str(tmp_path)).serving() as coordinator:
        client = Agent("client", coordinator=coordinator.url, settings=settings)
        async with serving(None, failing_early) as url, client, session() as one:
            ws = await client.wrap(one.ws_connect(url))
            _ = ws.send_str("lost")
            with pytest.raises(PeerWithoutAgent, match="it ended 4 connections without a word"):
                await asyncio.wait_for(ws.receive(), 3)
            with pytest.raises(PeerWithoutAgent):
                await ws.send_str("x")
            assert len(calls) == 4
            await coordinator.take_cut("client")


async def test_a_server_that_goes_before_it_answers_is_waited_for_and_then_given_up() -> None:
    client = lonely("client")
    async with serving(None, silent) as url, Wire(port_of(url)) as wire, client, session() as one:
        ws = await client.wrap(one.ws_connect(wire.through(url)))
        wire.open = False
        wire.cut()
        message = await asyncio.wait_for(ws.receive(), 5)
        assert message.type is WSMsgType.CLOSED
        assert "nobody has answered for" in str(ws.exception())
        assert client.driver.open_channels() == ()


async def test_an_answered_channel_is_not_given_up_for_one_connection_to_a_stranger() -> None:
    server, client = lonely("server"), lonely("client")
    got: list[str] = []
    async with (
        serving(server, receiving(server, got)) as url,
        serving(None, silent) as elsewhere,
        Wire(port_of(url)) as wire,
        client,
        session() as one,
        client.wrap(one.ws_connect(wire.through(url))) as ws,
    ):
        await ws.send_str("first")
        await until(lambda: got == ["first"])
        wire.lead_to(port_of(elsewhere))
        wire.cut()
        await until(lambda: wire.connections > 1)
        await ws.send_str("second")
        await asyncio.sleep(0.1)
        wire.lead_to(port_of(url))
        wire.cut()
        await until(lambda: got == ["first", "second"])


async def test_frames_that_make_no_sense_close_that_connection_only(caplog: pytest.LogCaptureFixture) -> None:
    server, client = lonely("server"), lonely("client")
    got: list[str] = []
    async with (
        serving(server, receiving(server, got)) as url,
        client,
        session() as one,
        client.wrap(one.ws_connect(url)) as ws,
    ):
        async with one.ws_connect(url) as confused:
            with caplog.at_level(logging.ERROR):
                await confused.send_bytes(b"\x91\x93\x04\xff\xff")
                message = await confused.receive()
            assert (message.type, message.data) == (WSMsgType.CLOSE, 1002)
            assert "\n" not in caplog.records[0].getMessage()
        await ws.send_str("unharmed")
        await until(lambda: got == ["unharmed"])


async def test_an_oversized_frame_harms_its_own_connection_only() -> None:
    server, client = lonely("server"), lonely("client")
    got: list[str] = []
    async with (
        serving(server, receiving(server, got)) as url,
        client,
        session() as one,
        client.wrap(one.ws_connect(url)) as ws,
        one.ws_connect(url) as huge,
    ):
        with contextlib.suppress(ConnectionError):
            await huge.send_bytes(b"\x91" * (5 * 1024 * 1024))
        message = await huge.receive()
        assert message.type in (WSMsgType.CLOSE, WSMsgType.CLOSED, WSMsgType.ERROR)
        await ws.send_str("unharmed")
        await until(lambda: got == ["unharmed"])


async def test_a_server_that_takes_only_small_frames_cannot_be_wrapped() -> None:
    server = lonely("server")
    failures: list[str] = []

    async def handler(request: web.Request) -> web.StreamResponse:
        raw = web.WebSocketResponse(max_msg_size=1000)
        await raw.prepare(request)
        try:
            server.wrap(raw)
        except ConfigurationError as failure:
            failures.append(str(failure))
        return raw

    async with serving(server, handler) as url, session() as one, one.ws_connect(url) as ws:
        await ws.receive()
    assert "max_msg_size=1000" in failures[0]


async def test_a_boundary_passes_everything_and_is_listed_while_it_is_open() -> None:
    server = lonely("server")
    turns: list[int] = []

    async def browser(request: web.Request) -> web.StreamResponse:
        raw = web.WebSocketResponse()
        await raw.prepare(request)
        async for message in server.wrap(raw, boundary=True):
            turns.append(len(server.driver.process.open_turns))
            await raw.send_str(message.data.upper())
        return raw

    def listed() -> tuple[str, ...]:
        return server.driver.process.recorder.boundary

    async with serving(server, browser, "/browser") as url, session() as one:
        async with one.ws_connect(url) as ws:
            await ws.send_str("plain")
            assert await ws.receive_str() == "PLAIN"
            assert listed() == ("/browser",)
        await until(lambda: listed() == ())
        await until(lambda: server.driver.process.open_turns == ())
    assert turns == [1]


async def test_a_boundarys_message_waits_while_turns_are_held() -> None:
    server = lonely("server")
    seen: list[str] = []

    async def browser(request: web.Request) -> web.StreamResponse:
        raw = web.WebSocketResponse()
        await raw.prepare(request)
        ws = server.wrap(raw, boundary=True)
        seen.append((await ws.receive()).data)
        return raw

    async with serving(server, browser) as url, session() as one, one.ws_connect(url) as ws:
        async with server.turn():
            server.driver.step(begin(1, "server"))
            await ws.send_str("early")
            await asyncio.sleep(0.03)
            assert seen == []
        await until(lambda: seen == ["early"])


async def test_a_client_may_be_a_boundary_too() -> None:
    client = lonely("client")

    async def echo(request: web.Request) -> web.StreamResponse:
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        async for message in ws:
            await ws.send_str(str(message.data))
        return ws

    async with serving(None, echo) as url, client, session() as one:
        async with client.wrap(one.ws_connect(url), boundary=True, name="exchange") as ws:
            await ws.send_str("x")
            assert await ws.receive_str() == "x"
            assert client.driver.process.recorder.boundary == ("exchange",)
        assert not client.driver.process.recorder.boundary


async def test_wrapping_before_the_agent_has_started_says_how_to_start_it() -> None:
    client = lonely("client")
    server = lonely("server")
    async with serving(server, receiving(server, [])) as url, session() as one, one.ws_connect(url) as ws:
        with pytest.raises(UsageError, match=r"add agent\.context to app\.cleanup_ctx, or use 'async with agent'"):
            client.wrap(ws)


async def test_an_agent_of_a_joined_application_says_where_to_put_it() -> None:
    agent = lonely("inner")
    inner, outer = web.Application(), web.Application()
    inner.cleanup_ctx.append(agent.context)
    outer.add_subapp("/inner", inner)
    with pytest.raises(ConfigurationError, match="add it to the cleanup_ctx of the main application"):
        async with running(outer):
            pass


async def test_a_channel_to_oneself_is_refused_by_name() -> None:
    agent = lonely("narcissus")
    async with serving(agent, receiving(agent, [])) as url, session() as one:
        ws = await agent.wrap(one.ws_connect(url))
        message = await asyncio.wait_for(ws.receive(), 3)
        assert message.type is aiohttp.WSMsgType.CLOSED
        assert ws.close_code == 1006
        assert "opened a channel to itself" in str(ws.exception())
        with pytest.raises(ConnectionResetError, match="opened a channel to itself"):
            await ws.send_str("echo?")
