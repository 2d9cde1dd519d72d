"""The application tasks of one incarnation: producers that the agent starts, and handlers that serve requests.

A rollback ends all of them before state is put back, and starts the producers again after it. A producer that fails
in between is started again after a pause, as it would be after a recovery; one that returns is done until the next
recovery. A task that will not end is named, so that the driver can give the whole process up rather than let two
incarnations touch one state.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Iterable
from typing import TypeVar

from cutpoint_agents.producer import Pauses, Producer, TaskFunction, is_from_outside, told
from cutpoint_agents.settings import LOG_NAME
from cutpoint_agents.turns import AnyTask
from cutpoint_agents.whereabouts import whereabouts

log = logging.getLogger(LOG_NAME)

TF = TypeVar("TF", bound=TaskFunction)


class Activity:
    """All application tasks that the agent knows of. ``tasks_failed`` counts the runs of producers that have failed.

    ``leaving``: whether the process is about to leave for good, so that nothing is started again.
    """

    def __init__(
        self,
        *,
        chance: random.Random | None = None,
        pauses: Pauses | None = None,
        leaving: Callable[[], bool] = lambda: False,
    ) -> None:
        self.tasks_failed = 0
        self._chance = chance or random.Random()
        self._pauses = pauses or Pauses()
        self._leaving = leaving
        self._producers: list[Producer] = []
        self._failing: dict[Producer, None] = {}
        self._handlers: dict[AnyTask, int] = {}
        self._running = False

    @property
    def failure(self) -> Exception | None:
        """The last exception of a producer that has not run well since then."""
        failures = [producer.failure for producer in reversed(self._failing) if producer.failure is not None]
        return failures[0] if failures else None

    def declare(self, function: TF) -> TF:
        """Run this coroutine function in every incarnation, from its start."""
        producer = Producer(function, pauses=self._pauses, chance=self._chance, ended=self._ended)
        self._producers.append(producer)
        if self._running:
            producer.start()
        return function

    def start(self) -> None:
        """A new incarnation runs: start the producers."""
        if self._running:
            return
        self._running = True
        for producer in self._producers:
            producer.start()

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
        for producer in self._producers:
            producer.call_off()
        producers = (producer.task for producer in self._producers if producer.task is not None)
        tasks = tuple(dict.fromkeys((*producers, *self._handlers, *others)))
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

    def _ended(self, producer: Producer, task: AnyTask) -> None:
        if task.cancelled():
            if self._running:
                log.warning("%s was cancelled by the program itself; it runs again after a recovery", producer.name)
            return
        error = task.exception()
        if error is None:
            producer.run_well()
        elif not isinstance(error, Exception):
            return  # SystemExit and KeyboardInterrupt end the program, asyncio sees to that
        elif self._running and not self._leaving():
            self._failed(producer, error)
        elif not is_from_outside(error):
            log.error("%s failed while it was being ended: %s", producer.name, told(error), exc_info=error)

    def _failed(self, producer: Producer, error: Exception) -> None:
        self.tasks_failed += 1
        self._failing.pop(producer, None)
        self._failing[producer] = None
        pause = producer.run_again(error)
        text = "%s failed: %s; it is started again in %.2g s"
        if is_from_outside(error):
            # whoever listens may judge it for themselves
            log.warning(text, producer.name, told(error), pause, extra={"error": error})
        else:
            log.error(text, producer.name, told(error), pause, exc_info=error)
