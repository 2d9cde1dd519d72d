"""The clocks of the `time` module. What shows the wall clock is moved by time-machine, but for these."""

from __future__ import annotations

import os
import time
from typing import Any

from cutpoint_simulations.loop.clock import NANO
from cutpoint_simulations.loop.host import Host
from cutpoint_simulations.loop.replacements.serving import Replacement, all_refused, refused, served

_STEADY = ("monotonic", "perf_counter", "process_time", "thread_time")


def replacements() -> list[Replacement]:
    """Clocks and sleep."""
    return [
        *(served(time, name, _seconds) for name in _STEADY),
        *(served(time, f"{name}_ns", lambda host: int(_seconds(host) * NANO)) for name in _STEADY),
        served(time, "clock_gettime", lambda host, clock: _nanoseconds(host, clock) / NANO),
        served(time, "clock_gettime_ns", _nanoseconds),
        served(time, "ctime", lambda host, seconds=None: _CTIME(host.clock.wall() if seconds is None else seconds)),
        served(time, "asctime", lambda host, fields=None: _ASCTIME(time.localtime() if fields is None else fields)),
        served(time, "sleep", lambda host, seconds: host.sleeps(seconds)),
        served(os, "times", _times),
        refused(time, "clock_settime", "a clock to be set", "use Host.clock.skew_seconds"),
        *all_refused(os, ("getloadavg",), "the machine's load", "do without it"),
        *_resources(),
    ]


_CTIME, _ASCTIME = time.ctime, time.asctime


def _seconds(host: Host) -> float:
    host.reads_clock()
    return host.clock.monotonic()


def _nanoseconds(host: Host, clock: int) -> int:
    return host.clock.wall_ns() if clock == time.CLOCK_REALTIME else int(host.clock.monotonic() * NANO)


def _times(host: Host) -> os.times_result:
    seconds = host.clock.monotonic()
    return os.times_result((seconds, 0.0, 0.0, 0.0, seconds))


def _resources() -> list[Replacement]:
    try:
        import resource
    except ImportError:  # Windows
        return []
    changes: Any = ("getrusage", "setrlimit", "prlimit")
    return all_refused(resource, changes, "resource.{}()", "do without it")
