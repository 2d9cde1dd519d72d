"""Ready made: the computation has ended. Every process is passive, and nothing is under way that could wake one.

A process with a timer that is set is not passive. Whether one has work of its own left, only its states can say.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from cutpoint.monitors.monitor import LIMITS, Complaint, Limits, Monitor
from cutpoint.monitors.recorded import Recorded
from cutpoint.state.built_in import TIMERS_STATE

Passive = Callable[[str, Mapping[str, Any]], bool]


def termination(
    name: str = "termination", *, passive: Passive, period_seconds: float = 0.0, limits: Limits = LIMITS
) -> Monitor:
    """``passive``: whether a process, by its name and states, does nothing more unless a message comes.

    Messages on the boundary of the computation are not seen: work that may still come from outside is not counted.
    """

    def check(point: Recorded) -> str | None:
        """Says so once all processes are passive and no message is under way."""
        return terminated(point, passive=passive)

    return Monitor(name=name, check=check, period_seconds=period_seconds, limits=limits)


def terminated(point: Recorded, *, passive: Passive) -> Complaint | None:
    """That all has ended in ``point``, or None: something can still happen."""
    if len(point.in_flight) or not point.states:
        return None
    for process, states in sorted(point.states.items()):
        if states.get(TIMERS_STATE) or not passive(process, states):
            return None
    processes = sorted(point.states)
    return Complaint(
        f"all {len(processes)} processes are passive and no message is under way: the computation has terminated",
        processes=processes,
    )
