"""One aiohttp WebSocket as a carrier of sessions, and how to dial the same address again.

The methods used are those of the object's class, never of the instance: the instance's are what the application
calls, and they lead to the session (see ``wrapping``). aiohttp's private attributes are read in this module alone, each
with a fallback or an error that says which release of aiohttp is known to work.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any, Final

import aiohttp
from aiohttp import WSMsgType, hdrs, web
from multidict import CIMultiDict
from yarl import URL

from cutpoint.errors import ConfigurationError
from cutpoint_agents.settings import Settings
from cutpoint_agents.transport import Dial, DialFailed, NotFrames, Transport

SESSION_HEADER: Final = "Cutpoint-Session"
CARRIER_SLACK_BYTES: Final = 64 * 1024
"""How much longer than the application's largest message a carrier's may be: other frames share it."""

_UNLIMITED = 1 << 31
_CLOSE_SECONDS = 3.0
_HANDSHAKE_HEADERS = (
    hdrs.HOST,
    hdrs.UPGRADE,
    hdrs.CONNECTION,
    hdrs.SEC_WEBSOCKET_KEY,
    hdrs.SEC_WEBSOCKET_VERSION,
    hdrs.SEC_WEBSOCKET_EXTENSIONS,
    hdrs.SEC_WEBSOCKET_PROTOCOL,
    SESSION_HEADER,
)

Raw = web.WebSocketResponse | aiohttp.ClientWebSocketResponse


class AiohttpTransport:
    """A prepared WebSocket. ``on_control`` is given pings and pongs where the application wants to see them."""

    def __init__(self, raw: Raw, *, on_control: Callable[[Any], None] | None = None) -> None:
        kind: Any = type(raw)
        self.raw = raw
        self.reader: asyncio.Task[Any] | None = None
        limit = getattr(raw, "_max_msg_size", 0)
        self.received_bytes_max = limit if isinstance(limit, int) and limit > 0 else _UNLIMITED
        self._on_control = on_control
        self._receive = kind.receive.__get__(raw)
        self._send = kind.send_bytes.__get__(raw)
        self._close = kind.close.__get__(raw)

    async def receive(self) -> bytes | None:
        """The next binary message; ``None`` once the connection is gone. Raises `NotFrames`."""
        self.reader = asyncio.current_task()
        while True:
            try:
                message = await self._receive()
            except (OSError, RuntimeError, aiohttp.ClientError):
                return None
            if message.type is WSMsgType.BINARY:
                data: bytes = message.data
                return data
            if message.type is WSMsgType.TEXT:
                raise NotFrames("a text message")
            if message.type is WSMsgType.ERROR and isinstance(message.data, aiohttp.WebSocketError):
                raise NotFrames(f"what aiohttp refuses ({message.data})")
            if message.type not in (WSMsgType.PING, WSMsgType.PONG):
                return None
            if self._on_control is not None:
                self._on_control(message)

    async def send(self, data: bytes) -> None:
        """Send one binary message and wait for room in the socket's buffer. Raises ``OSError`` if it is gone."""
        try:
            await self._send(data)
        except (RuntimeError, aiohttp.ClientError) as error:
            raise ConnectionResetError(str(error)) from error

    async def close(self, code: int, reason: str) -> None:
        """Close it in an orderly way. Never raises, takes a few seconds at most."""
        message = reason.encode()[:120]
        with contextlib.suppress(OSError, RuntimeError, TimeoutError, aiohttp.ClientError):
            async with asyncio.timeout(_CLOSE_SECONDS):
                await self._close(code=code, message=message)

    def abort(self) -> None:
        """Drop it at once."""
        transport = getattr(getattr(self.raw, "_writer", None), "transport", None)
        if transport is not None:
            transport.abort()
        response = getattr(self.raw, "_response", None)
        if response is not None:
            response.close()


