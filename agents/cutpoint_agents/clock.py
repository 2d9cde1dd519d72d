"""The time of a process, as a part of its state: recorded with every cut, and never before the record after a restore.

It promises this. Within one life of the process `Clock.time` never goes back, whatever is done to the host's clock.
After a recovery it goes on from the recorded moment or from the true time, whichever is later; in a simulator, where
the host's clock itself is given back, that is the recorded moment. As long as the host's clock is behind what was
recorded or given out, time goes on from there at its ordinary pace. Two processes' clocks are not compared.
"""

from __future__ import annotations

import datetime
import logging
import time
from collections.abc import Iterable
from typing import Any

from cutpoint.state import BuiltIn, StoredLike
from cutpoint.state.plain import decode_plain
from cutpoint_agents.settings import LOG_NAME

log = logging.getLogger(LOG_NAME)

CLOCK_STATE = "@clock"
"""The name of the clock's state in a part; its content is a moment: seconds since 1970-01-01, UTC, as a float."""

MOMENT_MAX = 253402300799.0
"""The last moment that a clock may show: the end of the year 9999."""

_WORTH_TELLING_SECONDS = 1.0


class Clock:
    """The clock of one process."""

    def __init__(self) -> None:
        self._last = 0.0
        self._ahead_since: tuple[float, float] | None = None

    def time(self) -> float:
        """The present moment in seconds since 1970-01-01, UTC."""
        true = time.time()
        if true >= self._last:
            self._last, self._ahead_since = true, None
            return true
        ticks = time.monotonic()
        if self._ahead_since is None:
            self._ahead_since = self._last, ticks
        moment, began = self._ahead_since
        self._last = max(self._last, moment + ticks - began)
        return self._last

    def now(self) -> datetime.datetime:
        """The present moment as an aware datetime in UTC."""
        return datetime.datetime.fromtimestamp(self.time(), datetime.UTC)

    def built_in(self) -> BuiltIn:
        """How it is recorded and restored."""
        return BuiltIn(capture=self.time, parse=parse_moment, restore=self._restore)

    def _restore(self, recorded: Any) -> None:
        if recorded is None:
            return
        self._last, self._ahead_since = max(self._last, recorded), None
        ahead = self.time() - time.time()
        if ahead >= _WORTH_TELLING_SECONDS:
            log.warning("agent.clock is %.0f seconds ahead of this host's clock, as the recorded one was", ahead)


def parse_moment(content: Any) -> float:
    """``content`` as a moment. Raises `ValueError` if it is none."""
    if type(content) is not float or not 0.0 <= content <= MOMENT_MAX:
        raise ValueError(f"{content!r} is not a moment")
    return content


def recorded_moment(states: Iterable[StoredLike]) -> float | None:
    """When a part with these states was recorded, by its own clock; ``None`` if it has none. Raises `ValueError`."""
    for state in states:
        if state.name == CLOCK_STATE:
            return parse_moment(decode_plain(state.data))
    return None
