"""Turns: which task handles which message, so that state is recorded only where no handling is half done.

A turn belongs to an asyncio task. ``receive`` on a channel ends the task's turn that began on the same channel and
begins the next; a ``receive`` on another channel inside it belongs to it, unless the first channel is closed. A turn
ends with its task at the latest. While a task waits for the message that will begin its turn, it has none.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from typing import Any, Protocol

from cutpoint.errors import RolledBack, UsageError
from cutpoint.protocol.events import Turn, TurnEnded, TurnWanted
from cutpoint.protocol.holdups import HoldUp, clipped
from cutpoint_agents.whereabouts import whereabouts

AnyTask = asyncio.Task[Any]


class Owner(Protocol):
    """What began a turn."""

    @property
    def title(self) -> str:
        """The channel, for people."""

    @property
    def turns_over(self) -> bool:
        """Whether it will never begin another turn, so that the next ``receive`` elsewhere ends this one."""


class OpenTurn:
    """One open turn: its number, its task, and what began it."""

    __slots__ = ("number", "owner", "task")

    def __init__(self, number: Turn, task: AnyTask, owner: Owner) -> None:
        self.number = number
        self.task = task
        self.owner = owner

    def __str__(self) -> str:
        return self.hold_up("").text

    def hold_up(self, waits_to_send_on: str) -> HoldUp:
        """This turn as what holds a cut up; ``waits_to_send_on``: the channel that has no room for what it sends."""
        where = whereabouts(self.task)
        text = f"a turn of {self.owner.title} in {where}"
        if waits_to_send_on:
            text += f", which waits for room on {waits_to_send_on}: its other end does not take what was sent"
        channel = "" if self.owner is EXPLICIT else self.owner.title
        return HoldUp(kind="turn", text=clipped(text), channel=channel, handler=where.handler, place=where.place)


class _Explicit:
    """The owner of a turn that the program opened itself."""

    title = "agent.turn()"
    turns_over = False


EXPLICIT: Owner = _Explicit()


class Turns:
    """All open turns of one agent. ``step`` gives an event to the core; ``last`` is the last number given out."""

    def __init__(self, step: Callable[[TurnEnded | TurnWanted], None]) -> None:
        self._step = step
        self.last: Turn = 0
        self._by_task: dict[AnyTask, OpenTurn | None] = {}
        self._by_number: dict[Turn, OpenTurn] = {}
        self._waiting: list[asyncio.Future[None]] = []
        self._aside: dict[AnyTask, OpenTurn] = {}
        self._opened: Turn = 0
        self._era = 0

    # ------------------------------------------------------------------------------------- for a channel's receive

    def before_receive(self, owner: Owner) -> OpenTurn | None:
        """End the turn that this ``receive`` ends; return the one that it belongs to instead, if there is one."""
        turn = self._by_task.get(current_task())
        if turn is None:
            return None
        if turn.owner is owner or turn.owner.turns_over:
            self.end(turn)
            return None
        return turn

    def fresh(self) -> Turn:
        """A number for a turn that is about to begin."""
        self.last += 1
        return self.last

    def began(self, number: Turn, owner: Owner) -> None:
        """The core has opened this turn for the running task."""
        task = current_task()
        turn = OpenTurn(number, task, owner)
        if task not in self._by_task:
            task.add_done_callback(self._task_done)
        self._by_task[task] = turn
        self._by_number[number] = turn

    def end(self, turn: OpenTurn) -> None:
        """The turn is over."""
        if self._by_number.pop(turn.number, None) is None:
            return
        if self._by_task.get(turn.task) is turn:
            self._by_task[turn.task] = None
        self._step(TurnEnded(turn=turn.number))

    def end_of(self, task: AnyTask | None) -> None:
        """Whatever turn ``task`` has is over."""
        if task is not None and (turn := self._by_task.get(task)) is not None:
            self.end(turn)

    # --------------------------------------------------------------------------------------------- explicit turns

    @contextlib.asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Open a turn for the running task, waiting while turns are held; inside an open one, belong to that."""
        if self._by_task.get(current_task()) is not None:
            yield
            return
        turn = await self.open(EXPLICIT)
        try:
            yield
        finally:
            self.finish(turn)

    async def open(self, owner: Owner) -> OpenTurn:
        """Begin a turn without a message. Raises `RolledBack` if a recovery comes first."""
        number, era = self.fresh(), self._era
        while True:
            self._opened = 0
            self._step(TurnWanted(turn=number))
            if self._opened == number:
                self.began(number, owner)
                return self._by_number[number]
            waiter = asyncio.get_running_loop().create_future()
            self._waiting.append(waiter)
            await waiter
            if era != self._era:
                raise RolledBack("this task waited for a turn of an incarnation that a recovery has ended")

    def finish(self, turn: OpenTurn) -> None:
        """End a turn that `open` gave, or the one in which its task went on after a wait."""
        self.end(turn)
        later = self._by_task.get(turn.task)
        if later is not None and later.owner is turn.owner:
            self.end(later)

    # ------------------------------------------------------------------------------------------ turns with a wait

    def set_aside(self) -> OpenTurn | None:
        """End the running task's turn, which `take_up` goes on with after a wait; None: it has none."""
        turn = self.current()
        if turn is not None:
            self._aside[turn.task] = turn
            self.end(turn)
        return turn

    async def take_up(self, turn: OpenTurn | None) -> None:
        """Go on where ``turn`` was set aside; what has come meanwhile belongs to it. Raises `RolledBack`."""
        self.drop_aside(turn)
        if turn is None:
            return
        begun = self.current()
        if begun is None:
            await self.open(turn.owner)
        else:
            begun.owner = turn.owner

    def drop_aside(self, turn: OpenTurn | None) -> None:
        """Whoever set ``turn`` aside does not go on with it."""
        if turn is not None:
            self._aside.pop(turn.task, None)

    def opened(self, number: Turn) -> None:
        """The core says that the turn is open."""
        self._opened = number

    def wake(self) -> None:
        """Turns are given out again."""
        waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            if not waiter.done():
                waiter.set_result(None)

    # ------------------------------------------------------------------------------------------------- the others

    def current(self) -> OpenTurn | None:
        """The running task's open turn."""
        return self._by_task.get(current_task())

    def tasks(self) -> tuple[AnyTask, ...]:
        """The tasks that have an open turn, oldest turn first, and those that have set one aside."""
        return tuple(dict.fromkeys((*(turn.task for turn in self._by_number.values()), *self._aside)))

    def describe(self, numbers: Iterable[Turn], stuck: Mapping[AnyTask, str]) -> tuple[HoldUp, ...]:
        """For each of these turns: the channel, the handler and the line that it waits at.

        ``stuck``: the tasks that wait to send, and on which channel.
        """
        known = [self._by_number.get(number) for number in numbers]
        return tuple(turn.hold_up(stuck.get(turn.task, "")) for turn in known if turn is not None)

    def title_of(self, task: AnyTask | None) -> str:
        """The channel whose message ``task`` handles, empty if it handles none. May be called on any thread."""
        turn = None if task is None else self._by_task.get(task)
        return "" if turn is None or turn.owner is EXPLICIT else turn.owner.title

    def roll_back(self) -> None:
        """The incarnation is over: whoever waits for a turn will not get one."""
        self._era += 1
        self.wake()

    def forget_all(self) -> None:
        """No turn of the old incarnation is open any more."""
        for turn in tuple(self._by_number.values()):
            self.end(turn)

    def _task_done(self, task: AnyTask) -> None:
        turn = self._by_task.pop(task, None)
        if turn is not None:
            self.end(turn)


def current_task() -> AnyTask:
    """The running task. Raises `UsageError` outside of one."""
    task = asyncio.current_task()
    if task is None:
        raise UsageError("this call needs a running asyncio task; call it from a coroutine")
    return task
