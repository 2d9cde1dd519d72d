"""What the services of the demo need of whatever hosts their state: an agent, or independent local checkpoints.

The services are written for `cutpoint_agents.Agent`; this module says which part of it they use, so that
``--uncoordinated`` can run the same services without cuts.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, MutableMapping
from typing import Any, Protocol

from aiohttp import web

WINDOW_MESSAGES = 48
"""Flights that one channel may have under way: twelve channels make a few hundred."""


class Value(Protocol):
    """One number under ``.value``."""

    value: int


class Host(Protocol):
    """The part of an `Agent` that the services use."""

    def table(self, name: str) -> MutableMapping[str, int]:
        """Counts by key, kept over restarts."""

    def value(self, name: str, initial: int) -> Value:
        """One number, kept over restarts."""

    def task(self, function: Any) -> Any:
        """Run this coroutine function while the service runs, and again after each restore."""

    def wrap(self, ws: Any, *, name: str | None = None) -> Any:
        """The channel over an open WebSocket, used like the WebSocket."""

    def context(self, app: web.Application) -> AsyncIterator[None]:
        """Start and stop with the app; the state is there before the server listens."""
