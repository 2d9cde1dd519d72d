"""How channels end: orderly from either side, by a handler that returns or fails, and without leaving anything open."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import pytest
from aiohttp import WSMsgType, web

from cutpoint_agents import Settings
from tests.agents.rig import Handler, lonely, receiving, serving, session, until


def handled(agent: Any, talk: Callable[[Any], Awaitable[Any]]) -> Handler:
    async def handler(request: web.Request) -> web.StreamResponse:
        raw = web.WebSocketResponse()
        await raw.prepare(request)
        await talk(agent.wrap(raw))
        return raw

    return handler


async def test_what_was_sent_before_a_close_is_received_before_it() -> None:
    server, client = lonely("server"), lonely("client")
    got: list[str] = []
    async with serving(server, receiving(server, got)) as url, client, session() as one:
        async with client.wrap(one.ws_connect(url)) as ws:
            for number in range(1000):
                ws.send_str(str(number))
        assert len(got) == 1000
        assert ws.close_code == 1000
    assert server.statistics().faults == client.statistics().faults == 0


async def test_a_handler_that_returns_closes_the_session() -> None:
    server, client = lonely("server"), lonely("client")

    async def one_word(ws: Any) -> None:
        await ws.receive()
        ws.send_str("done")

    async with (
        serving(server, handled(server, one_word)) as url,
        client,
        session() as one,
        client.wrap(one.ws_connect(url)) as ws,
    ):
        await ws.send_str("x")
        assert await ws.receive_str() == "done"
        message = await ws.receive()
        assert (message.type, message.data) == (WSMsgType.CLOSE, 1000)


async def test_a_handler_that_fails_closes_the_session_with_1011() -> None:
    server, client = lonely("server"), lonely("client")

    async def fail(ws: Any) -> None:
        await ws.receive()
        raise LookupError("the user's own")

    async with (
        serving(server, handled(server, fail)) as url,
        client,
        session() as one,
        client.wrap(one.ws_connect(url)) as ws,
    ):
        await ws.send_str("x")
        message = await asyncio.wait_for(ws.receive(), 3)
        assert (message.type, message.data, message.extra) == (WSMsgType.CLOSE, 1011, "the handler failed")


async def test_an_async_with_around_the_bare_client_closes_the_session() -> None:
    server, client = lonely("server"), lonely("client")
    got: list[str] = []
    ended: list[int | None] = []

    async def handler(ws: Any) -> None:
        got.extend([message.data async for message in ws])
        ended.append(ws.close_code)

    async with serving(server, handled(server, handler)) as url, client, session() as one:
        async with one.ws_connect(url) as raw:
            _ = client.wrap(raw).send_str("kept")
        await until(lambda: ended)
    assert (got, ended) == (["kept"], [1000])


async def test_both_ends_may_close_at_once() -> None:
    server, client = lonely("server"), lonely("client")

    async def close(ws: Any) -> None:
        await ws.receive()
        await ws.close(code=4002)

    async with serving(server, handled(server, close)) as url, client, session() as one:
        ws = await client.wrap(one.ws_connect(url))
        await ws.send_str("now")
        assert await asyncio.wait_for(ws.close(code=4003), 3) is True
        assert ws.closed


async def test_a_close_drops_what_the_other_end_still_sends() -> None:
    server, client = lonely("server"), lonely("client", window=4)
    closed: list[int | None] = []

    async def chatter(ws: Any) -> None:
        for number in range(200):
            await ws.send_str(str(number))
        async for _ in ws:
            pass
        closed.append(ws.close_code)

    async with serving(server, handled(server, chatter)) as url, client, session() as one:
        async with client.wrap(one.ws_connect(url)) as ws:
            assert await ws.receive_str() == "0"
        await until(lambda: closed)
    assert closed == [1000]


async def test_a_close_gives_up_on_a_peer_that_never_answers() -> None:
    server, client = lonely("server"), lonely("client")
    never = asyncio.Event()

    async def deaf(ws: Any) -> None:
        await never.wait()

    async with serving(server, handled(server, deaf)) as url, client, session() as one:
        from aiohttp import ClientWSTimeout

        ws = await client.wrap(one.ws_connect(url, timeout=ClientWSTimeout(ws_close=0.1)))
        await ws.send_str("anybody?")
        before = asyncio.get_running_loop().time()
        assert await ws.close() is True
        assert asyncio.get_running_loop().time() - before < 1
        never.set()


def idle(board: Any) -> bool:
    return not board._endpoints and not board._connections


async def test_nothing_stays_open_after_a_hundred_sessions() -> None:
    server, client = lonely("server", settings=Settings()), lonely("client", settings=Settings())
    redials: list[Any] = []
    board: Any = client.driver.switchboard
    board._redialler.start = redials.append
    got: list[str] = []
    async with serving(server, receiving(server, got)) as url, client, session() as one:

        async def talk(number: int) -> None:
            async with client.wrap(one.ws_connect(url)) as ws:
                await ws.send_str(str(number))

        await asyncio.gather(*(talk(number) for number in range(100)))
        for agent in (server, client):
            board = agent.driver.switchboard
            await until(partial(idle, board))
            assert agent.driver.process.open_turns == ()
    assert redials == []
    assert sorted(map(int, got)) == list(range(100))


async def test_a_send_after_the_end_says_so() -> None:
    server, client = lonely("server"), lonely("client")

    async def leave(ws: Any) -> None:
        await ws.close()

    async with serving(server, handled(server, leave)) as url, client, session() as one:
        ws = await client.wrap(one.ws_connect(url))
        assert (await ws.receive()).type is WSMsgType.CLOSE
        with pytest.raises(ConnectionResetError, match="is closed; nothing was sent"):
            await ws.send_str("late")