def url_of(raw: aiohttp.ClientWebSocketResponse) -> URL:
    """The address that a client's WebSocket is connected to."""
    url = getattr(getattr(raw, "_response", None), "url", None)
    if not isinstance(url, URL):
        raise ConfigurationError(
            f"this aiohttp ({aiohttp.__version__}) does not tell a WebSocket's address; nothing was wrapped; "
            "use a release from 3.10 to 3.14, or report it to Cutpoint"
        )
    return url


def take_receive_timeout(raw: Raw) -> float | None:
    """The receive timeout that the application gave; taken off ``raw``, whose reader waits for ever."""
    if isinstance(raw, web.WebSocketResponse):
        seconds: float | None = getattr(raw, "_receive_timeout", None)
        raw._receive_timeout = None
        return seconds
    timeout = getattr(raw, "_timeout", None)
    if not isinstance(timeout, aiohttp.ClientWSTimeout):
        return None
    raw._timeout = aiohttp.ClientWSTimeout(ws_receive=None, ws_close=timeout.ws_close)
    return timeout.ws_receive


def close_seconds_of(raw: Raw, otherwise: float) -> float:
    """How long the application lets a close take."""
    timeout = getattr(raw, "_timeout", None)
    seconds = getattr(timeout, "ws_close", timeout)
    return float(seconds) if isinstance(seconds, int | float) else otherwise


class Dialling:
    """Dials the addresses of wrapped client WebSockets again, with their own `ClientSession` while it is open."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._own: aiohttp.ClientSession | None = None

    def of(self, raw: aiohttp.ClientWebSocketResponse) -> Dial:
        """How to connect to where ``raw`` is connected to."""
        url = url_of(raw)
        response: Any = raw._response
        headers = CIMultiDict(response.request_info.headers)
        protocols = tuple(p.strip() for p in headers.get(hdrs.SEC_WEBSOCKET_PROTOCOL, "").split(",") if p.strip())
        for name in _HANDSHAKE_HEADERS:
            headers.popall(name, None)
        session: aiohttp.ClientSession | None = getattr(response, "_session", None)
        options = _connection_options(raw)
        options.update(protocols=protocols, heartbeat=getattr(raw, "_heartbeat", None))

        async def dial(key: str) -> Transport:
            return await self._dial(url, headers, key, session, options)

        return dial

    def to(self, address: str) -> Dial:
        """How to connect to ``address`` with nothing but it."""
        url = URL(address)

        async def dial(key: str) -> Transport:
            return await self._dial(url, CIMultiDict(), key, None, {})

        return dial

    async def close(self) -> None:
        """Close the session of our own, if there is one."""
        own, self._own = self._own, None
        if own is not None:
            await own.close()

    async def _dial(
        self,
        url: URL,
        headers: CIMultiDict[str],
        key: str,
        session: aiohttp.ClientSession | None,
        options: dict[str, Any],
    ) -> Transport:
        sent = CIMultiDict(headers)
        if key:
            sent[SESSION_HEADER] = key
        if session is None or session.closed:
            session = self._own = self._own or aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())
        elif session.auth is not None:
            sent.popall(hdrs.AUTHORIZATION, None)
        try:
            async with asyncio.timeout(self._settings.connect_seconds):
                raw = await session.ws_connect(
                    url, headers=sent, max_msg_size=self._settings.message_bytes_max + CARRIER_SLACK_BYTES, **options
                )
        except (aiohttp.ClientError, OSError, TimeoutError, RuntimeError, ValueError) as error:
            raise DialFailed(f"{url.with_query(None)}: {_words(error)}") from error
        return AiohttpTransport(raw)


def _words(error: Exception) -> str:
    """What went wrong, without the query of an address, which may hold a secret."""
    if isinstance(error, aiohttp.ClientResponseError):
        return f"HTTP {error.status}"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return str(error) or type(error).__name__


def _connection_options(raw: aiohttp.ClientWebSocketResponse) -> dict[str, Any]:
    """How the connection was made: TLS and proxy, as far as aiohttp tells."""
    key = getattr(getattr(raw, "_conn", None), "_key", None)
    found = {name: getattr(key, name, None) for name in ("ssl", "proxy", "proxy_auth", "server_hostname")}
    return {name: value for name, value in found.items() if value is not None}
