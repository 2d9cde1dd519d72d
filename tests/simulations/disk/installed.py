"""The simulated file system under the real functions, for the length of a test."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from cutpoint_simulations.disk import Disk, Mount, substitutions


class Machine:
    """One disk and the program that runs on it now, as `/simulated`; ``program`` is None outside."""

    def __init__(self, disk: Disk | None = None) -> None:
        self.disk = disk if disk is not None else Disk()
        self.program: Mount | None = None

    @contextlib.contextmanager
    def running(self) -> Iterator[Mount]:
        """A new life of the program; it is not killed at the end."""
        previous, self.program = self.program, self.disk.mount()
        try:
            yield self.program
        finally:
            self.program = previous


@contextlib.contextmanager
def installed(machine: Machine) -> Iterator[Machine]:
    """Replace the functions of the standard library by those of ``machine``."""
    replaced = []
    try:
        for place, name, replacement in substitutions(lambda: machine.program):
            replaced.append((place, name, getattr(place, name)))
            setattr(place, name, replacement)
        yield machine
    finally:
        for place, name, original in reversed(replaced):
            setattr(place, name, original)
