"""What agents say within one turn of the event loop, gathered into one event.

A thousand agents that store their parts say so within a few turns: the core looks at where things stand once a turn,
not once a message. Order is kept; whatever else happens comes after what was said before it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from cutpoint.protocol.coordinator_events import AgentSaid, AgentsSaid
from cutpoint.protocol.messages import ToCoordinator

HEARD_AT_ONCE = 1000
"""How many messages are kept for one event at most."""


class Hearing:
    """``step`` is called once in a turn of the event loop in which something was said. ``take`` then gives it."""

    def __init__(self, step: Callable[[AgentsSaid], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._step = step
        self._heard: list[AgentSaid] = []

    def said(self, connection: int, message: ToCoordinator) -> None:
        """An agent has said something."""
        if not self._heard:
            self._loop.call_soon(self._pass_on)
        self._heard.append(AgentSaid(now=self._loop.time(), connection=connection, message=message))
        if len(self._heard) >= HEARD_AT_ONCE:
            self._pass_on()

    def take(self) -> AgentsSaid | None:
        """Everything that was said and not taken yet; None if that is nothing."""
        if not self._heard:
            return None
        heard, self._heard = tuple(self._heard), []
        return AgentsSaid(now=heard[-1].now, said=heard)

    def _pass_on(self) -> None:
        if (heard := self.take()) is not None:
            self._step(heard)
