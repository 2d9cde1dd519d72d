"""One end of one session, as the application meets it: numbered sends, receives in turns, and an orderly end.

The core keeps the numbers and the messages; an endpoint keeps who waits. It knows no transport: an adapter gives it
the words of its own library (see ``aiohttp_surface``).
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, NoReturn

from cutpoint.errors import CutpointError, RolledBack, UsageError
from cutpoint.protocol.events import MessageWanted
from cutpoint.protocol.messages import Close, InFlight, Payload
from cutpoint_agents.awaitables import DONE, Waiting
from cutpoint_agents.backoff import Backoff
from cutpoint_agents.settings import LOG_NAME, SURE_BYTES
from cutpoint_agents.transport import Dial
from cutpoint_agents.turns import OpenTurn, current_task

if TYPE_CHECKING:
    from cutpoint_agents.connection import Connection
    from cutpoint_agents.switchboard import Switchboard

log = logging.getLogger(LOG_NAME)

ABNORMAL = 1006
TOO_BIG = 1009
FAILED_HANDLER = 1011
SERVICE_RESTART = 1012


class Endpoint:
    """One end of one session. ``key`` is ``None`` at the accepting end until the Hello has come.

    ``answered``: the peer has said how large a message it takes. Until then small messages alone are numbered: a large
    one, and whatever follows it, is *unnumbered*, because it may turn out that it can never arrive.
    ``bytes_max``: the largest message that may be sent; ``silent``: how many connections ended without a word.
    """

    def __init__(
        self, board: Switchboard, *, label: str, key: str | None, dial: Dial | None, close_seconds: float
    ) -> None:
        self.label = label
        self.key = key
        self.dial = dial
        self.name = ""
        self.answered = False
        self.bytes_max = board.settings.message_bytes_max
        self.silent = 0
        self.opened_at = asyncio.get_running_loop().time()
        self.pauses: Backoff | None = None
        self.connection: Connection | None = None
        self.failure: Exception | None = None
        self.sent_close: Close | None = None
        self.got_close: Close | None = None
        self.over = False
        self.rolled_back = False
        self._board = board
        self._turns = board.turns
        self._close_seconds = close_seconds
        self._controls: deque[Any] = deque()
        self._unnumbered: deque[Payload] = deque()
        self._receivers: list[asyncio.Future[None]] = []
        self._senders: list[asyncio.Future[None]] = []
        self._ended = asyncio.get_running_loop().create_future()
        self._drain_task: asyncio.Task[None] | None = None

    @property
    def title(self) -> str:
        """How errors and reports call it: the session's name once it is known, else the label."""
        return self.name or self.label

    @property
    def turns_over(self) -> bool:
        """Whether ``receive`` will give no more messages."""
        return self.closed or self.got_close is not None

    @property
    def gone(self) -> bool:
        """Whether nothing more will happen on it."""
        return self.over or self.rolled_back

    @property
    def closed(self) -> bool:
        """Whether the application can neither send nor receive any more."""
        return self.sent_close is not None or self.over or self.rolled_back

    @property
    def batch_bytes(self) -> int:
        """How much one WebSocket message may carry; the core counts characters, of four bytes at most."""
        return min(self._board.settings.batch_bytes, self.bytes_max // 4)

    @property
    def unnumbered(self) -> int:
        """Messages that wait for the peer's answer to be numbered: no cut can be recorded meanwhile."""
        return len(self._unnumbered)

    # ----------------------------------------------------------------------------------------------------- send

    def send(self, payload: Payload) -> Coroutine[Any, Any, None]:
        """Send now; what is returned need only be awaited to wait for room. Raises ``ConnectionResetError``."""
        if self.sent_close is not None or self.over or self.rolled_back:
            self._refuse_send()
        key = self.key
        if key is None or (not self.answered and (self._unnumbered or bytes_of(payload) > SURE_BYTES)):
            self._unnumbered.append(payload)
            return Waiting(self._wait_numbered)
        process = self._board.process
        process.send(key, payload)
        connection = self.connection
        if connection is not None:
            connection.wake()
        return DONE if process.room(key) else Waiting(self._wait_room)

    def _refuse_send(self) -> NoReturn:
        if self.failure is not None:
            raise self.failure
        if self.rolled_back:
            raise RolledBack(
                f"{self.title} belongs to an incarnation that a recovery has ended; nothing was sent; "
                "connect again, or let the agent restart the task"
            )
        raise ConnectionResetError(f"{self.title} is closed; nothing was sent")

    async def _wait_room(self) -> None:
        process, key = self._board.process, self.key or ""
        while not self.over and not self.rolled_back and not process.room(key):
            await self._wait_sender()

    async def _wait_numbered(self) -> None:
        while not self.answered and not self.over and not self.rolled_back:
            await self._wait_sender()
        if not self.answered or self.failure is not None:
            self._refuse_send()
        await self._wait_room()

    async def _wait_sender(self) -> None:
        waiter, task = asyncio.get_running_loop().create_future(), asyncio.current_task()
        self._senders.append(waiter)
        assert task is not None, "only a task awaits"
        self._board.stuck[task] = self.title
        try:
            await waiter
        finally:
            self._board.stuck.pop(task, None)

    def wake_senders(self) -> None:
        """There is room again, or it will never come."""
        senders, self._senders = self._senders, []
        for waiter in senders:
            if not waiter.done():
                waiter.set_result(None)

    # -------------------------------------------------------------------------------------------------- receive

    def control(self, message: Any) -> None:
        """Something out of band, such as a ping: the next receive returns it as it is."""
        self._controls.append(message)
        self.wake_receiver()

    async def wait_message(self) -> Any:
        """Wait for the next message, which begins a turn; ``None`` when there will be none.

        Raises `PeerWithoutAgent` if the other end turned out to have none.
        """
        while True:
            payload = self.take_now()
            if payload is not None:
                return payload
            if self._controls:
                return self._controls.popleft()
            if self.failure is not None and not isinstance(self.failure, SessionBroken):
                raise self.failure
            if self.turns_over:
                return None
            await self._wait_receiver()

    def take_now(self) -> Payload | None:
        """End the turn before, and take the next message if it is there and turns are given out.

        While no cut waits for turns to end, the turn of the message before simply goes on with the next one.
        """
        turns, process, key = self._turns, self._board.process, self.key
        turn = turns.current()
        if turn is not None and turn.owner is not self and turn.owner.turns_over:
            turns.end(turn)
            turn = None
        if key is None or self.rolled_back or self.sent_close is not None:
            message = None
        elif turn is not None and turn.owner is self and process.holding:
            turns.end(turn)
            turn = None
            message = process.take(key, turns.fresh())
        else:
            message = process.take(key, turns.fresh() if turn is None else turn.number)
        return self._taken(key or "", message, turn)

    def _taken(self, key: str, message: InFlight | None, turn: OpenTurn | None) -> Payload | None:
        """Begin or end what goes with the message: its turn, or the channel's end."""
        close = message.payload if message is not None and type(message.payload) is Close else None
        if (message is None or close is not None) and turn is not None and turn.owner is self:
            self._turns.end(turn)
        if message is None:
            return None
        if close is not None:
            self._close_taken(key, close)
        elif turn is None:
            self._turns.began(self._turns.last, self)
        if (connection := self.connection) is not None:
            connection.wake()
        return message.payload

    def _close_taken(self, key: str, close: Close) -> None:
        """The other end's last word was handed over; it may be all that the session's end was waiting for."""
        self.got_close = close
        self._board.step(MessageWanted(key=key, turn=0))

    def wake_receiver(self) -> None:
        """A message can be had, or none will ever come."""
        receivers = self._receivers
        if receivers:
            self._receivers = []
            for waiter in receivers:
                if not waiter.done():
                    waiter.set_result(None)

    async def _wait_receiver(self) -> None:
        waiter = asyncio.get_running_loop().create_future()
        self._receivers.append(waiter)
        await waiter

    # ---------------------------------------------------------------------------------------------------- close

    async def close(self, code: int, reason: str) -> bool:
        """Say the last word, wait until the other end has said its own (or ``close_seconds``). False: closed before."""
        if not self.say_close(code, reason):
            return False
        await self.wait_closed()
        return True

    def say_close(self, code: int, reason: str) -> bool:
        """Say the last word now; what the other end still sends is taken and dropped. False: it was said before."""
        if self.closed:
            return False
        close = Close(code=code, reason=reason)
        _ = self.send(close)
        self.sent_close = close
        self.wake_receiver()
        self.wake_senders()
        if self.got_close is None and self._drain_task is None:
            self._drain_task = self._start_drain()
        return True

    def only_drain(self) -> None:
        """The application has closed it in the past: take and drop what still comes."""
        self.sent_close = Close()
        self._drain_task = self._start_drain()

    def _start_drain(self) -> asyncio.Task[None]:
        return self._board.background.spawn(self._drain(), name=f"cutpoint drain {self.title}")

    async def wait_closed(self) -> None:
        """Wait for the session's end; not while a cut waits for the running task's turn, and not for ever."""
        if self.over or self.rolled_back:
            return
        held = self._board.turns_held if self._turns.current() is not None else None
        waiters: list[asyncio.Future[None]] = [self._ended] if held is None else [self._ended, held]
        await asyncio.wait(waiters, timeout=self._close_seconds, return_when=asyncio.FIRST_COMPLETED)

    async def finish(self, code: int, reason: str) -> None:
        """Close, if that was not done before, and wait for the end."""
        self.say_close(code, reason)
        await self.wait_closed()

    async def _drain(self) -> None:
        """Take what the other end sent before it heard the last word."""
        while self.got_close is None and not self.gone:
            number = self._turns.fresh()
            message = None if self.key is None else self._board.process.take(self.key, number)
            if message is None:
                await self._wait_receiver()
                continue
            if self.connection is not None:
                self.connection.wake()
            if type(message.payload) is Close:
                assert self.key is not None
                self._close_taken(self.key, message.payload)
            else:
                self._turns.began(number, self)
                self._turns.end_of(current_task())

    # ------------------------------------------------------------------------------------- what the driver tells

    def attached(self, key: str, bytes_max: int) -> None:
        """The Hello has come: what was sent before it is numbered now."""
        self.key = key
        self.answer(bytes_max)
        self.wake_receiver()

    def answer(self, bytes_max: int) -> None:
        """The peer takes messages of up to ``bytes_max`` bytes (0: of any size): number what has waited for that.

        A message that is too large can never arrive. It and all after it were not sent; the application is told, and
        the channel is closed in an orderly way.
        """
        assert self.key is not None
        self.answered = True
        self.bytes_max = min(self.bytes_max, bytes_max or self.bytes_max)
        waiting, self._unnumbered = self._unnumbered, deque()
        while waiting:
            payload = waiting.popleft()
            if bytes_of(payload) > self.bytes_max:
                self._give_up_large(payload, behind=sum(type(other) is not Close for other in waiting))
                break
            self._board.process.send(self.key, payload)
        self.wake_senders()

    def _give_up_large(self, payload: Payload, *, behind: int) -> None:
        also = f", nor the {behind} behind it" if behind else ""
        self.failure = too_big(bytes_of(payload), self.bytes_max, self.title, what=f"it was not sent{also}")
        log.error("%s; the channel is closed", self.failure)
        self.sent_close = None
        self.say_close(TOO_BIG, "a message was larger than the other end takes")

    def end(self, reason: str) -> None:
        """The session is over; ``reason`` is empty when both ends closed it."""
        if reason and self.failure is None and self.got_close is None and self.sent_close is None:
            self.failure = SessionBroken(f"{self.title}: {reason}")
        self.over = True
        self._unnumbered.clear()
        self._release()

    def fail(self, error: CutpointError) -> None:
        """The application's next call shall raise ``error``."""
        self.failure = error
        self.over = True
        self._unnumbered.clear()
        self._release()

    def roll_back(self) -> None:
        """The incarnation is over: sends raise `RolledBack`, receives find the channel closed."""
        self.rolled_back = True
        self._unnumbered.clear()
        self._release()
        if self._drain_task is not None:
            self._drain_task.cancel()

    def _release(self) -> None:
        if not self._ended.done():
            self._ended.set_result(None)
        self.wake_receiver()
        self.wake_senders()


def bytes_of(payload: Payload) -> int:
    """The size of a message on the wire, in bytes."""
    if isinstance(payload, str):
        return len(payload) if payload.isascii() else len(payload.encode())
    return len(payload) if isinstance(payload, bytes) else 0


def too_big(size: int, bytes_max: int, title: str, *, what: str) -> UsageError:
    """The error for a message that is larger than both ends of the channel take."""
    return UsageError(
        f"this message has {size} bytes, {bytes_max} are allowed on {title}; {what}; raise "
        "Settings(message_bytes_max=...) and aiohttp's max_msg_size at both ends, or send it in pieces"
    )


class SessionBroken(CutpointError, ConnectionResetError):
    """The session ended before both ends had closed it."""
