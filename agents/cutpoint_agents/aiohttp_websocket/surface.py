"""What the application holds: aiohttp's WebSocket classes, attribute for attribute, on top of a session.

Everything that concerns messages is written here. Everything that does not (headers, cookies, status, ...) is looked
up on the object that was wrapped, by name: ``DELEGATED`` lists the names, and a test compares both lists with the
classes of the installed aiohttp, so that a new method of theirs cannot slip through unnoticed.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine, Iterator
from types import TracebackType
from typing import Any, ClassVar, Final, Generic, TypeVar

import aiohttp
from aiohttp import WSCloseCode, WSMessage, WSMsgType, web
from aiohttp.abc import AbstractStreamWriter

from cutpoint.errors import UsageError
from cutpoint.protocol.messages import Close
from cutpoint_agents.endpoint import ABNORMAL, SERVICE_RESTART, Endpoint, too_big

_TEXT: Final = WSMsgType.TEXT
_BINARY: Final = WSMsgType.BINARY
_ENDS = frozenset((WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED))
_CLOSED = WSMessage(WSMsgType.CLOSED, None, None)
_CLOSING = WSMessage(WSMsgType.CLOSING, None, None)
_new = tuple.__new__
_RECEIVES_AFTER_END_MAX = 5

WrongType: Final[type[TypeError]] = getattr(aiohttp, "WSMessageTypeError", TypeError)
"""What aiohttp raises for a message of another type than the one asked for."""

_TextBytes: Final[type[tuple[Any, ...]]] = getattr(aiohttp.http_websocket, "WSMessageTextBytes", WSMessage)

R = TypeVar("R", web.WebSocketResponse, aiohttp.ClientWebSocketResponse)
Self_ = TypeVar("Self_", bound="_Surface[Any]")


class _Surface(Generic[R]):
    """What client and server have in common. ``raw`` is what was wrapped; messages travel by way of ``end``."""

    DELEGATED: ClassVar[frozenset[str]]

    def __init__(
        self,
        raw: R,
        end: Endpoint,
        *,
        receive_timeout: float | None,
        autoclose: bool,
        decode_text: bool,
    ) -> None:
        self._raw: R = raw
        self._end = end
        self._receive_timeout = receive_timeout
        self._autoclose = autoclose
        self._decode_text = decode_text
        self._waiting = False
        self._after_end = 0

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        """``isinstance`` finds what was wrapped."""
        return type(self._raw)

    def __getattr__(self, name: str) -> Any:
        if name in type(self).DELEGATED:
            return getattr(self._raw, name)
        raise AttributeError(
            f"{name!r} is not known of a wrapped WebSocket; if aiohttp has it, use the object that was wrapped"
        )

    def __repr__(self) -> str:
        return f"<wrapped {type(self._raw).__name__} {self._end.title}>"

    # ----------------------------------------------------------------------------------------------------- sending

    def send_str(self, data: str, compress: int | None = None) -> Coroutine[Any, Any, None]:
        """Send text: counted at the call; await it to wait for room. ``compress`` means nothing here."""
        if not isinstance(data, str):
            raise TypeError(f"data argument must be str ({type(data)!r})")
        size = len(data) if data.isascii() else len(data.encode())
        if size > self._end.bytes_max:
            self._too_big(size)
        return self._end.send(data if type(data) is str else str(data))

    def send_bytes(self, data: bytes, compress: int | None = None) -> Coroutine[Any, Any, None]:
        """Send bytes: counted at the call; await it to wait for room. ``compress`` means nothing here."""
        if not isinstance(data, bytes | bytearray | memoryview):
            raise TypeError(f"data argument must be byte-ish ({type(data)!r})")
        message = data if type(data) is bytes else bytes(data)
        if len(message) > self._end.bytes_max:
            self._too_big(len(message))
        return self._end.send(message)

    def send_json(
        self, data: Any, compress: int | None = None, *, dumps: Callable[[Any], str] = json.dumps
    ) -> Coroutine[Any, Any, None]:
        """Send ``data`` as JSON text."""
        return self.send_str(dumps(data), compress)

    def send_json_bytes(
        self, data: Any, compress: int | None = None, *, dumps: Callable[[Any], bytes]
    ) -> Coroutine[Any, Any, None]:
        """Send ``data`` as what ``dumps`` makes of it, in a binary message."""
        return self.send_bytes(dumps(data), compress)

    def send_frame(self, message: bytes, opcode: WSMsgType, compress: int | None = None) -> Coroutine[Any, Any, None]:
        """Send a message of the given type, or a ping or pong."""
        if opcode == WSMsgType.TEXT:
            return self.send_str(bytes(message).decode(), compress)
        if opcode == WSMsgType.BINARY:
            return self.send_bytes(message, compress)
        if opcode == WSMsgType.PING:
            return self.ping(message)
        if opcode == WSMsgType.PONG:
            return self.pong(message)
        raise UsageError(f"a wrapped WebSocket cannot send a frame of type {opcode!r}; call close() to close it")

    def _too_big(self, size: int) -> None:
        raise too_big(size, self._end.bytes_max, self._end.title, what="nothing was sent")

    async def ping(self, message: bytes = b"") -> None:
        """Send a ping on whatever connection carries the session now; none does: there is nobody to ping."""
        if (raw := self._present_raw()) is not None:
            await raw.ping(message)

    async def pong(self, message: bytes = b"") -> None:
        """Send a pong on whatever connection carries the session now."""
        if (raw := self._present_raw()) is not None:
            await raw.pong(message)

    def _present_raw(self) -> Any:
        connection = self._end.connection
        return None if connection is None else getattr(connection.transport, "raw", None)

    # --------------------------------------------------------------------------------------------------- receiving

    async def receive(self, timeout: float | None = None) -> WSMessage:
        """The next message, which begins a turn; CLOSE once, then CLOSED."""
        if self._waiting:
            raise RuntimeError("Concurrent call to receive() is not allowed")
        payload: Any = self._end.take_now()
        if payload is None:
            payload = await self._wait(timeout or self._receive_timeout)
        if type(payload) is str:
            if self._decode_text:
                return _new(WSMessage, (_TEXT, payload, ""))
            return _new(_TextBytes, (_TEXT, payload.encode(), ""))  # type: ignore[return-value]
        if type(payload) is bytes:
            return _new(WSMessage, (_BINARY, payload, ""))
        return self._other(payload)

    async def _wait(self, timeout: float | None) -> Any:
        self._waiting = True
        open_before = not self._end.closed
        try:
            if timeout:
                async with asyncio.timeout(timeout):
                    payload = await self._end.wait_message()
            else:
                payload = await self._end.wait_message()
        finally:
            self._waiting = False
        if payload is None and open_before and self._end.sent_close is not None:
            return _CLOSING
        return payload

    def _other(self, payload: Any) -> WSMessage:
        if type(payload) is Close:
            if self._autoclose:
                self._end.say_close(payload.code, "")
            return WSMessage(WSMsgType.CLOSE, payload.code, payload.reason)
        if payload is None:
            self._after_end += 1
            self._complain_of_loops()
            return _CLOSED
        message: WSMessage = payload
        return message

    def _complain_of_loops(self) -> None:
        """A client may ask for ever; see the server's."""

    async def receive_str(self, *, timeout: float | None = None) -> str:
        """The next message, which must be text."""
        message = await self.receive(timeout)
        if message.type is not _TEXT:
            raise WrongType(f"Received message {message.type}:{message.data!r} is not WSMsgType.TEXT")
        text: str = message.data
        return text

    async def receive_bytes(self, *, timeout: float | None = None) -> bytes:
        """The next message, which must be bytes."""
        message = await self.receive(timeout)
        if message.type is not _BINARY:
            raise WrongType(f"Received message {message.type}:{message.data!r} is not WSMsgType.BINARY")
        data: bytes = message.data
        return data

    async def receive_json(self, *, loads: Callable[[Any], Any] = json.loads, timeout: float | None = None) -> Any:
        """The next message, which must be JSON text."""
        return loads(await self.receive_str(timeout=timeout))

    def __aiter__(self: Self_) -> Self_:
        return self

    async def __anext__(self) -> WSMessage:
        message = await self.receive()
        if message.type in _ENDS:
            raise StopAsyncIteration
        return message

    # ------------------------------------------------------------------------------------------------- the connection

    @property
    def closed(self) -> bool:
        """Whether this end has closed, or the session is over."""
        return self._end.closed

    @property
    def close_code(self) -> int | None:
        """The other end's code, else ours; 1012 after a rollback, 1006 if the session broke, ``None`` while open."""
        end = self._end
        close = end.got_close or end.sent_close
        if close is not None:
            return close.code
        if end.rolled_back:
            return SERVICE_RESTART
        return ABNORMAL if end.over else None

    def exception(self) -> BaseException | None:
        """Why the session broke."""
        return self._end.failure

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """About the transport that carries the session now."""
        return (self._present_raw() or self._raw).get_extra_info(name, default)

    async def _close(self, code: int, message: bytes) -> bool:
        return await self._end.close(int(code), bytes(message).decode(errors="replace"))


