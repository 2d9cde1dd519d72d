"""Claim: a recovery point, once published, can be read back in full until it is dropped, and its number is used once.

Its manifest and all parts are read and verified when it is published, after every fault that may have cost something,
and at the end; the registry must know it then, as the recovery point that it was. Once something was dropped, all that
stay are verified at every recovery point that follows. Rotten bytes, put there on purpose, are a violation as well:
leave this oracle out of a drill that damages the store.
"""

from __future__ import annotations

from typing import ClassVar

from cutpoint.names import CutNumber
from cutpoint.protocol.ledger import AbandonedCut, Ledger, RecoveryPoint
from cutpoint.store import Verifier
from cutpoint_coordinator.checking import recheck_manifest
from cutpoint_simulations.oracles.case import Case, Published
from cutpoint_simulations.oracles.oracle import Oracle, Violations
from cutpoint_simulations.oracles.violation import Violation


class Durability(Oracle):
    """Complains once of each recovery point."""

    name: ClassVar[str] = "durability"

    def __init__(self) -> None:
        self._manifests: dict[CutNumber, str] = {}
        self._dropped: dict[CutNumber, None] = {}
        self._abandoned: dict[CutNumber, str] = {}
        self._lost: dict[CutNumber, str] = {}

    def published(self, point: Published, case: Case) -> Violations:
        """It is there, and its number is new."""
        cut = point.point.cut
        if cut in self._manifests or cut in self._abandoned:
            former = "published" if cut in self._manifests else f"abandoned ({self._abandoned[cut]})"
            return (self.violation(case, f"its number was used before: it was {former}", cut=cut),)
        self._manifests[cut] = point.point.manifest
        if point.unreadable:
            return (self._complain(case, cut, "; ".join(point.unreadable)),)
        return self._verify(case) if self._dropped else ()

    def forgotten(self, point: RecoveryPoint, case: Case) -> Violations:
        """From now on it need not be there; whether it may go is another claim."""
        self._dropped[point.cut] = None
        return ()

    def abandoned(self, cut: AbandonedCut, case: Case) -> Violations:
        """Its number is new too."""
        if cut.cut in self._manifests:
            return (self.violation(case, f"it was published and is now abandoned: {cut.reason}", cut=cut.cut),)
        self._abandoned[cut.cut] = cut.reason
        return ()

    def struck(self, case: Case) -> Violations:
        """Read everything back."""
        return self._verify(case)

    def healed(self, case: Case) -> Violations:
        """Read everything back."""
        return self._verify(case)

    def ended(self, case: Case, *, quiet: bool) -> Violations:
        """Read everything back."""
        return self._verify(case)

    def _verify(self, case: Case) -> Violations:
        ledger = case.ledger()
        known = [cut for cut in self._manifests if cut not in self._lost and cut not in self._dropped]
        verified = case.inspect(lambda backend: Verifier(backend=backend, recheck=recheck_manifest).full(known))
        found = []
        for point in verified.points:
            spoiled = [f"object {each.name} in {verified.url} {each.what}" for each in point.spoiled]
            complaints = [*spoiled, *self._registered(point.cut, ledger)]
            if complaints:
                found.append(self._complain(case, point.cut, "; ".join(complaints)))
        return tuple(found)

    def _registered(self, cut: CutNumber, ledger: Ledger) -> list[str]:
        record = ledger.points.get(cut)
        if record is None:
            return ["the registry does not know it any more"]
        if record.manifest != self._manifests[cut]:
            return [f"the registry names {record.manifest} as its manifest, it was {self._manifests[cut]}"]
        return [f"the registry calls it damaged: {record.damaged}"] if record.damaged else []

    def _complain(self, case: Case, cut: CutNumber, complaint: str) -> Violation:
        self._lost[cut] = complaint
        return self.violation(case, complaint, cut=cut)
