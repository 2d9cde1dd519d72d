"""When a cut begins by itself: the operator's rhythm, what has happened since the last cut, how quiet it is.

A cut is *wanted* when the interval since the last one is over, when enough was sent since the last recovery point, or
when one that was abandoned is to be tried again. It is *due* when it is wanted and the minimum pause since the end of
the last cut is over. Where quiet times are preferred, one that is due begins when little is sent, and in any case when
the quiet deadline is over.

The minimum pause bounds what cuts cost, so it holds for every cut that nobody asked for, retries included. It does not
hold for a cut that somebody demands: who asks knows what for, and is waiting.

Pure: time comes in as numbers, and what the machine wants is when to be woken.
"""

from __future__ import annotations

import dataclasses

from cutpoint.names import ProcessName
from cutpoint.protocol.messages import Traffic

REPORT_SECONDS = 1.0
"""How often a process that sends anything reports it, where the rhythm asks for that."""

GRAIN_SECONDS = 1e-6
"""A timer that is early by no more than this is in time: clocks have a grain."""

STALE_SECONDS = 2.5 * REPORT_SECONDS
"""A process that has reported nothing for so long sends nothing."""

LOOK_SECONDS = 0.5
"""How often a cut that waits for a quiet time looks whether it is quiet."""

REST_SECONDS = 0.1
"""However short the interval is: how long nobody tries again to open a cut that could not be opened, and how often at
most the timer runs down while none can begin."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rhythm:
    """What the operator has declared of automatic cuts; with the defaults there are none.

    ``interval_seconds``: from the end of a cut to the next; 0: no interval. ``pause_seconds``: the minimum pause
    between the end of a cut and an automatic one. ``after_messages``, ``after_bytes``: so much sent on channels since
    the last recovery point calls for a cut; 0: it does not.
    ``quiet_rate``: fewer messages a second than this are a quiet time; 0: nobody waits for one.
    ``quiet_deadline_seconds``: how long a cut that is due may be put off for the sake of it.
    ``retries``: how often in a row a cut is tried again after it was abandoned, or could not be opened, before the
    next wish counts; the first time after ``retry_seconds``, then twice as long each time, at most
    ``retry_seconds_max``.
    """

    interval_seconds: float = 0.0
    pause_seconds: float = 0.0
    after_messages: int = 0
    after_bytes: int = 0
    quiet_rate: float = 0.0
    quiet_deadline_seconds: float = 0.0
    retries: int = 3
    retry_seconds: float = 1.0
    retry_seconds_max: float = 60.0

    def __post_init__(self) -> None:
        values = [getattr(self, field.name) for field in dataclasses.fields(self)]
        if not all(0 <= value < float("inf") for value in values):
            raise ValueError("a rhythm is made of numbers from 0 on; times are in seconds")
        if self.retries and not 0 < self.retry_seconds <= self.retry_seconds_max:
            raise ValueError("the first retry comes after more than 0 seconds and no later than the longest pause")

    @property
    def automatic(self) -> bool:
        """Whether any cut begins by itself."""
        return bool(self.interval_seconds or self.after_messages or self.after_bytes)

    @property
    def report_seconds(self) -> float:
        """How often processes are asked to report their traffic; 0: nobody wants to know."""
        return REPORT_SECONDS if self.after_messages or self.after_bytes or self.quiet_rate else 0.0

    def backoff(self, setbacks: int) -> float:
        """How long to wait after the last of so many setbacks in a row (from 1 on)."""
        doublings = min(setbacks - 1, 64)  # what is beyond is longer than any longest pause
        return min(self.retry_seconds * 2.0**doublings, self.retry_seconds_max)


ON_DEMAND = Rhythm()
"""No cut begins by itself."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class _Report:
    at: float
    traffic: Traffic
    rate: float


