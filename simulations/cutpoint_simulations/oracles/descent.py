"""Claim: all processes of one incarnation descend from one recovery point, which was one when anybody went back to it.

A recovery that takes one process to one cut and another to the next makes an inconsistent state of two sound ones. Who
was no member of it begins anew.
"""

from __future__ import annotations

import math
from typing import ClassVar

from cutpoint.names import CutNumber
from cutpoint.protocol.ledger import RecoveryPoint
from cutpoint_simulations.oracles.case import Case, Published
from cutpoint_simulations.oracles.oracle import Oracle, Violations


class Descent(Oracle):
    """Judges each restore once, at the next recovery point or at the end."""

    name: ClassVar[str] = "descent"

    def __init__(self) -> None:
        self._judged = 0
        self._origins: dict[int, tuple[str, int]] = {}
        self._dropped: dict[CutNumber, RecoveryPoint] = {}
        self._dropped_at: dict[CutNumber, float] = {}

    def published(self, point: Published, case: Case) -> Violations:
        """Judge what has been restored since."""
        return self._judge(case)

    def forgotten(self, point: RecoveryPoint, case: Case) -> Violations:
        """Nobody goes back to it from now on."""
        self._dropped[point.cut], self._dropped_at[point.cut] = point, case.now
        return ()

    def ended(self, case: Case, *, quiet: bool) -> Violations:
        """Judge what has been restored since."""
        return self._judge(case)

    def _judge(self, case: Case) -> Violations:
        chronicle, points = case.chronicle, {**case.ledger().points, **self._dropped}
        found = []
        for restored in chronicle.restores[self._judged :]:
            process, cut = restored.process, CutNumber(restored.cut)
            first, origin = self._origins.setdefault(restored.incarnation, (process, cut))
            if origin != cut:
                where = f"in incarnation {restored.incarnation}"
                complaint = f"{where} {first} goes on from cut {origin} and {process} from cut {cut}"
            elif cut and cut not in points and cut not in chronicle.given:
                complaint = f"{process} went back to it, and it was never published"
            elif restored.at > self._dropped_at.get(cut, math.inf):
                complaint = f"{process} went back to it, and it had been dropped"
            elif restored in chronicle.strays and cut in points and process in points[cut].members:
                complaint = f"{process} went back to it and had never recorded it"
            else:
                continue
            found.append(self.violation(case, complaint, cut=cut, process=process))
        self._judged = len(chronicle.restores)
        return tuple(found)
