"""Connecting again: how long to pause between attempts, and the task that tries until the session is carried again.

Nothing here knows a transport: an endpoint brings its own way to dial.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable

from cutpoint_agents.endpoint import Endpoint
from cutpoint_agents.settings import LOG_NAME, Settings
from cutpoint_agents.transport import DialFailed, Transport

log = logging.getLogger(LOG_NAME)


class Backoff:
    """Pauses that double from ``first_seconds`` to ``most_seconds``, each shortened at random by up to a half.

    The jitter keeps a hundred agents that lost one coordinator from coming back in the same instant.
    """

    def __init__(self, *, first_seconds: float, most_seconds: float, chance: random.Random) -> None:
        self._first = first_seconds
        self._most = most_seconds
        self._chance = chance
        self._next = first_seconds

    def pause(self) -> float:
        """The next pause in seconds."""
        pause = self._next
        self._next = min(self._most, self._next * 2)
        return pause * self._chance.uniform(0.5, 1.0)

    def reset(self) -> None:
        """It worked: the next pause is the first again."""
        self._next = self._first


class Redialler:
    """Redials interrupted sessions, one task each; ``redialled`` is told of each new transport."""

    def __init__(
        self, *, settings: Settings, chance: random.Random, redialled: Callable[[Endpoint, Transport], None]
    ) -> None:
        self._settings = settings
        self._chance = chance
        self._redialled = redialled
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def start(self, endpoint: Endpoint) -> None:
        """Dial for ``endpoint`` until that succeeds or the session is over. At most one attempt runs at a time."""
        key = endpoint.key
        if endpoint.dial is None or key is None:
            log.error("session %s cannot be connected again: it has no address", endpoint.title)
            return
        running = self._tasks.get(key)
        if running is not None and not running.done():
            return
        task = asyncio.get_running_loop().create_task(self._redial(endpoint, key), name=f"cutpoint redial {key}")
        self._tasks[key] = task
        task.add_done_callback(lambda done: self._forget(key, done))

    def stop(self, key: str) -> None:
        """The session is over."""
        if (task := self._tasks.pop(key, None)) is not None:
            task.cancel()

    def stop_all(self) -> None:
        """All sessions are over."""
        for key in tuple(self._tasks):
            self.stop(key)

    def _forget(self, key: str, task: asyncio.Task[None]) -> None:
        if self._tasks.get(key) is task:
            del self._tasks[key]
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("redialling failed for an unforeseen reason", exc_info=error)

    async def _redial(self, endpoint: Endpoint, key: str) -> None:
        settings = self._settings
        backoff = Backoff(
            first_seconds=settings.redial_first_seconds, most_seconds=settings.redial_most_seconds, chance=self._chance
        )
        pause = 0.0 if endpoint.redials == 0 else backoff.pause()
        attempts = 0
        assert endpoint.dial is not None
        while not endpoint.gone:
            await asyncio.sleep(pause)
            attempts += 1
            endpoint.redials += 1
            try:
                transport = await endpoint.dial(key if endpoint.name else "")
            except DialFailed as error:
                if attempts == 1:
                    log.warning("%s: the connection is lost, connecting again (%s)", endpoint.title, error)
                pause = backoff.pause()
                continue
            if endpoint.gone:
                transport.abort()
                return
            self._redialled(endpoint, transport)
            return
