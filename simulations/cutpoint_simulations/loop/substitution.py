"""What is real in a Python process and must not be inside a simulated host: put aside while a simulation stands.

Every function of the standard library that reaches a clock, a socket, a file, a thread, a child process or a source of
chance is replaced by one that asks which host runs. Outside of every host the original is called. A function that some
module has kept under a name of its own (``from time import monotonic``), in a class, or as the default of an argument,
is found there and replaced too: see `cutpoint_simulations.loop.places`. The wall clock, which `datetime` reads below
Python, is moved by time-machine. What C code does on its own is told by Python's audit events, and refused.
"""

from __future__ import annotations

import datetime as dt
import gc
import sys

import time_machine

from cutpoint_simulations.loop.auditing import audit
from cutpoint_simulations.loop.clock import NANO
from cutpoint_simulations.loop.current import running
from cutpoint_simulations.loop.places import Place, kept_elsewhere
from cutpoint_simulations.loop.replacements import replacements


class Substituted:
    """What stands in this process: simulations count as holders; the first and the last of them do the work."""

    def __init__(self) -> None:
        self._holders = 0
        self._places: list[tuple[Place, object]] = []
        self._back: dict[int, tuple[object, object]] = {}
        self._travel: time_machine.travel | None = None
        self._audited = False

    def install(self) -> None:
        """Put the simulated functions in the place of the real ones."""
        self._holders += 1
        if self._holders == 1:
            self._travel = _travel()
            self._replace()
            if not self._audited:
                self._audited = True
                sys.addaudithook(audit)
            gc.freeze()  # what is older than all simulations is not looked at when one of them is cleared away

    def uninstall(self) -> None:
        """Put the real ones back, once nobody needs the simulated ones."""
        self._holders -= 1
        if self._holders == 0:
            for place, original in reversed(self._places):
                place.put(original)
            for place, original in kept_elsewhere(self._back):  # modules that were imported meanwhile
                place.put(original)
            self._places, self._back = [], {}
            assert self._travel is not None
            self._travel.stop()
            gc.unfreeze()

    def _replace(self) -> None:
        planned = [(Place(holder, name), replacement) for holder, name, replacement in replacements()]
        originals = [(place.get(), replacement) for place, replacement in planned]
        functions = {
            id(original): (original, replacement)
            for (place, replacement), (original, _) in zip(planned, originals, strict=True)
            if place.in_module
        }
        kept = list(kept_elsewhere(functions))
        self._places = [(place, place.get()) for place, _ in (*planned, *kept)]
        self._back = {id(replacement): (replacement, original) for original, replacement in functions.values()}
        for place, replacement in (*planned, *kept):
            place.put(replacement)

    def __enter__(self) -> Substituted:
        self.install()
        return self

    def __exit__(self, *_: object) -> None:
        self.uninstall()


def _travel() -> time_machine.travel:
    """Let every wall clock of the process show what the clock of the current host shows, and the real time else.

    Local time is UTC meanwhile: the same seed gives the same run wherever the machine stands.
    """
    travel = time_machine.travel(dt.datetime(1970, 1, 1, tzinfo=dt.UTC), tick=False)
    traveller = travel.start()
    real = time_machine.escape_hatch.time.time_ns

    def time_ns() -> int:
        host = running.host
        if host is None:
            return real()
        host.reads_clock()
        return host.clock.wall_ns()

    traveller.time_ns = time_ns  # type: ignore[method-assign]
    if hasattr(traveller, "time"):  # before time-machine 3
        traveller.time = lambda: time_ns() / NANO
    return travel


SUBSTITUTED = Substituted()
"""One process has one: many simulations after each other are faster inside ``with SUBSTITUTED``."""
