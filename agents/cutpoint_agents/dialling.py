"""Connecting again: the task that tries until the session is carried again.

Nothing here knows a transport: an endpoint brings its own way to dial.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable

from cutpoint_agents.background import Background
from cutpoint_agents.backoff import Backoff
from cutpoint_agents.endpoint import Endpoint
from cutpoint_agents.settings import LOG_NAME, Settings
from cutpoint_agents.transport import DialFailed, Transport

log = logging.getLogger(LOG_NAME)


class Redialler:
    """Redials interrupted sessions, one task each.

    ``redialled`` is told of each new transport; ``hopeless`` is asked after each failure whether that was the last.
    """

    def __init__(
        self,
        *,
        settings: Settings,
        chance: random.Random,
        background: Background,
        redialled: Callable[[Endpoint, Transport], None],
        hopeless: Callable[[Endpoint], bool],
    ) -> None:
        self._settings = settings
        self._chance = chance
        self._background = background
        self._redialled = redialled
        self._hopeless = hopeless
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
        task = self._background.spawn(self._redial(endpoint, key), name=f"cutpoint redial {key}")
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

    async def _redial(self, endpoint: Endpoint, key: str) -> None:
        pauses = endpoint.pauses = endpoint.pauses or self._pauses()
        attempts = 0
        assert endpoint.dial is not None
        while not endpoint.gone:
            await asyncio.sleep(pauses.pause())
            attempts += 1
            try:
                transport = await endpoint.dial(key if endpoint.name else "")
            except DialFailed as error:
                if attempts == 1:
                    log.warning("%s: the connection is lost, connecting again (%s)", endpoint.title, error)
                if self._hopeless(endpoint):
                    return
                continue
            if endpoint.gone:
                transport.abort()
                return
            self._redialled(endpoint, transport)
            return

    def _pauses(self) -> Backoff:
        settings = self._settings
        return Backoff(
            first_seconds=settings.redial_first_seconds, most_seconds=settings.redial_most_seconds, chance=self._chance
        )
