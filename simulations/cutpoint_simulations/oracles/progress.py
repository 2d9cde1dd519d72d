"""Claim: after the last fault has healed, a new recovery point comes within a stated time, and everybody runs.

Safety alone is cheap: a computation that stands still is never wrong.
"""

from __future__ import annotations

from typing import ClassVar

from cutpoint.names import CutNumber
from cutpoint_simulations.oracles.case import Case, Published
from cutpoint_simulations.oracles.oracle import Oracle, Violations


class Progress(Oracle):
    """``seconds`` of virtual time after the healing a cut with a new number has to be published.

    Silent unless it is told of a healing. At the end every member, and everybody else who lives, has to run.
    """

    name: ClassVar[str] = "progress"

    def __init__(self, *, seconds: float) -> None:
        self.seconds = seconds
        self._healed_at: float | None = None
        self._last_cut = CutNumber(0)
        self._published_at: float | None = None

    @property
    def made(self) -> bool:
        """Whether a recovery point has come since the healing."""
        return self._published_at is not None

    def healed(self, case: Case) -> Violations:
        """From now on time counts."""
        self._healed_at, self._published_at = case.now, None
        self._last_cut = case.ledger().computation.last_cut
        return ()

    def published(self, point: Published, case: Case) -> Violations:
        """The first one whose number is new counts."""
        if self._healed_at is not None and self._published_at is None and point.cut > self._last_cut:
            self._published_at = case.now
        return ()

    def ended(self, case: Case, *, quiet: bool) -> Violations:
        """Was it in time, and who does not run?"""
        if self._healed_at is None:
            return ()
        found = []
        if self._published_at is None or self._published_at > self._healed_at + self.seconds:
            came = "none came" if self._published_at is None else f"it took until {self._published_at:.3f} s"
            complaint = (
                f"after the healing at {self._healed_at:.3f} s a cut after {self._last_cut} had {self.seconds:g} s to "
                f"be published: {came} (now it is {case.now:.3f} s)"
            )
            found.append(self.violation(case, complaint))
        for process, phase in _idle(case).items():
            found.append(self.violation(case, f"{process} does not run: it is {phase}", process=process))
        return tuple(found)


def _idle(case: Case) -> dict[str, str]:
    """Who ought to run and does not, and its phase."""
    ledger, phases = case.ledger(), dict(case.phases())
    released = ledger.released()
    expected = {str(name): phases.get(name, "absent") for name in ledger.belonging()}
    alive = {name: phase for name, phase in phases.items() if phase != "dead" and name not in released}
    return {name: phase for name, phase in sorted({**expected, **alive}.items()) if phase != "running"}
