"""What is real in a Python process and must not be inside a simulated host: put aside while a simulation stands.

Every function of the standard library that reaches a clock, a socket, a file, a thread, a child process or a source of
chance is replaced by one that asks which host runs. Outside of every host the original is called. A name that was
imported by itself (``from time import monotonic``) is found and replaced too, in every module. The wall clock, which
`datetime` reads below Python, is moved by time-machine.
"""

from __future__ import annotations

import gc
import sys
from types import ModuleType
from typing import Any

import time_machine

from cutpoint_simulations.loop.replacements import replacements

_OURS = ("cutpoint_simulations.loop", "cutpoint_simulations.disk", "time_machine", "_time_machine")

Replaced = tuple[Any, str, Any]


class Substituted:
    """What stands in this process: simulations count as holders; the first and the last of them do the work."""

    def __init__(self) -> None:
        self._holders = 0
        self._replaced: list[Replaced] = []
        self._travel: time_machine.travel | None = None
        self._traveller: time_machine.Traveller | None = None

    def install(self) -> None:
        """Put the simulated functions in the place of the real ones."""
        self._holders += 1
        if self._holders == 1:
            self._travel = time_machine.travel(0.0, tick=False)
            self._traveller = self._travel.start()
            self._replaced = _replace(replacements())
            gc.collect()
            gc.freeze()  # what is older than all simulations need not be looked at when one of them is cleared away

    def uninstall(self) -> None:
        """Put the real ones back, once nobody needs the simulated ones."""
        self._holders -= 1
        if self._holders == 0:
            for place, name, original in reversed(self._replaced):
                setattr(place, name, original)
            self._replaced = []
            assert self._travel is not None
            self._travel.stop()
            gc.unfreeze()

    def wall_clock_shows(self, seconds: float) -> None:
        """The wall clock of whichever host runs now, seconds since 1970."""
        assert self._traveller is not None
        self._traveller.move_to(seconds)

    def __enter__(self) -> Substituted:
        self.install()
        return self

    def __exit__(self, *_: object) -> None:
        self.uninstall()


SUBSTITUTED = Substituted()
"""One process has one: many simulations after each other are faster inside ``with SUBSTITUTED``."""


def _replace(planned: list[tuple[Any, str, Any]]) -> list[Replaced]:
    """Set every attribute, and every other name in any module that stands for the same function."""
    replaced: list[Replaced] = []
    by_identity: dict[int, Any] = {}
    for place, name, replacement in planned:
        original = getattr(place, name)
        replaced.append((place, name, original))
        if isinstance(place, ModuleType):
            by_identity[id(original)] = replacement
    for module_name, module in list(sys.modules.items()):
        if module_name.startswith(_OURS):
            continue
        for name, value in list(vars(module).items()):
            if id(value) in by_identity and (module, name, value) not in replaced:
                replaced.append((module, name, value))
    for place, name, original in replaced:
        replacement = by_identity.get(id(original))
        if replacement is None:
            replacement = next(new for where, what, new in planned if where is place and what == name)
        setattr(place, name, replacement)
    return replaced
