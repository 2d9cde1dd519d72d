"""How long an event loop was held: the longest time from one of its rounds to the next.

A callback that puts itself off to the next round looks at the clock in each of them. On a machine that others use
too, a round may also be long because somebody else had the processor, and that is taken off, as far as the kernel can
tell: what the loop's thread was ready to run and did not; what the hypervisor gave to other machines, if the thread
ran from one look to the next without a break; and of the time in which it was not even ready, because another thread
had the interpreter's lock, so much as that other thread was ready and did not run itself. What other threads do to
the loop while they run, and whatever the loop's thread waits for itself, is not taken off.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from typing import NamedTuple


class _Times(NamedTuple):
    """Of the loop's thread, in seconds: the clock's, how long it ran, how long it waited to run, how often it began.

    ``others_waited``: how long all other threads together waited to run.
    """

    now: float
    ran: float
    waited: float
    turns: float
    others_waited: float


class StallMeter:
    """Measures between `start` and `stop`, in the thread in which it was made. Seconds.

    ``worst``: the longest round, less what is others'; ``worst_gross``: the longest round.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._own = threading.get_native_id()
        self._files: dict[int, int] = {}
        self._running = False
        self._last = self._times()
        self.worst = self.worst_gross = 0.0
        self.rounds = 0

    @property
    def knows_others(self) -> bool:
        """Whether the kernel says what is others'."""
        return bool(self._files)

    def own_seconds(self) -> float:
        """A clock that stands still while others have the processor."""
        return time.thread_time()

    def start(self) -> None:
        """From now on."""
        self.worst = self.worst_gross = 0.0
        self.rounds = 0
        self._running = True
        self._last = self._times()
        self._loop.call_soon(self._look)

    def stop(self) -> None:
        """Until now."""
        self._running = False

    def _look(self) -> None:
        last, self._last = self._last, self._times()
        gross = self._last.now - last.now
        self.worst = max(self.worst, own_seconds(last, self._last))
        self.worst_gross = max(self.worst_gross, gross)
        self.rounds += 1
        if self._running:
            self._loop.call_soon(self._look)

    def _times(self) -> _Times:
        """All of one moment: if somebody else had the processor in between, once more."""
        waited, turns = self._schedule(self._own)
        while True:
            others = sum(self._schedule(thread)[0] for thread in self._others())
            now, ran = time.perf_counter(), time.thread_time()
            before = turns
            waited, turns = self._schedule(self._own)
            if turns == before:
                return _Times(now, ran, waited / 1e9, turns, others / 1e9)

    def _others(self) -> list[int]:
        threads = (thread.native_id for thread in threading.enumerate())
        return [thread for thread in threads if thread is not None and thread != self._own]

    def _schedule(self, thread: int) -> tuple[int, int]:
        """Nanoseconds for which ``thread`` was ready to run and did not, and how often it was given a processor."""
        try:
            if thread not in self._files:
                self._files[thread] = os.open(f"/proc/self/task/{thread}/schedstat", os.O_RDONLY)
            _ran, waited, turns = os.pread(self._files[thread], 64, 0).split()
        except OSError:
            return 0, 0
        return int(waited), int(turns)


def own_seconds(before: _Times, after: _Times) -> float:
    """From ``before`` to ``after``, less what is others'."""
    gross, ran, waited, turns, others_waited = (b - a for a, b in zip(before, after, strict=True))
    if not turns:
        return min(gross, ran)
    blocked = max(0.0, gross - ran - waited)
    return gross - waited - min(blocked, others_waited)
