"""The application tasks of one incarnation: producers that the agent starts, and handlers that serve requests.

A rollback ends all of them before state is put back, and starts the producers again after it. A task that will not
end is named, so that the driver can give the whole process up rather than let two incarnations touch one state.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, TypeVar

from cutpoint.errors import ConfigurationError, RolledBack
from cutpoint_agents.settings import LOG_NAME
from cutpoint_agents.turns import AnyTask
from cutpoint_agents.whereabouts import whereabouts

log = logging.getLogger(LOG_NAME)

TaskFunction = Callable[[], Coroutine[Any, Any, Any]]
TF = TypeVar("TF", bound=TaskFunction)


class Activity:
    """All application tasks that the agent knows of. ``failure`` is the first exception that ended a producer."""

    def __init__(self) -> None:
        self.failure: BaseException | None = None
        self._functions: list[TaskFunction] = []
        self._producers: dict[AnyTask, TaskFunction] = {}
        self._handlers: dict[AnyTask, int] = {}
        self._running = False

    def declare(self, function: TF) -> TF:
        """Run this coroutine function in every incarnation, from its start."""
        if not asyncio.iscoroutinefunction(function):
            raise ConfigurationError(f"agent.task needs an async function without parameters, not {function!r}")
        self._functions.append(function)
        if self._running:
            self._start(function)
        return function

    def start(self) -> None:
        """A new incarnation runs: start the producers."""
        if self._running:
            return
        self._running = True
        for function in self._functions:
            self._start(function)

    def enter(self, task: AnyTask) -> None:
        """``task`` is a handler from now on."""
        self._handlers[task] = self._handlers.get(task, 0) + 1

    def leave(self, task: AnyTask) -> None:
        """``task`` is no handler any more."""
        count = self._handlers.get(task, 0) - 1
        if count > 0:
            self._handlers[task] = count
        else:
            self._handlers.pop(task, None)

    def cancel(self, others: Iterable[AnyTask]) -> tuple[AnyTask, ...]:
        """Cancel all application tasks and ``others``; return those that have to end now."""
        self._running = False
        tasks = tuple(dict.fromkeys((*self._producers, *self._handlers, *others)))
        ending = tuple(task for task in tasks if not task.done() and task is not asyncio.current_task())
        for task in ending:
            task.cancel()
        return ending

    @staticmethod
    async def wait_ended(tasks: tuple[AnyTask, ...], *, deadline_seconds: float) -> tuple[str, ...]:
        """Wait until all have ended; describe those that have not, by handler and line."""
        if not tasks:
            return ()
        _, pending = await asyncio.wait(tasks, timeout=deadline_seconds)
        return tuple(str(whereabouts(task)) for task in tasks if task in pending)

    def _start(self, function: TaskFunction) -> None:
        task = asyncio.get_running_loop().create_task(function(), name=f"cutpoint task {function.__qualname__}")
        self._producers[task] = function
        task.add_done_callback(self._ended)

    def _ended(self, task: AnyTask) -> None:
        function = self._producers.pop(task)
        if task.cancelled():
            return
        error = task.exception()
        if error is None or (isinstance(error, RolledBack) and not self._running):
            return
        log.error(
            "the task %s has failed and will not run again until a recovery", function.__qualname__, exc_info=error
        )
        if self.failure is None:
            self.failure = error
