"""One function under ``@agent.task``, from run to run: it runs in every incarnation, and again when it has failed.

What a run leaves behind must not hang in the air: the channels that were opened in a run (or in tasks that it has
started) are closed when it fails, so that their other ends do not wait for a reader that is no more. Nothing that was
sent on them is lost by that.
"""

from __future__ import annotations

import asyncio
import contextvars
import dataclasses
import inspect
import logging
import random
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

import aiohttp

from cutpoint.errors import ConfigurationError, RolledBack
from cutpoint_agents.backoff import Backoff
from cutpoint_agents.settings import LOG_NAME

log = logging.getLogger(LOG_NAME)

TaskFunction = Callable[[], Coroutine[Any, Any, Any]]

FAILED_TASK = 1011
_WORDS_MAX = 500
_FROM_OUTSIDE = (OSError, aiohttp.ClientError, RolledBack)


class Closable(Protocol):
    """An end of a channel."""

    @property
    def closed(self) -> bool:
        """Whether the application can neither send nor receive any more."""

    def say_close(self, code: int, reason: str) -> bool:
        """Say the last word now."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Pauses:
    """How long a function that failed pauses before its next run, and after which time a run counts as a good one."""

    first_seconds: float = 0.1
    most_seconds: float = 5.0
    settled_seconds: float = 5.0


class Run:
    """One run of a function: the channels that were opened in it."""

    def __init__(self) -> None:
        self._opened: list[Closable] = []

    def opened(self, end: Closable) -> None:
        """``end`` was opened in this run."""
        self._opened = [*(other for other in self._opened if not other.closed), end]

    def close_channels(self) -> None:
        """Close what is still open."""
        opened, self._opened = self._opened, []
        for end in opened:
            if not end.closed:
                end.say_close(FAILED_TASK, "the task failed")


_RUN: contextvars.ContextVar[Run | None] = contextvars.ContextVar("cutpoint_run", default=None)


def opened_here(end: Closable) -> None:
    """``end`` was opened by the running task: it belongs to the run of a function, if the task does."""
    if (run := _RUN.get()) is not None:
        run.opened(end)


class Producer:
    """One function and its runs. ``failure``: what ended its last run, until it runs well again.

    ``ended`` hears of each run's end. At most one run goes on at a time.
    """

    def __init__(
        self,
        function: TaskFunction,
        *,
        pauses: Pauses,
        chance: random.Random,
        ended: Callable[[Producer, asyncio.Task[Any]], None],
    ) -> None:
        _check(function)
        self.name = function.__qualname__.rpartition("<locals>.")[2]
        self.task: asyncio.Task[Any] | None = None
        self.failure: Exception | None = None
        self._function = function
        self._settled_seconds = pauses.settled_seconds
        self._backoff = Backoff(
            first_seconds=pauses.first_seconds, most_seconds=pauses.most_seconds, chance=chance, at_once=False
        )
        self._ended = ended
        self._run = Run()
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """A new incarnation begins: run, whatever was before."""
        self._settle()
        self._begin()

    def run_well(self) -> None:
        """The run came to its own end."""
        self._settle()

    def run_again(self, error: Exception) -> float:
        """The run has failed: close its channels, begin the next one after a pause; return its seconds."""
        self.failure = error
        self._run.close_channels()
        pause = self._backoff.pause()
        self._timer = asyncio.get_running_loop().call_later(pause, self._begin)
        return pause

    def call_off(self) -> None:
        """No further run begins by itself."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _begin(self) -> None:
        self.call_off()
        self._run = Run()
        context = contextvars.copy_context()
        context.run(_RUN.set, self._run)
        loop = asyncio.get_running_loop()
        self.task = loop.create_task(self._function(), name=f"cutpoint task {self.name}", context=context)
        self.task.add_done_callback(self._done)
        if self.failure is not None:
            self._timer = loop.call_later(self._settled_seconds, self._runs_well)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self.call_off()
        self._ended(self, task)

    def _runs_well(self) -> None:
        self._timer = None
        self._settle()
        log.info("%s runs again", self.name)

    def _settle(self) -> None:
        self.failure = None
        self._backoff.reset()


def _check(function: TaskFunction) -> None:
    sound = asyncio.iscoroutinefunction(function)
    if sound:
        try:
            inspect.signature(function).bind()
        except TypeError:
            sound = False
    if not sound:
        raise ConfigurationError(f"agent.task needs an async function without parameters, not {function!r}")


def is_from_outside(error: BaseException) -> bool:
    """Whether the world outside, not the program, is what failed: a traceback would say nothing more."""
    if isinstance(error, BaseExceptionGroup):
        return all(is_from_outside(part) for part in error.exceptions)
    return isinstance(error, _FROM_OUTSIDE)


def told(error: BaseException) -> str:
    """What went wrong, on one line; of a group (an `asyncio.TaskGroup`'s), its members."""
    if isinstance(error, BaseExceptionGroup):
        text = "; ".join(dict.fromkeys(told(part) for part in error.exceptions))
    else:
        text = ": ".join(part for part in (type(error).__name__, " ".join(str(error).split())) if part)
    return text if len(text) <= _WORDS_MAX else text[:_WORDS_MAX] + "..."
