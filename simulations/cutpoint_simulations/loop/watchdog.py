"""Finds a simulated host that keeps the process for itself: virtual time stands still while one callback runs.

It may wait for a lock of its module that a dead life took with it, or never await. Nothing inside the simulation can
notice, so a real timer interrupts it: by a signal, in the main thread, where nobody else uses that signal. It has no
say in any other run.
"""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType

from cutpoint_simulations.loop.current import running
from cutpoint_simulations.refusal import NotSimulated, asking_line

PATIENCE_SECONDS = 30.0
"""Real seconds."""

_TICKS = 6
_HOLDS = "holds the event loop for"


@contextlib.contextmanager
def watched(seconds: float = PATIENCE_SECONDS) -> Iterator[None]:
    """While this context stands, a host that has one turn for more than so many real seconds ends its run by an error.

    Nobody watches where there are no such signals, beside the main thread, and where a program has its own alarm. A
    debugger, which takes its time, is left alone.
    """
    if not _is_ours():
        yield
        return
    signal.signal(signal.SIGALRM, _Dog(seconds).ticks)
    signal.setitimer(signal.ITIMER_REAL, seconds / _TICKS, seconds / _TICKS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)


def was_held(complaint: str) -> bool:
    """Whether a run ended with this complaint because a host was too slow: each rerun takes as long again."""
    return _HOLDS in complaint


def _is_ours() -> bool:
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        return False
    return signal.getsignal(signal.SIGALRM) is signal.SIG_DFL and signal.getitimer(signal.ITIMER_REAL)[0] == 0


class _Dog:
    """It counts its own ticks: a machine that was stopped meanwhile is no reason to bark."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._turn: tuple[int, int, int] | None = None
        self._alike = 0

    def ticks(self, number: int, frame: FrameType | None) -> None:
        """The handler of the signal. Raises `NotSimulated` in the program that holds on."""
        host = running.host
        if host is None or sys.gettrace() is not None:
            self._turn = None
            return
        turn = id(host.simulation), host.number, host.simulation.statistics().turns
        self._alike = self._alike + 1 if turn == self._turn else 0
        self._turn = turn
        if self._alike >= _TICKS:
            self._alike = 0
            host.refuse(
                NotSimulated(
                    f"{host.name} {_HOLDS} {self._seconds:g} s of real time, at {asking_line()}; the run was ended "
                    "there; look for a lock that a dead process holds, and for a loop that never awaits"
                )
            )
