"""What an agent tells of itself when it is asked. Values only."""

from __future__ import annotations

import dataclasses

from cutpoint.names import Incarnation
from cutpoint.protocol.process import Statistics as ProcessStatistics


@dataclasses.dataclass(frozen=True, kw_only=True)
class Statistics:
    """What an agent has seen. ``faults`` counts bugs of Cutpoint's own: it is 0.

    ``tasks_failed``: how often a function under ``@agent.task`` has raised and was started again; ``timers_failed``:
    how often a timer's handler has raised. ``loop_stalls``: how often something held the event loop for longer than
    ``loop_held_seconds``.
    """

    name: str
    life: str
    phase: str
    incarnation: Incarnation
    cut: int
    connected: bool
    faults: int
    process: ProcessStatistics
    tasks_failed: int = 0
    timers_failed: int = 0
    loop_stalls: int = 0
    loop_stall_longest_seconds: float = 0.0
