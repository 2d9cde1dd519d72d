"""One transport connection: a pump that always reads, and a writer that pulls frames from the core.

The pump never waits for the application, so what a peer has sent is always taken in and can be recorded. The writer
pulls as much as the socket takes: slow sockets hold back the pulling, never the numbering of messages, and whatever
the application sent within one turn of the event loop leaves in one message.

What travels is decided by the core; what a lost connection means, too.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING

from cutpoint.errors import CutpointError, PeerWithoutAgent, ProtocolViolation
from cutpoint.protocol.events import FrameArrived
from cutpoint.protocol.messages import Welcome
from cutpoint.protocol.session import Session
from cutpoint.wire import decode_frames, encode_frames, looks_like_frames
from cutpoint_agents.settings import LOG_NAME
from cutpoint_agents.transport import NotFrames, Transport

if TYPE_CHECKING:
    from cutpoint_agents.endpoint import Endpoint
    from cutpoint_agents.switchboard import Switchboard

log = logging.getLogger(LOG_NAME)

PROTOCOL_ERROR = 1002
NORMAL = 1000
_LAST_WORDS_SECONDS = 5.0


class Connection:
    """One transport connection with the ``number`` that the core knows it by."""

    def __init__(self, *, number: int, transport: Transport, board: Switchboard, endpoint: Endpoint | None) -> None:
        self.number = number
        self.transport = transport
        self.endpoint = endpoint
        self.carried_for: Endpoint | None = None
        self.lost = False
        self.spoken = False
        self.refused = False
        self.began_at = asyncio.get_running_loop().time()
        self.acknowledged = 0
        self.arrived = 0
        self._board = board
        self._closing: tuple[int, str] | None = None
        self._last_words: asyncio.TimerHandle | None = None
        self._idle: asyncio.Future[None] | None = None
        self._pump_task = board.background.spawn(self._pump(), name=f"cutpoint pump {number}")
        self._write_task = board.background.spawn(self._write(), name=f"cutpoint writer {number}")
        self._pump_task.add_done_callback(self._pump_ended)

    @property
    def pump_task(self) -> asyncio.Task[None]:
        """The task that reads the transport."""
        return self._pump_task

    @property
    def title(self) -> str:
        """How logs call it."""
        return self.endpoint.title if self.endpoint is not None else "a connection that resumes a session"

    def carries(self, session: Session) -> None:
        """It carries ``session`` from now on: what has been acknowledged and has arrived before is no merit of it."""
        self.acknowledged, self.arrived = session.outgoing.acknowledged, session.incoming.seen.prefix

    def served(self, session: Session, *, long_seconds: float) -> bool:
        """Whether it brought ``session`` forward until something cut it: the next may be dialled without a pause.

        Frames alone are no progress: a message that the other end refuses comes after them, again and again.
        """
        if self.refused or not self.spoken or self._closing is not None:
            return False
        outgoing = session.outgoing
        if outgoing.acknowledged > self.acknowledged:
            return True
        if outgoing.acknowledged == outgoing.sent and session.incoming.seen.prefix > self.arrived:
            return True
        return asyncio.get_running_loop().time() - self.began_at >= long_seconds

    def wake(self) -> None:
        """There is something to send: the writer will pull it when this turn of the event loop is over."""
        idle = self._idle
        if idle is not None:
            self._idle = None
            if not idle.done():
                idle.set_result(None)

    def close(self, code: int, reason: str) -> None:
        """Send what is left, then close. Never waits."""
        if self._closing is None:
            self._closing = (code, reason)
            self._last_words = asyncio.get_running_loop().call_later(_LAST_WORDS_SECONDS, self.abort)
        self.wake()

    def abort(self) -> None:
        """Drop the connection at once."""
        if not self.lost:
            self.transport.abort()
            self._pump_task.cancel()

    # --------------------------------------------------------------------------------------------------- inside

    async def _pump(self) -> None:
        try:
            with contextlib.suppress(asyncio.CancelledError):
                await self._read_all()
        except Exception:
            log.exception("%s: reading failed for an unforeseen reason; the connection is closed", self.title)
        finally:
            try:
                if self._closing is not None and not self._write_task.done():
                    await asyncio.wait((self._write_task,), timeout=_LAST_WORDS_SECONDS)
            finally:
                self._end()

    def _pump_ended(self, _: asyncio.Task[None]) -> None:
        """One that was cancelled before its first step has had no chance to say so itself."""
        if not self.lost:
            self._end()

    def _end(self) -> None:
        self.lost = True
        if self._last_words is not None:
            self._last_words.cancel()
        self._write_task.cancel()
        self.transport.abort()
        self._board.connection_lost(self)

    async def _read_all(self) -> None:
        receive, step, number = self.transport.receive, self._board.step, self.number
        bytes_max = self.transport.received_bytes_max
        try:
            while (data := await receive()) is not None:
                if not self.spoken:
                    if not looks_like_frames(data):
                        raise NotFrames("a binary message that is not Cutpoint's")
                    self.spoken = True
                for frame in decode_frames(data, bytes_max=bytes_max):
                    if type(frame) is Welcome:
                        self._board.welcome_arrives(self, frame)
                    step(FrameArrived(connection=number, frame=frame))
        except NotFrames as error:
            await self._refuse(
                ProtocolViolation(f"the peer sent {error}; its connection is closed")
                if self.spoken
                else without_agent(self.title, f"sent {error}")
            )
        except ProtocolViolation as error:
            await self._refuse(error)

    async def _refuse(self, error: CutpointError) -> None:
        self.refused = True
        log.error("%s: %s", self.title, error)
        if isinstance(error, PeerWithoutAgent) and self.endpoint is not None:
            self._board.give_up(self.endpoint, error)
        await self.transport.close(PROTOCOL_ERROR, "this end speaks Cutpoint")

    async def _write(self) -> None:
        transmit, send = self._board.process.transmit, self.transport.send
        number, batch_bytes, sent = self.number, self._board.settings.batch_bytes, self._board.sent
        loop = asyncio.get_running_loop()
        try:
            while True:
                endpoint = self.endpoint
                frames = transmit(number, batch_bytes if endpoint is None else endpoint.batch_bytes)
                if frames:
                    encoded = encode_frames(frames)
                    sent.add(frames, len(encoded))
                    await send(encoded)
                    continue
                if self._closing is not None:
                    await self.transport.close(*self._closing)
                    return
                self._idle = loop.create_future()
                await self._idle
        except OSError as error:
            log.debug("%s: writing failed: %s", self.title, error)
            self.abort()
        except Exception:
            log.exception("%s: writing failed for an unforeseen reason; the connection is closed", self.title)
            self.abort()


def without_agent(title: str, what: str) -> PeerWithoutAgent:
    """The error for a peer that does not speak Cutpoint; ``what`` it did instead."""
    return PeerWithoutAgent(
        f"the other end of {title} speaks no Cutpoint: it {what}; wrap it there too, or say agent.wrap(ws, "
        "boundary=True) if it has no agent and shall stay outside the cuts; nothing was delivered"
    )
