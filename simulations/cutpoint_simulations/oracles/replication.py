"""Claim: whatever is in the replica is whole at every moment, and what was published comes to be there.

Every recovery point of the replica is verified in full in the moment in which it has come, after every fault that may
have cost something, and at the end, and is the very one that its source has. When all has healed, what was published
before is in the replica, unless the source itself has dropped it.
"""

from __future__ import annotations

from typing import ClassVar

from cutpoint.names import CutNumber
from cutpoint.store import Backend, Verification, Verifier, list_manifests, manifest_name
from cutpoint_coordinator.checking import recheck_manifest
from cutpoint_simulations.oracles.case import Case, Published
from cutpoint_simulations.oracles.oracle import Oracle, Violations


class Replication(Oracle):
    """Complains once of each recovery point. Says nothing of a cluster without a replica."""

    name: ClassVar[str] = "replication"

    def __init__(self) -> None:
        self._verified: dict[CutNumber, None] = {}
        self._wrong: dict[CutNumber, None] = {}
        self._owed: tuple[CutNumber, ...] = ()
        self._last: tuple[CutNumber, ...] = ()

    def published(self, point: Published, case: Case) -> Violations:
        """Everything is there."""
        return self._look(case, everything=False)

    def copied(self, case: Case) -> Violations:
        """What has come is whole."""
        if case.replica is None or case.replica(list_manifests)[-1:] == self._last:
            return ()
        return self._look(case, everything=False)

    def struck(self, case: Case) -> Violations:
        """Everything is whole."""
        return self._look(case, everything=True)

    def healed(self, case: Case) -> Violations:
        """Everything is whole; what is published by now is owed to the replica."""
        self._owed = tuple(case.ledger().points)
        return self._look(case, everything=True)

    def ended(self, case: Case, *, quiet: bool) -> Violations:
        """Everything is whole, and what was owed is there."""
        found = self._look(case, everything=True)
        missing = self._missing(case)
        if missing:
            complaint = f"it is not in the replica, with {len(missing) - 1} others, though nothing fails any more"
            found = (*found, self.violation(case, complaint, cut=missing[0]))
        return found

    def settled(self, case: Case) -> bool:
        """Whether what is owed to the replica is there."""
        return not self._missing(case)

    def _missing(self, case: Case) -> tuple[CutNumber, ...]:
        if case.replica is None:
            return ()
        there = case.replica(list_manifests)
        points = case.ledger().points
        return tuple(cut for cut in self._owed if cut in points and cut not in there)

    def _look(self, case: Case, *, everything: bool) -> Violations:
        if case.replica is None:
            return ()
        there = case.replica(list_manifests)
        self._last = there[-1:]
        cuts = [cut for cut in there if cut not in self._wrong]
        new = [cut for cut in cuts if everything or cut not in self._verified]
        verified = case.replica(lambda replica: _verified(replica, cuts, new))
        found = []
        for verification in verified:
            for point in verification.points:
                if not point.good and point.cut not in self._wrong:
                    self._wrong[point.cut] = None
                    spoiled = "; ".join(f"object {each.name} {each.what}" for each in point.spoiled)
                    found.append(self.violation(case, f"in the replica {spoiled}", cut=point.cut))
        theirs = {cut: case.inspect(lambda store, cut=cut: _manifest(store, cut)) for cut in new}  # type: ignore[misc]
        for cut in new:
            self._verified[cut] = None
            ours = case.replica(lambda replica, cut=cut: _manifest(replica, cut))  # type: ignore[misc]
            if theirs[cut] and ours != theirs[cut] and cut not in self._wrong:
                self._wrong[cut] = None
                found.append(self.violation(case, "the replica has another manifest of it", cut=cut))
        return tuple(found)


def _verified(replica: Backend, cuts: list[CutNumber], new: list[CutNumber]) -> tuple[Verification, ...]:
    verifier = Verifier(backend=replica, recheck=recheck_manifest)
    return verifier.quick(cuts), verifier.full(new)


def _manifest(backend: Backend, cut: CutNumber) -> bytes:
    """The bytes of a manifest; none if there is none."""
    name = manifest_name(cut)
    return backend.read(name) if backend.size(name) is not None else b""
