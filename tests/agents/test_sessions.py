"""A session survives its connections: every message exactly once, in order, however often the wire is cut."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiohttp import web

from cutpoint_agents import Settings
from tests.agents.rig import IMPATIENT, Wire, lonely, port_of, receiving, serving, session, until


async def test_every_message_arrives_once_and_in_order_while_the_wire_is_cut() -> None:
    server, client = lonely("server"), lonely("client")
    got: list[str] = []
    async with (
        serving(server, receiving(server, got)) as url,
        Wire(port_of(url)) as wire,
        client,
        session() as one,
        client.wrap(one.ws_connect(wire.through(url))) as ws,
    ):
        for number in range(5000):
            await ws.send_str(str(number))
            if number % 250 == 249:
                await asyncio.sleep(0.002)
                wire.cut()
        await until(lambda: len(got) == 5000, 20)
        assert got == [str(number) for number in range(5000)]
        assert wire.connections > 10


async def test_both_directions_survive_the_same_cuts() -> None:
    server, client = lonely("server"), lonely("client")

    async def echo(request: web.Request) -> web.StreamResponse:
        raw = web.WebSocketResponse()
        await raw.prepare(request)
        ws = server.wrap(raw)
        async for message in ws:
            await ws.send_str(message.data)
        return raw

    async with (
        serving(server, echo) as url,
        Wire(port_of(url)) as wire,
        client,
        session() as one,
        client.wrap(one.ws_connect(wire.through(url))) as ws,
    ):
        back: list[str] = []

        async def listen() -> None:
            async for message in ws:
                back.append(message.data)

        listener = asyncio.create_task(listen())
        for number in range(2000):
            await ws.send_str(str(number))
            if number % 200 == 199:
                await asyncio.sleep(0.002)
                wire.cut()
        await until(lambda: len(back) == 2000, 20)
        assert back == [str(number) for number in range(2000)]
        listener.cancel()


async def test_a_wire_that_stays_cut_holds_back_the_sender_and_loses_nothing() -> None:
    server, client = lonely("server"), lonely("client", window=32)
    got: list[str] = []
    async with (
        serving(server, receiving(server, got)) as url,
        Wire(port_of(url)) as wire,
        client,
        session() as one,
        client.wrap(one.ws_connect(wire.through(url))) as ws,
    ):
        await ws.send_str("first")
        await until(lambda: got == ["first"])
        wire.open = False
        wire.cut()
        sent = 0

        async def produce() -> None:
            nonlocal sent
            while sent < 1000:
                await ws.send_str(str(sent))
                sent += 1

        producer = asyncio.create_task(produce())
        await asyncio.sleep(0.15)
        assert 0 < sent < 600
        wire.open = True
        await producer
        await until(lambda: len(got) == 1001)
        assert got[1:] == [str(number) for number in range(1000)]


async def test_a_slow_receiver_holds_back_the_sender() -> None:
    server, client = lonely("server", window=10), lonely("client", window=10)
    go = asyncio.Event()
    got: list[str] = []

    async def slow(request: web.Request) -> web.StreamResponse:
        raw = web.WebSocketResponse()
        await raw.prepare(request)
        await go.wait()
        async for message in server.wrap(raw):
            got.append(message.data)
        return raw

    async with serving(server, slow) as url, client, session() as one, client.wrap(one.ws_connect(url)) as ws:
        waiting = ws.send_str("0")
        for number in range(1, 30):
            waiting = ws.send_str(str(number))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(waiting, 0.05)
        go.set()
        await asyncio.wait_for(ws.send_str("30"), 2)
        await until(lambda: len(got) == 31)
        assert got == [str(number) for number in range(31)]


async def test_a_cancelled_wait_for_room_does_not_unsend() -> None:
    server, client = lonely("server", window=2), lonely("client", window=2)
    go = asyncio.Event()
    got: list[str] = []

    async def slow(request: web.Request) -> web.StreamResponse:
        raw = web.WebSocketResponse()
        await raw.prepare(request)
        ws = server.wrap(raw)
        await go.wait()
        async for message in ws:
            got.append(message.data)
        return raw

    async with serving(server, slow) as url, client, session() as one, client.wrap(one.ws_connect(url)) as ws:
        tasks = [asyncio.create_task(ws.send_str(str(number))) for number in range(8)]
        await asyncio.sleep(0.02)
        assert not tasks[-1].done()
        for task in tasks:
            task.cancel()
        go.set()
        await until(lambda: len(got) == 8)
        assert got == [str(number) for number in range(8)]


async def test_small_messages_of_one_loop_turn_share_a_frame() -> None:
    server, client = lonely("server"), lonely("client")
    got: list[str] = []
    async with serving(server, receiving(server, got)) as url, client, session() as one, one.ws_connect(url) as raw:
        ws = client.wrap(raw)
        await ws.send_str("hello")
        await until(lambda: got)
        frames: list[int] = []
        writer: Any = raw._writer
        bare = writer.send_frame

        async def counted(message: bytes, *arguments: Any, **options: Any) -> None:
            frames.append(len(message))
            await bare(message, *arguments, **options)

        writer.send_frame = counted
        for number in range(100):
            _ = ws.send_str(f"message {number}")
        await until(lambda: len(got) == 101)
        assert len(frames) <= 2


async def test_an_acceptor_may_speak_first() -> None:
    server, client = lonely("server"), lonely("client")

    async def greet(request: web.Request) -> web.StreamResponse:
        raw = web.WebSocketResponse()
        await raw.prepare(request)
        ws = server.wrap(raw)
        await ws.send_str("welcome")
        _ = ws.send_str("to")
        await ws.send_str("the club")
        return raw

    async with serving(server, greet) as url, client, session() as one, client.wrap(one.ws_connect(url)) as ws:
        assert [message.data async for message in ws] == ["welcome", "to", "the club"]


async def test_a_session_survives_the_client_session_that_it_began_with() -> None:
    server, client = lonely("server"), lonely("client")
    got: list[str] = []
    async with serving(server, receiving(server, got)) as url, client:
        async with session() as one:
            ws = await client.wrap(one.ws_connect(url))
            await ws.send_str("one")
            await until(lambda: got)
        await ws.send_str("two")
        await until(lambda: len(got) == 2)
        await ws.close()
        assert got == ["one", "two"]


async def test_a_redial_shows_the_headers_of_the_first_request() -> None:
    server, client = lonely("server"), lonely("client")
    got: list[str] = []
    seen: list[tuple[str | None, bool]] = []

    @web.middleware
    async def guard(request: web.Request, handler: Any) -> web.StreamResponse:
        seen.append((request.headers.get("Authorization"), "Cutpoint-Session" in request.headers))
        answer: web.StreamResponse = await handler(request)
        return answer

    app = web.Application(middlewares=[guard])
    app.router.add_get("/ws", receiving(server, got))
    app.cleanup_ctx.append(server.context)
    from tests.agents.rig import running

    async with running(app) as base, Wire(port_of(base + "/")) as wire, client, session() as one:
        connecting = one.ws_connect(wire.through(base + "/ws"), headers={"Authorization": "Bearer x"})
        async with client.wrap(connecting) as ws:
            await ws.send_str("one")
            await until(lambda: got)
            wire.cut()
            await ws.send_str("two")
            await until(lambda: len(got) == 2)
    assert seen == [("Bearer x", False), ("Bearer x", True)]


async def test_an_agent_without_middleware_resumes_too() -> None:
    server, client = lonely("server"), lonely("client")
    got: list[str] = []
    async with (
        server,
        serving(None, receiving(server, got)) as url,
        Wire(port_of(url)) as wire,
        client,
        session() as one,
        client.wrap(one.ws_connect(wire.through(url))) as ws,
    ):
        await ws.send_str("one")
        await until(lambda: got)
        wire.cut()
        await ws.send_str("two")
        await until(lambda: len(got) == 2)
        assert got == ["one", "two"]
        await ws.close()


async def test_two_channels_between_the_same_processes_are_two() -> None:
    server, client = lonely("server"), lonely("client")
    names: list[str] = []

    async def name(request: web.Request) -> web.StreamResponse:
        raw = web.WebSocketResponse()
        await raw.prepare(request)
        ws = server.wrap(raw)
        async for message in ws:
            names.append(f"{message.data} on {ws._end.title}")
        return raw

    async with (
        serving(server, name) as url,
        client,
        session() as one,
        client.wrap(one.ws_connect(url)) as first,
        client.wrap(one.ws_connect(url)) as second,
        client.wrap(one.ws_connect(url), name="third") as third,
    ):
        for ws, word in ((first, "a"), (second, "b"), (third, "c")):
            await ws.send_str(word)
        await until(lambda: len(names) == 3)
    assert sorted(names) == [
        "a on client~server:/transfers",
        "b on client~server:/transfers#2",
        "c on client~server:third",
    ]


def test_settings_that_cannot_be_meant_are_refused() -> None:
    from cutpoint.errors import ConfigurationError

    for bad in (
        {"window_messages": 0},
        {"hello_seconds": -1.0},
        {"batch_bytes": "big"},
        {"stop_seconds": float("inf")},
    ):
        with pytest.raises(ConfigurationError, match="must be a number above 0"):
            Settings(**bad)
    assert IMPATIENT.window_messages == 256
