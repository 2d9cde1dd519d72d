"""Messages that are larger than the other end takes: refused at the call, or as soon as its limit is known."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from pathlib import Path

import pytest
from aiohttp import WSMsgType, web

from cutpoint.errors import ConfigurationError, UsageError
from cutpoint_agents import Agent, Settings
from cutpoint_agents.settings import SURE_BYTES
from tests.agents.rig import IMPATIENT, Coordinator, lonely, receiving, serving, session, until

SMALL = dataclasses.replace(IMPATIENT, message_bytes_max=100_000)


async def test_a_message_that_the_other_end_does_not_take_is_refused_at_the_call() -> None:
    server, client = lonely("server", settings=SMALL), lonely("client")
    got: list[object] = []
    async with (
        serving(server, receiving(server, got)) as url,
        client,
        session() as one,
        client.wrap(one.ws_connect(url)) as ws,
    ):
        await ws.send_str("first")
        await until(lambda: got == ["first"])
        with pytest.raises(UsageError, match=r"has 100001 bytes, 100000 are allowed .* nothing was sent"):
            await ws.send_bytes(bytes(100_001))
        with pytest.raises(UsageError, match="has 100002 bytes"):
            await ws.send_str("ö" * 50_001)
        await ws.send_bytes(bytes(100_000))
        await until(lambda: len(got) == 2)


async def test_an_acceptor_is_held_to_the_initiators_limit() -> None:
    server, client = lonely("server"), lonely("client", settings=SMALL)
    refused: list[str] = []

    async def speaking(request: web.Request) -> web.StreamResponse:
        raw = web.WebSocketResponse()
        await raw.prepare(request)
        ws = server.wrap(raw)
        await ws.receive()
        try:
            await ws.send_bytes(bytes(100_001))
        except UsageError as error:
            refused.append(str(error))
        await ws.send_str("small")
        return raw

    async with serving(server, speaking) as url, client, session() as one, client.wrap(one.ws_connect(url)) as ws:
        await ws.send_str("speak")
        assert await ws.receive_str() == "small"
        assert "100000 are allowed" in refused[0]


async def test_a_large_message_may_be_sent_before_the_other_end_has_answered() -> None:
    server, client = lonely("server"), lonely("client")
    got: list[object] = []
    large = bytes(1_000_000)
    async with (
        serving(server, receiving(server, got)) as url,
        client,
        session() as one,
        client.wrap(one.ws_connect(url)) as ws,
    ):
        _ = ws.send_str("before")
        _ = ws.send_bytes(large)
        _ = ws.send_str("after")
        await until(lambda: len(got) == 3)
        assert got == ["before", large, "after"]


async def test_a_message_that_turns_out_too_large_closes_the_channel_and_the_application_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    got: list[object] = []
    async with Coordinator(str(tmp_path)).serving() as coordinator:
        server = Agent("server", coordinator=coordinator.url, settings=SMALL)
        client = Agent("client", coordinator=coordinator.url, settings=IMPATIENT)
        async with serving(server, receiving(server, got)) as url, client, session() as one:
            ws = await client.wrap(one.ws_connect(url))
            _ = ws.send_str("arrives")
            waiting = asyncio.ensure_future(ws.send_bytes(bytes(200_000)))
            _ = ws.send_str("does not")
            with pytest.raises(UsageError, match=r"200000 bytes, 100000 are allowed .* not sent, nor the 1 behind it"):
                await asyncio.wait_for(ws.receive(), 3)
            with pytest.raises(UsageError):
                await waiting
            with pytest.raises(UsageError):
                await ws.send_str("x")
            assert ws.closed
            assert ws.close_code == 1009
            await until(lambda: not client.driver.open_channels() and not server.driver.open_channels())
            assert got == ["arrives"]
            assert sum(record.levelno >= logging.ERROR for record in caplog.records) == 1
            await coordinator.take_cut("client", "server")


async def test_what_an_acceptor_sends_too_early_and_too_large_closes_the_channel() -> None:
    server, client = lonely("server"), lonely("client", settings=SMALL)
    told: list[str] = []

    async def greeting(request: web.Request) -> web.StreamResponse:
        raw = web.WebSocketResponse()
        await raw.prepare(request)
        ws = server.wrap(raw)
        try:
            await ws.send_bytes(bytes(200_000))
        except UsageError as error:
            told.append(str(error))
        return raw

    async with serving(server, greeting) as url, client, session() as one:
        ws = await client.wrap(one.ws_connect(url))
        message = await asyncio.wait_for(ws.receive(), 3)
        assert (message.type, message.data) == (WSMsgType.CLOSE, 1009)
        await until(lambda: told)
        assert "it was not sent" in told[0]


async def test_a_cut_waits_for_large_messages_to_be_numbered_and_holds_them(tmp_path: Path) -> None:
    go = asyncio.Event()
    got: list[object] = []
    settings = dataclasses.replace(IMPATIENT, welcome_seconds=5.0)
    async with Coordinator(str(tmp_path)).serving() as coordinator:
        server = Agent("server", coordinator=coordinator.url, settings=settings)
        client = Agent("client", coordinator=coordinator.url, settings=settings)
        sent = client.value("sent", 0)

        async def late(request: web.Request) -> web.StreamResponse:
            raw = web.WebSocketResponse()
            await raw.prepare(request)
            await go.wait()
            async for message in server.wrap(raw):
                got.append(message.data)
            return raw

        async with serving(server, late) as url, client, session() as one:
            ws = await client.wrap(one.ws_connect(url))
            _ = ws.send_bytes(bytes(SURE_BYTES + 1))
            sent.value = 1
            cut = asyncio.ensure_future(coordinator.take_cut("client", "server"))
            await asyncio.sleep(0.05)
            go.set()
            parts = await asyncio.wait_for(cut, 5)
            assert parts["client"].in_flight_messages + parts["server"].in_flight_messages == 1
            await until(lambda: len(got) == 1)
            await ws.close()


async def test_small_messages_share_frames_that_the_other_end_takes() -> None:
    server, client = lonely("server", settings=SMALL), lonely("client")
    got: list[object] = []
    async with (
        serving(server, receiving(server, got)) as url,
        client,
        session() as one,
        client.wrap(one.ws_connect(url)) as ws,
    ):
        for _ in range(200):
            _ = ws.send_str("ö" * 3000)
        await until(lambda: len(got) == 200)
        assert client.driver.switchboard._last_connection == 1


async def test_a_violation_that_repeats_is_logged_once_a_pause(caplog: pytest.LogCaptureFixture) -> None:
    server, client = lonely("server", settings=SMALL), lonely("client")
    got: list[object] = []
    async with (
        serving(server, receiving(server, got)) as url,
        client,
        session() as one,
        client.wrap(one.ws_connect(url)) as ws,
    ):
        await ws.send_str("first")
        await until(lambda: got == ["first"])
        ws._end.bytes_max = 10_000_000
        _ = ws.send_bytes(bytes(5_000_000))
        await asyncio.sleep(1.0)
        assert 2 <= client.driver.switchboard._last_connection <= 9
        assert sum(record.levelno >= logging.ERROR for record in caplog.records) <= 9
        await client.driver.stop("the test is over")


def test_every_agent_takes_what_may_be_sent_before_it_has_answered() -> None:
    with pytest.raises(ConfigurationError, match="less than the 65536 bytes that every agent takes"):
        Settings(message_bytes_max=SURE_BYTES - 1)
