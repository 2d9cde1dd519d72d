"""A wrapped WebSocket is used exactly like a bare one: the same names, the same calls, the same answers."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from aiohttp import WSMsgType, web

from cutpoint.errors import UsageError
from cutpoint_agents import Agent
from cutpoint_agents.aiohttp_websocket import WrappedClient, WrappedServer
from tests.agents.rig import lonely, serving, session

PAIRS = [(aiohttp.ClientWebSocketResponse, WrappedClient), (web.WebSocketResponse, WrappedServer)]
DUNDERS = {"__aenter__", "__aexit__", "__aiter__", "__anext__", "__getitem__", "__setitem__", "__delitem__", "__len__"}


def surface_of(cls: type) -> list[str]:
    """What users may call: public names, and the dunders that make syntax work."""
    return [name for name in dir(cls) if not name.startswith("_") or name in DUNDERS]


@pytest.mark.parametrize(("bare", "wrapped"), PAIRS)
def test_every_public_attribute_of_aiohttps_class_is_decided(bare: type, wrapped: Any) -> None:
    written = {name for cls in wrapped.__mro__[:-2] for name in vars(cls)}
    undecided = [name for name in surface_of(bare) if name not in written | wrapped.DELEGATED]
    assert undecided == [], "aiohttp has methods that the wrapper neither implements nor delegates"


@pytest.mark.parametrize(("bare", "wrapped"), PAIRS)
def test_nothing_that_moves_messages_is_delegated(bare: type, wrapped: Any) -> None:
    telling = ("send", "receive", "close", "ping", "pong", "exception", "iter", "next")
    assert [name for name in wrapped.DELEGATED if any(word in name for word in telling) and name != "force_close"] == []
    assert sorted(name for name in wrapped.DELEGATED if name not in dir(bare)) == []


@pytest.mark.parametrize(("bare", "wrapped"), PAIRS)
def test_every_call_that_aiohttp_takes_is_taken(bare: type, wrapped: type) -> None:
    for name in surface_of(bare):
        ours = inspect.getattr_static(wrapped, name, None)
        if not inspect.isfunction(ours):
            continue
        theirs = inspect.signature(getattr(bare, name)).parameters
        mine = inspect.signature(ours).parameters
        for parameter in theirs.values():
            if parameter.kind is inspect.Parameter.VAR_KEYWORD:
                continue
            assert parameter.name in mine or name.startswith("__"), f"{name}() misses {parameter.name}"
            if parameter.name in mine:
                assert mine[parameter.name].kind == parameter.kind, f"{name}({parameter.name}) is passed differently"
                required = parameter.default is inspect.Parameter.empty
                assert required or mine[parameter.name].default is not inspect.Parameter.empty


@contextlib.asynccontextmanager
async def connected(
    talk: Callable[[Any], Awaitable[Any]], *, wrapped: bool, how: dict[str, Any] | None = None
) -> AsyncIterator[Any]:
    """A client whose server runs ``talk``, both bare or both wrapped."""
    server, client = lonely("server"), lonely("client")

    async def handler(request: web.Request) -> web.StreamResponse:
        raw = web.WebSocketResponse(**(how or {}))
        await raw.prepare(request)
        ws: Any = server.wrap(raw) if wrapped else raw
        await talk(ws)
        returned: web.StreamResponse = ws
        return returned

    async with serving(server if wrapped else None, handler) as url, session() as one:
        if not wrapped:
            async with one.ws_connect(url) as ws:
                yield ws
            return
        async with client, client.wrap(one.ws_connect(url)) as ws:
            yield ws


async def echo(ws: Any) -> None:
    async for message in ws:
        if message.type is WSMsgType.TEXT:
            await ws.send_str(message.data)
        else:
            await ws.send_bytes(message.data)


BOTH = pytest.mark.parametrize("wrapped", [False, True], ids=["bare", "wrapped"])


@BOTH
async def test_messages_come_back_as_they_were_sent(wrapped: bool) -> None:
    async with connected(echo, wrapped=wrapped) as ws:
        await ws.send_str("größe \N{SNOWMAN}")
        assert await ws.receive_str() == "größe \N{SNOWMAN}"
        await ws.send_bytes(bytearray(b"\0\1"))
        assert await ws.receive_bytes() == b"\0\1"
        await ws.send_bytes(memoryview(b"abc"))
        assert (await ws.receive()).data == b"abc"
        await ws.send_json({"a": [1]})
        assert await ws.receive_json() == {"a": [1]}
        await ws.send_json_bytes([2], dumps=lambda data: json.dumps(data).encode())
        assert (await ws.receive()).json() == [2]
        await ws.send_frame(b"framed", WSMsgType.TEXT)
        message = await ws.receive()
        assert (message.type, message.data, message.extra) == (WSMsgType.TEXT, "framed", "")
        assert isinstance(message, aiohttp.WSMessage)
        await ws.ping(b"x")
        await ws.pong()


@BOTH
async def test_wrong_arguments_raise_the_same_errors(wrapped: bool) -> None:
    async with connected(echo, wrapped=wrapped) as ws:
        with pytest.raises(TypeError, match="must be str"):
            await ws.send_str(b"bytes")
        with pytest.raises(TypeError, match="byte-ish"):
            await ws.send_bytes("text")
        with pytest.raises(UnicodeEncodeError):
            await ws.send_str("\ud800")
        await ws.send_bytes(b"")
        with pytest.raises(TypeError):
            await ws.receive_str()
        await ws.send_str("")
        with pytest.raises(TypeError):
            await ws.receive_bytes()
        with pytest.raises(TimeoutError):
            await ws.receive(timeout=0.01)


@BOTH
async def test_two_receives_at_once_are_refused(wrapped: bool) -> None:
    async with connected(echo, wrapped=wrapped) as ws:
        waiting = asyncio.create_task(ws.receive())
        await asyncio.sleep(0.01)
        with pytest.raises(RuntimeError, match="Concurrent call"):
            await ws.receive()
        await ws.send_str("on")
        assert (await waiting).data == "on"


@BOTH
async def test_a_close_ends_the_loop_and_tells_its_code(wrapped: bool) -> None:
    async def farewell(ws: Any) -> None:
        await ws.send_str("last")
        await ws.close(code=4000, message=b"enough")

    async with connected(farewell, wrapped=wrapped) as ws:
        assert not ws.closed
        assert ws.close_code is None
        assert [message.data async for message in ws] == ["last"]
        assert ws.closed
        assert ws.close_code == 4000
        assert ws.exception() is None
        assert (await ws.receive()).type is WSMsgType.CLOSED
        assert await ws.close() is False
        with pytest.raises(ConnectionResetError):
            await ws.send_str("late")


@BOTH
async def test_a_close_message_says_code_and_reason_once(wrapped: bool) -> None:
    async def farewell(ws: Any) -> None:
        await ws.close(code=4001, message=b"enough")

    async with connected(farewell, wrapped=wrapped) as ws:
        message = await ws.receive()
        assert (message.type, message.data, message.extra) == (WSMsgType.CLOSE, 4001, "enough")
        assert (await ws.receive()).type is WSMsgType.CLOSED


@BOTH
async def test_a_close_wakes_the_own_receive(wrapped: bool) -> None:
    async with connected(echo, wrapped=wrapped) as ws:
        waiting = asyncio.create_task(ws.receive())
        await asyncio.sleep(0.01)
        assert await ws.close() is True
        assert (await waiting).type in (WSMsgType.CLOSING, WSMsgType.CLOSED)


@BOTH
async def test_a_server_that_asks_for_ever_is_stopped(wrapped: bool) -> None:
    failures: list[BaseException] = []

    async def loop(ws: Any) -> None:
        await ws.receive()
        try:
            for _ in range(20):
                await ws.receive()
        except RuntimeError as failure:
            failures.append(failure)

    async with connected(loop, wrapped=wrapped) as ws:
        await ws.close()
    assert [str(failure) for failure in failures] == ["WebSocket connection is closed."]


@BOTH
async def test_texts_stay_bytes_where_the_server_wants_them_so(wrapped: bool) -> None:
    kinds: list[Any] = []

    async def keep(ws: Any) -> None:
        kinds.append(await ws.receive_str())

    async with connected(keep, wrapped=wrapped, how={"decode_text": False}) as ws:
        await ws.send_str("ö")
        await ws.receive()
    assert kinds == ["ö".encode()]


@BOTH
async def test_a_receive_timeout_of_the_constructor_is_kept(wrapped: bool) -> None:
    seen: list[str] = []

    async def impatient(ws: Any) -> None:
        try:
            await ws.receive()
        except TimeoutError:
            seen.append("timeout")

    async with connected(impatient, wrapped=wrapped, how={"receive_timeout": 0.02}) as ws:
        await ws.receive()
    assert seen == ["timeout"]


@pytest.mark.filterwarnings("ignore:It is recommended to use web.ResponseKey")
@BOTH
async def test_attributes_that_move_no_messages_are_the_wrapped_objects(wrapped: bool) -> None:
    seen: list[Any] = []

    async def look(ws: Any) -> None:
        ws["key"] = 1
        seen.extend([ws.status, ws.prepared, ws["key"], len(ws), ws.headers["Upgrade"], ws.ws_protocol, "key" in ws])
        seen.append(isinstance(ws, web.WebSocketResponse))
        seen.append(ws.get_extra_info("peername")[0])

    async with connected(look, wrapped=wrapped) as ws:
        await ws.receive()
        assert isinstance(ws, aiohttp.ClientWebSocketResponse)
        assert ws.protocol is None
        assert not ws.client_notakeover
    assert seen == [101, True, 1, 1, "websocket", None, True, True, "127.0.0.1"]


async def test_a_send_counts_at_the_call_and_may_be_a_task() -> None:
    async with connected(echo, wrapped=True) as ws:
        ws.send_str("one")
        task = asyncio.create_task(ws.send_str("two"))
        ws.send_str("three")
        await task
        await asyncio.gather(ws.send_str("four"), asyncio.wait_for(ws.send_str("five"), 1))
        assert [await ws.receive_str() for _ in range(5)] == ["one", "two", "three", "four", "five"]


async def test_the_wrapped_object_still_works_in_its_own_place() -> None:
    agent, client = lonely("server"), lonely("client")

    async def handler(request: web.Request) -> web.StreamResponse:
        raw = web.WebSocketResponse()
        await raw.prepare(request)
        async for message in agent.wrap(raw):
            await raw.send_json({"got": str(message.data)})
        return raw

    async with serving(agent, handler) as url, client, session() as one, one.ws_connect(url) as raw:
        client.wrap(raw)
        await raw.send_str("by the old name")
        assert await raw.receive_json() == {"got": "by the old name"}
        await raw.send_bytes(b"again")
        async for message in raw:
            assert message.type is WSMsgType.TEXT
            break
        await raw.close()


async def test_a_message_beyond_the_limit_is_not_sent_and_the_error_says_what_to_raise() -> None:
    async with connected(echo, wrapped=True) as ws:
        with pytest.raises(UsageError, match="nothing was sent; raise Settings"):
            await ws.send_bytes(bytes(5 * 1024 * 1024))
        with pytest.raises(UsageError, match="nothing was sent"):
            await ws.send_str("ö" * (3 * 1024 * 1024))
        large = "ö" * (2 * 1024 * 1024 - 40 * 1024)
        await ws.send_str(large)
        assert await ws.receive_str() == large


async def test_unprepared_or_twice_wrapped_or_strange_objects_are_refused() -> None:
    agent: Agent = lonely("server")
    with pytest.raises(UsageError, match="not prepared"):
        agent.wrap(web.WebSocketResponse())
    with pytest.raises(UsageError, match="takes aiohttp's"):
        agent.wrap(object())
    async with connected(echo, wrapped=True) as ws:
        with pytest.raises(UsageError, match="wrapped already"):
            agent.wrap(ws._raw)


async def test_pings_reach_an_application_that_asked_for_them() -> None:
    seen: list[WSMsgType] = []

    async def watch(ws: Any) -> None:
        seen.append((await ws.receive()).type)

    async with connected(watch, wrapped=True, how={"autoping": False}) as ws:
        await ws.ping(b"there?")
        await ws.receive()
    assert seen == [WSMsgType.PING]
