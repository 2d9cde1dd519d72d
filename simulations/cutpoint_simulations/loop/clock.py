"""A host's clocks: how it reads virtual time. A clock may be wrong by a constant (skew) and run too fast (drift)."""

from __future__ import annotations

import dataclasses

from cutpoint_simulations.loop.agenda import Agenda

EPOCH = 1_700_000_000.0
"""The wall clock at the beginning of a simulation, unless another is given: 2023-11-14T22:13:20Z."""

UPTIME_SECONDS = 1000.0
"""What the monotonic clock of a host shows at first: code that takes 0 for "never" shall not get away with it."""

NANO = 1_000_000_000


@dataclasses.dataclass(kw_only=True)
class Clock:
    """``rate``: how many seconds it counts in a true one. ``skew_seconds``: how far its wall clock is ahead.

    ``slept_seconds``: how long the host has blocked in the present turn, by `time.sleep`.
    `monotonic` never goes back, whatever is done to the wall clock: change the rate with `run_at` only.
    """

    agenda: Agenda
    epoch: float = EPOCH
    skew_seconds: float = 0.0
    rate: float = 1.0
    slept_seconds: float = 0.0
    _base: float = UPTIME_SECONDS
    _since: float = 0.0

    def monotonic(self) -> float:
        """Seconds by this host's steady clock, which `asyncio` calls the loop's time."""
        return self._base + (self.agenda.now + self.slept_seconds - self._since) * self.rate

    def wall(self) -> float:
        """Seconds since 1970 by this host's wall clock."""
        return self.epoch + self.skew_seconds + self.monotonic() - UPTIME_SECONDS

    def wall_ns(self) -> int:
        """The same in nanoseconds, as far as a float can tell."""
        return round(self.wall() * NANO)

    def true_time(self, monotonic: float) -> float:
        """The virtual time at which `monotonic` will show this."""
        return self._since + (monotonic - self._base) / self.rate

    def run_at(self, rate: float) -> None:
        """Run faster or slower from now on. `Host.wake` afterwards: what it had planned is due at another time now."""
        self._base, self._since, self.rate = self.monotonic(), self.agenda.now + self.slept_seconds, rate
