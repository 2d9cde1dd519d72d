"""The decisions that safety hangs on, one method each, so that a test can take one out and see what breaks.

Everything else in the coordinator's core is liveness and courtesy. Nobody overrides these outside of tests.
"""

from __future__ import annotations

from collections.abc import Mapping

from cutpoint.names import CutNumber, Incarnation, ProcessName
from cutpoint.protocol.certificate import Certificate, Violation
from cutpoint.protocol.consistency import certify
from cutpoint.protocol.ledger import Ledger
from cutpoint.protocol.messages import Join, PartSummary


class Safeguards:
    """What must be true before the next step is taken."""

    def number_for_next_cut(self, ledger: Ledger) -> CutNumber:
        """A number that was never used: one above the highest, whatever became of that one."""
        return CutNumber(ledger.computation.last_cut + 1)

    def may_begin(self, ledger: Ledger, cut: CutNumber) -> bool:
        """Nobody records a cut before its number is durable."""
        return ledger.computation.open_cut == cut

    def accepts_part(self, part: PartSummary, join: Join, cut: CutNumber, incarnation: Incarnation) -> bool:
        """A part counts if it comes from this very life of the process and is of this very cut and incarnation."""
        return (part.process, part.life, part.cut, part.incarnation) == (join.process, join.life, cut, incarnation)

    def prove(
        self,
        ledger: Ledger,
        cut: CutNumber,
        members: tuple[ProcessName, ...],
        released: tuple[ProcessName, ...],
        parts: Mapping[ProcessName, PartSummary],
    ) -> Certificate | tuple[Violation, ...]:
        """A cut becomes a recovery point only with a certificate."""
        return certify(
            computation=ledger.computation.name,
            cut=cut,
            incarnation=ledger.computation.incarnation,
            members=members,
            released=released,
            summaries=parts,
        )

    def may_write_manifest(self, complaints: tuple[str, ...]) -> bool:
        """Every part was read back and is sound."""
        return not complaints

    def may_publish(self, ledger: Ledger, cut: CutNumber) -> bool:
        """Nobody is told of a recovery point before the registry has it."""
        return cut in ledger.points

    def next_incarnation(self, ledger: Ledger) -> Incarnation:
        """Each recovery fences all before it."""
        return Incarnation(ledger.computation.incarnation + 1)

    def may_prepare(self, ledger: Ledger, incarnation: Incarnation) -> bool:
        """Nobody is stopped before the new incarnation is durable."""
        return ledger.computation.incarnation == incarnation

    def may_start(self, ledger: Ledger, incarnation: Incarnation) -> bool:
        """Nobody runs on before the registry knows that the recovery is over and whose lives count now."""
        return ledger.computation.incarnation == incarnation and ledger.computation.recovering is None

    def needed(self, ledger: Ledger, cut: CutNumber) -> str:
        """Why recovery point ``cut`` has to stay, empty if it may be forgotten."""
        computation = ledger.computation
        if cut > computation.last_cut:
            return f"no cut {cut} has begun: these are the recovery points of another registry"
        if cut == computation.open_cut:
            return "it is being published"
        if computation.recovering is not None:
            return "a recovery is under way, and may need it"
        if cut not in ledger.points:
            return ""
        if cut == max(ledger.points):
            return "it is the last published"
        if cut == computation.base:
            return "what runs now descends from it"
        if cut == ledger.restorable(computation.base):
            return "a recovery would go to it"
        return ""
