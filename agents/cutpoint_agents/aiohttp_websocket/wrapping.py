"""From aiohttp's WebSocket to a wrapped one, and the seams between the two.

What was wrapped stays in the application's hands: it may still be sent on and received from, an ``async with`` may
close it, and aiohttp itself ends it when a handler returns. All of that must lead to the session, so the instance's
methods are replaced by the surface's. The carrier underneath uses those of the class.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Generator
from types import TracebackType
from typing import Any

import aiohttp
from aiohttp import web

from cutpoint.errors import ConfigurationError, UsageError
from cutpoint_agents.aiohttp_websocket.boundary import Boundary
from cutpoint_agents.aiohttp_websocket.surface import WrappedClient, WrappedServer
from cutpoint_agents.aiohttp_websocket.transport import (
    CARRIER_SLACK_BYTES,
    AiohttpTransport,
    Dialling,
    Raw,
    close_seconds_of,
    take_receive_timeout,
    url_of,
)
from cutpoint_agents.connection import NORMAL, Connection
from cutpoint_agents.driver import Driver
from cutpoint_agents.endpoint import FAILED_HANDLER, Endpoint
from cutpoint_agents.producer import opened_here

_LINGER_SECONDS = 2.0
_TO_SESSION = ("receive", "send_bytes", "send_frame", "send_json", "send_json_bytes", "send_str")


def wrap(driver: Driver, dialling: Dialling, ws: Any, *, name: str | None, boundary: bool) -> Any:
    """Wrap ``ws``: a prepared server's WebSocket, a client's, or what ``ws_connect`` returned."""
    if isinstance(ws, web.WebSocketResponse | aiohttp.ClientWebSocketResponse):
        return _wrap_raw(driver, dialling, ws, name=name, boundary=boundary)
    if isinstance(ws, Awaitable) and hasattr(ws, "__aenter__"):
        return Wrapping(ws, lambda raw: _wrap_raw(driver, dialling, raw, name=name, boundary=boundary))
    raise UsageError(
        f"agent.wrap takes aiohttp's web.WebSocketResponse, ClientWebSocketResponse or session.ws_connect(...), "
        f"not {type(ws).__name__}"
    )


class Wrapping:
    """``session.ws_connect(url)``, to be wrapped once it has connected. Await it, or use it with ``async with``."""

    def __init__(self, connecting: Awaitable[Any], wrap_raw: Callable[[Any], Any]) -> None:
        self._connecting = connecting
        self._wrap_raw = wrap_raw
        self._wrapped: Any = None

    async def _connect(self) -> Any:
        raw = await self._connecting
        try:
            self._wrapped = self._wrap_raw(raw)
        except BaseException:
            await raw.close()
            raise
        return self._wrapped

    def __await__(self) -> Generator[Any, Any, Any]:
        return self._connect().__await__()

    async def __aenter__(self) -> Any:
        return await self._connect()

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        await self._wrapped.close()


def _wrap_raw(driver: Driver, dialling: Dialling, raw: Raw, *, name: str | None, boundary: bool) -> Any:
    if isinstance(getattr(raw, "_cutpoint", None), Endpoint | Boundary):
        raise UsageError("this WebSocket is wrapped already; use what agent.wrap returned")
    if isinstance(raw, web.WebSocketResponse):
        if not raw.prepared:
            raise UsageError("this WebSocketResponse is not prepared; await ws.prepare(request) before agent.wrap(ws)")
        request: Any = getattr(raw, "_req", None)
        label = name or (request.path if request is not None else "/")
        return _wrap_boundary(driver, raw, label) if boundary else _wrap_server(driver, raw, label)
    label = name or url_of(raw).path
    return _wrap_boundary(driver, raw, label) if boundary else _wrap_client(driver, dialling, raw, label)


def _wrap_boundary(driver: Driver, raw: Raw, label: str) -> Raw:
    instance: Any = raw
    if isinstance(raw, web.WebSocketResponse):
        _watch_handler(driver)
    instance._cutpoint = Boundary(driver.switchboard, raw, label)
    return raw


def _wrap_client(driver: Driver, dialling: Dialling, raw: aiohttp.ClientWebSocketResponse, label: str) -> WrappedClient:
    close_seconds = close_seconds_of(raw, driver.settings.close_seconds)
    dial = dialling.of(raw)
    transport = AiohttpTransport(raw, on_control=lambda message: end.control(message))
    end = driver.switchboard.open(
        transport, label=label, key=uuid.uuid4().hex, dial=dial, address=str(url_of(raw)), close_seconds=close_seconds
    )
    opened_here(end)
    surface = WrappedClient(raw, end, **_manners(raw))
    connection = end.connection
    assert connection is not None

    async def close(*, code: int = 1000, message: bytes = b"") -> bool:
        if asyncio.current_task() is transport.reader:
            return await type(raw).close(raw, code=code, message=message)
        closed = await surface.close(code=code, message=message)
        if end.over:
            await _wait_lost(connection)
        return closed

    _redirect(raw, surface, end)
    raw.close = close  # type: ignore[method-assign]
    return surface


def _wrap_server(driver: Driver, raw: web.WebSocketResponse, label: str) -> WrappedServer:
    needed = driver.settings.message_bytes_max + CARRIER_SLACK_BYTES
    transport = AiohttpTransport(raw, on_control=lambda message: end.control(message))
    if transport.received_bytes_max < needed:
        raise ConfigurationError(
            f"WebSocketResponse(max_msg_size={transport.received_bytes_max}) is less than a wrapped channel needs "
            f"({needed}); nothing was wrapped; raise it, or lower Settings(message_bytes_max=...)"
        )
    end = driver.switchboard.accept(
        transport, label=label, close_seconds=close_seconds_of(raw, driver.settings.close_seconds)
    )
    surface = WrappedServer(raw, end, **_manners(raw))
    connection = end.connection
    assert connection is not None

    async def close(*, code: int = 1000, message: bytes = b"", drain: bool = True) -> bool:
        if asyncio.current_task() is transport.reader:
            return await type(raw).close(raw, code=code, message=message, drain=drain)
        return await surface.close(code=code, message=message)

    async def write_eof() -> None:
        driver.turns.end_of(asyncio.current_task())
        await end.finish(NORMAL, "")
        connection.close(NORMAL, "")
        await _wait_lost(connection)
        await type(raw).write_eof(raw)

    _redirect(raw, surface, end)
    raw.close = close  # type: ignore[method-assign]
    raw.write_eof = write_eof  # type: ignore[method-assign]
    _watch_handler(driver).add_done_callback(lambda _: _handler_done(driver, end))
    return surface


def _manners(raw: Raw) -> dict[str, Any]:
    """How the application wanted its WebSocket to behave."""
    return {
        "receive_timeout": take_receive_timeout(raw),
        "autoclose": bool(getattr(raw, "_autoclose", True)),
        "decode_text": bool(getattr(raw, "_decode_text", True)),
    }


def _redirect(raw: Raw, surface: WrappedClient | WrappedServer, end: Endpoint) -> None:
    """What the application still does with ``raw`` shall mean the session."""
    instance: Any = raw
    instance._cutpoint = end
    for method in _TO_SESSION:
        if hasattr(raw, method):
            setattr(instance, method, getattr(surface, method))


def _watch_handler(driver: Driver) -> asyncio.Task[Any]:
    """The running task serves a request: a rollback ends it."""
    task = asyncio.current_task()
    if task is None:
        raise UsageError("agent.wrap needs a running asyncio task; call it from the handler")
    driver.activity.enter(task)
    task.add_done_callback(driver.activity.leave)
    return task


def _handler_done(driver: Driver, end: Endpoint) -> None:
    """A handler that ends without returning its response has failed; the other end is told so."""
    if driver.running and not end.closed:
        end.say_close(FAILED_HANDLER, "the handler failed")
    if end.key is None and end.connection is not None:
        end.connection.close(FAILED_HANDLER, "the handler failed")


async def _wait_lost(connection: Connection) -> None:
    if not connection.lost:
        await asyncio.wait((connection.pump_task,), timeout=_LINGER_SECONDS)