class Cadence:
    """``rhythm`` may be exchanged at any time, with `follow`."""

    def __init__(self, rhythm: Rhythm) -> None:
        self.rhythm = rhythm
        self.setbacks = 0
        self._counted_from = 0.0
        self._ended_at = 0.0
        self._setback_at = 0.0
        self._rests_until = 0.0
        self._enough_at: float | None = None
        self._reports: dict[ProcessName, _Report] = {}
        self._messages_since = self._bytes_since = 0
        self._timer: float | None = None

    # ---------------------------------------------------------------------------------------------- what happened

    def begun(self, now: float) -> None:
        """This coordinator leads from now on; nobody knows when the last cut was, so it counts as just now."""
        self._counted_from = self._ended_at = now

    def follow(self, rhythm: Rhythm, now: float) -> None:
        """Another rhythm holds from now on."""
        self.rhythm = rhythm
        self._enough_at = None
        self._judge_volume(now)

    def ended(self, now: float, *, published: bool) -> None:
        """A cut has ended, whoever wanted it."""
        self._ended_at = self._counted_from = now
        if not published:
            self._set_back(now)
            return
        self.setbacks, self._enough_at = 0, None
        self._messages_since = self._bytes_since = 0
        self._reports = {
            name: dataclasses.replace(
                report, traffic=Traffic(messages=report.traffic.messages, bytes=report.traffic.bytes)
            )
            for name, report in self._reports.items()
        }

    def hindered(self, now: float) -> None:
        """A cut that was due could not be opened."""
        self._rests_until = now + REST_SECONDS
        self._set_back(now)

    def reported(self, now: float, process: ProcessName, traffic: Traffic) -> None:
        """A process says how much it has sent, in its life and since the last recovery point."""
        former = self._reports.get(process)
        rate = 0.0
        if former is not None and now > former.at and traffic.messages >= former.traffic.messages:
            rate = (traffic.messages - former.traffic.messages) / (now - former.at)
        before = Traffic(messages=0, bytes=0) if former is None else former.traffic
        self._messages_since += traffic.messages_since - before.messages_since
        self._bytes_since += traffic.bytes_since - before.bytes_since
        self._reports[process] = _Report(at=now, traffic=traffic, rate=rate)
        self._judge_volume(now)

    def lost(self, process: ProcessName) -> None:
        """A process is not connected any more; it reports what it has sent when it comes back."""
        former = self._reports.pop(process, None)
        if former is not None:
            self._messages_since -= former.traffic.messages_since
            self._bytes_since -= former.traffic.bytes_since

    def elapsed(self, now: float, *, blocked: bool) -> bool:
        """The timer has run down: whether a cut is to begin now. ``blocked``: none can begin, whatever is due.

        A driver that was asked for no timer and keeps no time of its own, as a model does, may say all the same that
        it has run down: that is a wish for a cut.
        """
        unasked, self._timer = self._timer is None, None
        if blocked:
            self._counted_from = now
            return False
        if not self.rhythm.automatic:
            return unasked
        due = self._due_at()
        if due is None or now + GRAIN_SECONDS < due or not self._may_begin(now, due):
            return False
        self._counted_from = now
        return True

    # ------------------------------------------------------------------------------------------------ what follows

    def timer(self, now: float, *, blocked: bool) -> float | None:
        """In how many seconds to be woken, if the driver has to be told; it forgets what it was told before."""
        wake_at = self._wake_at(now, blocked=blocked)
        if wake_at is None or wake_at == self._timer:
            return None
        self._timer = wake_at
        return max(0.0, wake_at - now)

    def rate(self, now: float) -> float:
        """How many messages a second are sent, all processes together, as far as they have said."""
        return sum(each.rate for each in self._reports.values() if now - each.at <= STALE_SECONDS)

    def volume(self) -> tuple[int, int]:
        """How many messages, and bytes, were sent since the last recovery point, as far as processes have said."""
        return self._messages_since, self._bytes_since

    # ---------------------------------------------------------------------------------------------------- inside

    def _set_back(self, now: float) -> None:
        if self.rhythm.automatic:
            self.setbacks += 1
            self._setback_at = now

    def _judge_volume(self, now: float) -> None:
        if self._enough_at is not None:
            return
        messages, size = self.volume()
        rhythm = self.rhythm
        if 0 < rhythm.after_messages <= messages or 0 < rhythm.after_bytes <= size:
            self._enough_at = now

    def _wanted_at(self) -> float | None:
        """When the next automatic cut is wanted first; None: by nothing that is known now."""
        rhythm = self.rhythm
        if not rhythm.automatic:
            return None
        wishes: list[float] = []
        if rhythm.interval_seconds:
            wishes.append(max(self._counted_from + rhythm.interval_seconds, self._rests_until))
        if 0 < self.setbacks <= rhythm.retries:
            wishes.append(self._setback_at + rhythm.backoff(self.setbacks))
        elif self._enough_at is not None:
            again = self._setback_at + rhythm.retry_seconds_max if self.setbacks else self._enough_at
            wishes.append(max(self._enough_at, again))
        return min(wishes, default=None)

    def _due_at(self) -> float | None:
        wanted = self._wanted_at()
        return None if wanted is None else max(wanted, self._ended_at + self.rhythm.pause_seconds)

    def _may_begin(self, now: float, due: float) -> bool:
        rhythm = self.rhythm
        late = now + GRAIN_SECONDS >= due + rhythm.quiet_deadline_seconds
        return not rhythm.quiet_rate or late or self.rate(now) < rhythm.quiet_rate

    def _wake_at(self, now: float, *, blocked: bool) -> float | None:
        due = self._due_at()
        if due is None:
            return None
        if blocked:
            interval = self.rhythm.interval_seconds
            return self._counted_from + max(interval, REST_SECONDS) if interval else None
        if now < due or self._may_begin(now, due):
            return due
        return min(due + self.rhythm.quiet_deadline_seconds, (self._timer or now) + LOOK_SECONDS)
