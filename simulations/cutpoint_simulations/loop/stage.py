"""The stage on which one host at a time runs: its loop is the running one, and it is the current host of this thread.

What was there before the first host came, a test's own event loop perhaps, is put back when the last has left.
"""

from __future__ import annotations

import sys
from asyncio import events
from collections.abc import Callable
from types import AsyncGeneratorType
from typing import Any

from cutpoint_simulations.loop.current import running
from cutpoint_simulations.loop.event_loop import HostLoop
from cutpoint_simulations.loop.host import Host

Hook = Callable[[AsyncGeneratorType[Any, Any]], None]


class Stage:
    """A stretch in which hosts run; between them, nobody does."""

    def __init__(self) -> None:
        self._hooked: HostLoop | None = None

    def __enter__(self) -> Stage:
        self._host, running.host = running.host, None
        self._loop = events._get_running_loop()
        self._hooks = sys.get_asyncgen_hooks()
        events._set_running_loop(None)
        return self

    def __exit__(self, *_: object) -> None:
        running.host = self._host
        events._set_running_loop(self._loop)
        sys.set_asyncgen_hooks(*self._hooks)
        self._hooked = None

    def enter(self, host: Host, loop: HostLoop | None) -> None:
        """``host`` runs from now on, in its loop or, without one, in a thread."""
        if loop is not self._hooked or loop is None:
            self._hooked = loop
            sys.set_asyncgen_hooks(*((None, None) if loop is None else loop.generator_hooks))
        if loop is not None:
            events._set_running_loop(loop)
        running.host = host

    def leave(self) -> None:
        """Nobody runs any more."""
        running.host = None
        events._set_running_loop(None)