def endpoint_of(wrapped: object) -> Endpoint | None:
    """The end of the session that a wrapped WebSocket stands for; None if it is none."""
    return wrapped._end if isinstance(wrapped, _Surface) else None


class WrappedClient(_Surface[aiohttp.ClientWebSocketResponse]):
    """Stands for an `aiohttp.ClientWebSocketResponse`."""

    DELEGATED = frozenset(("client_notakeover", "compress", "protocol"))

    async def close(self, *, code: int = WSCloseCode.OK, message: bytes = b"") -> bool:
        """Close the session in an orderly way. False: it was closed before."""
        return await self._close(code, message)

    async def __aenter__(self) -> WrappedClient:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc_val: BaseException | None, exc_tb: TracebackType | None
    ) -> None:
        await self.close()


class WrappedServer(_Surface[web.WebSocketResponse]):
    """Stands for an `aiohttp.web.WebSocketResponse`; a handler may return either."""

    # fmt: off
    DELEGATED = frozenset(
        (
            "ATTRS", "body_length", "can_prepare", "charset", "chunked", "clear", "compress",
            "compression", "content_length", "content_type", "cookies", "del_cookie", "drain",
            "enable_chunked_encoding", "enable_compression", "etag", "force_close", "get",
            "headers", "items", "keep_alive", "keys", "last_modified", "output_length", "pop",
            "popitem", "prepared", "reason", "set_cookie", "set_status", "setdefault", "status",
            "task", "update", "values", "write", "ws_protocol",
        )
    )
    # fmt: on

    async def close(self, *, code: int = WSCloseCode.OK, message: bytes = b"", drain: bool = True) -> bool:
        """Close the session in an orderly way. False: it was closed before."""
        return await self._close(code, message)

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter:
        """It is prepared already."""
        writer: AbstractStreamWriter = await self._raw.prepare(request)
        return writer

    async def write_eof(self) -> None:
        """The handler has returned: close the session, then the connection."""
        await self._raw.write_eof()

    def _complain_of_loops(self) -> None:
        if self._after_end > _RECEIVES_AFTER_END_MAX:
            raise RuntimeError("WebSocket connection is closed.")

    def __getitem__(self, key: str) -> Any:
        return self._raw[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self._raw[key] = value

    def __delitem__(self, key: str) -> None:
        del self._raw[key]

    def __contains__(self, key: object) -> bool:
        return key in self._raw

    def __len__(self) -> int:
        return len(self._raw)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._raw)

    def __bool__(self) -> bool:
        return True
