"""``GET /v1/agents``: the control connections of agents, one WebSocket each, JSON text in both directions.

The first message must be a Join; what is no control message closes the connection with one line that says so, and
concerns nobody else. A coordinator that does not lead turns agents away and names the one that does; an agent that
could not reach that one says so with its next connection, in the header `UNREACHED`. A host that
hangs without closing its connection is noticed by its missing heartbeat.

What messages mean is the core's business.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
from collections.abc import Awaitable, Callable

from aiohttp import WSMsgType, web

from cutpoint.access.handshake import ASKING as TOKEN_HEADER
from cutpoint.access.handshake import CoordinatorSide
from cutpoint.errors import ProtocolViolation
from cutpoint.protocol.messages import Join, Rejected, ToCoordinator
from cutpoint.wire import CONTROL_BYTES_MAX, decode_to_coordinator, encode_control
from cutpoint_coordinator.access.callers import ASKING
from cutpoint_coordinator.driver import Driver
from cutpoint_coordinator.faults import Refused
from cutpoint_coordinator.links import Link
from cutpoint_coordinator.settings import LOG_NAME

log = logging.getLogger(LOG_NAME)

UNREACHED = "Cutpoint-Unreached"
"""The header with the address of a leader that the agent has tried in vain, as a coordinator has named it."""

POLICY_VIOLATION = 1008
TRY_AGAIN_LATER = 1013
GOING_AWAY = 1001
_REASON_BYTES_MAX = 120
_LAST_WORDS_SECONDS = 2.0


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Elsewhere:
    """This coordinator does not lead: why, for people, and the address of the one that does; empty if unknown."""

    reason: str
    leader: str


class AgentsEndpoint:
    """``settled`` gives the driver, or whom to ask instead; it is told the leader that the agent could not reach."""

    def __init__(
        self,
        settled: Callable[[str], Awaitable[Driver | Elsewhere]],
        *,
        heartbeat_seconds: float,
        join_seconds: float,
        failed: Callable[[web.Request, str], Refused],
    ) -> None:
        self._settled = settled
        self._heartbeat_seconds = heartbeat_seconds
        self._join_seconds = join_seconds
        self._failed = failed
        self._open: dict[web.WebSocketResponse, None] = {}

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Carry one control connection from its Join to its end."""
        socket = web.WebSocketResponse(
            heartbeat=self._heartbeat_seconds, max_msg_size=CONTROL_BYTES_MAX, timeout=_LAST_WORDS_SECONDS
        )
        exchange = ASKING.get().exchange
        await socket.prepare(request)
        self._open[socket] = None
        peer = request.remote or "an agent"
        try:
            if exchange is None and TOKEN_HEADER in request.headers:
                raise ProtocolViolation(
                    "this coordinator asks for no token, and cannot prove that it knows the agent's"
                )
            if exchange is not None and not await self._proved(socket, exchange):
                refused = self._failed(request, "an agent has not proved that it has the token that it names")
                raise ProtocolViolation(str(refused))
            join = await self._first_message(socket)
            if join is not None:
                await self._carry(socket, join, request.headers.get(UNREACHED, ""))
        except ProtocolViolation as error:
            log.warning("%s: %s", peer, error)
            await _close(socket, POLICY_VIOLATION, str(error))
        except (ConnectionError, RuntimeError) as error:
            # aiohttp says RuntimeError when a socket is used that the other end has closed meanwhile.
            log.debug("%s: the control connection broke: %s", peer, error)
        finally:
            del self._open[socket]
        return socket

    async def close(self) -> None:
        """Close every control connection."""
        await asyncio.gather(*(_close(socket, GOING_AWAY, "the coordinator ends") for socket in tuple(self._open)))

    async def _proved(self, socket: web.WebSocketResponse, exchange: CoordinatorSide) -> bool:
        """Prove to the agent that its token is known here; whether its first message shows that it has it."""
        try:
            async with asyncio.timeout(self._join_seconds):
                await socket.send_str(exchange.header)
                message = await socket.receive()
        except TimeoutError:
            return False
        return message.type is WSMsgType.TEXT and exchange.proves(message.data)

    async def _first_message(self, socket: web.WebSocketResponse) -> Join | None:
        """The Join; None if the agent went away before. Raises `ProtocolViolation` for anything else."""
        try:
            async with asyncio.timeout(self._join_seconds):
                first = await _next_message(socket)
        except TimeoutError:
            raise ProtocolViolation(
                f"the agent said nothing for {self._join_seconds:g} s; its connection is closed"
            ) from None
        if first is not None and not isinstance(first, Join):
            kind = type(first).__name__
            raise ProtocolViolation(f"the agent's first message is {kind} and must be Join; its connection is closed")
        return first

    async def _carry(self, socket: web.WebSocketResponse, join: Join, unreached: str) -> None:
        driver = await self._settled(unreached)
        if isinstance(driver, Elsewhere):
            rejected = Rejected(reason=driver.reason, waiting_helps=True, leader=driver.leader)
            await socket.send_str(encode_control(rejected))
            await _close(socket, TRY_AGAIN_LATER, driver.reason)
            return
        connection, link = driver.connect(join)
        writer = asyncio.create_task(_write(socket, link), name=f"cutpoint control {join.process}")
        try:
            while (message := await _next_message(socket)) is not None:
                if isinstance(message, Join):
                    raise ProtocolViolation("the agent said Join twice; its connection is closed")
                if not link.ending:
                    driver.said(connection, message)
        except ProtocolViolation:
            writer.cancel()  # the last word is what was wrong
            raise
        finally:
            driver.lost(connection)
            link.end("")
            await _finish(writer)


async def _next_message(socket: web.WebSocketResponse) -> ToCoordinator | None:
    """What the agent says next; None once the connection is closed. Raises `ProtocolViolation` for garbage."""
    message = await socket.receive()
    if message.type is WSMsgType.TEXT:
        return decode_to_coordinator(message.data)
    if message.type is WSMsgType.BINARY:
        raise ProtocolViolation("the agent sent a binary message; control messages are text; its connection is closed")
    if message.type is WSMsgType.ERROR:
        log.debug("a control connection broke: %s", message.data)
    return None


async def _write(socket: web.WebSocketResponse, link: Link) -> None:
    """Send what the link holds, in order, until it ends; then close the socket."""
    with contextlib.suppress(ConnectionError, RuntimeError):
        while (text := await link.next_text()) is not None:
            await socket.send_str(text)
    await _close(socket, TRY_AGAIN_LATER if link.reason else GOING_AWAY, link.reason)


async def _finish(writer: asyncio.Task[None]) -> None:
    """Give the writer a moment for its last words, then end it."""
    done, _ = await asyncio.wait((writer,), timeout=_LAST_WORDS_SECONDS)
    if not done:
        writer.cancel()
        await asyncio.wait((writer,))


async def _close(socket: web.WebSocketResponse, code: int, reason: str) -> None:
    """Close with a reason as long as a WebSocket's close frame allows; never fails."""
    message = " ".join(reason.split()).encode()[:_REASON_BYTES_MAX].decode(errors="ignore")
    with contextlib.suppress(ConnectionError, RuntimeError, asyncio.TimeoutError):
        await socket.close(code=code, message=message.encode())
