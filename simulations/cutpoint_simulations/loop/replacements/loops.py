"""What `asyncio` itself keeps for the whole process: which loop there is, which tasks there are, new loops."""

from __future__ import annotations

import asyncio
import selectors
from asyncio import events, tasks
from typing import Any

from cutpoint_simulations.loop.host import Host
from cutpoint_simulations.loop.replacements.serving import Replacement, all_refused, refused, served

_LET = "let the simulation run it"
_NEW = ("new_event_loop", "set_event_loop", "set_event_loop_policy")


def replacements() -> list[Replacement]:
    """Event loops, tasks, selectors."""
    return [
        served(tasks, "all_tasks", _all_tasks),
        served(events, "get_event_loop", lambda host: events.get_running_loop()),
        *all_refused(events, _NEW, "asyncio.{}()", _LET),
        refused(vars(selectors)["_BaseSelectorImpl"], "__init__", "a selector", "use asyncio's streams"),
    ]


def _all_tasks(host: Host, loop: Any = None) -> set[asyncio.Task[Any]]:
    """A set that is filled in the same order in every run, and so has the same one."""
    loop = events.get_running_loop() if loop is None else loop
    found: list[asyncio.Task[Any]] = loop.tasks()
    return set(found)
