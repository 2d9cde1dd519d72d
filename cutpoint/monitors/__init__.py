"""Monitors: what must be true of every recovery point, all states and all messages in flight at one moment.

A monitor is a name and a function of a `Recorded` recovery point that returns None, or what is wrong. The coordinator
has it evaluated after every cut, in a process of its own; the simulator asks the very same function of its runs.

This is for stable properties, which stay true once they are: money that was invented stays invented, a deadlock stays
a deadlock, a computation that has terminated does nothing more. What comes and goes between two cuts is not seen.
"""

from __future__ import annotations

from cutpoint.monitors.conservation import conservation
from cutpoint.monitors.deadlock import deadlock
from cutpoint.monitors.monitor import Complaint, Limits, Monitor, monitor
from cutpoint.monitors.recorded import InFlight, Recorded
from cutpoint.monitors.termination import termination
from cutpoint.monitors.waits import Wait, waits_of

__all__ = [
    "Complaint",
    "InFlight",
    "Limits",
    "Monitor",
    "Recorded",
    "Wait",
    "conservation",
    "deadlock",
    "monitor",
    "termination",
    "waits_of",
]
