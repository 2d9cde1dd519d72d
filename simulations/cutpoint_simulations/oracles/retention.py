"""Claim: what goes is what may go, and what nobody needs any more does go.

A recovery point is forgotten only if it is not the last one, nothing runs that descends from it, no recovery is under
way, nobody has pinned it, and the policy does not keep it; a mark has said before that it goes. After a collection that
nothing has disturbed, no recovery point, no manifest and no pack is left that could have gone when it began.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import ClassVar

from cutpoint.names import CutNumber
from cutpoint.protocol.ledger import RecoveryPoint
from cutpoint.store import ERA_SPAN, Backend, list_manifests, read_manifest
from cutpoint.store.marks import read_marks
from cutpoint.store.retention import Policy
from cutpoint_simulations.oracles.case import Case
from cutpoint_simulations.oracles.oracle import Oracle, Violations


class Retention(Oracle):
    """Judges each recovery point that the registry forgets, and what a collection at the end has left."""

    name: ClassVar[str] = "retention"

    def __init__(self) -> None:
        self._due: tuple[str, ...] = ()
        self._points_due: tuple[CutNumber, ...] = ()

    def forgotten(self, point: RecoveryPoint, case: Case) -> Violations:
        """It may go."""
        ledger, cut = case.ledger(), point.cut
        complaint = ""
        if not ledger.points or cut > max(ledger.points):
            complaint = "it was the last one"
        elif cut == ledger.computation.base:
            complaint = "what runs descends from it"
        elif ledger.computation.recovering is not None:
            complaint = "a recovery is under way"
        else:
            newer = sum(other > cut for other in ledger.points)
            complaint = case.inspect(lambda backend: _kept(backend, cut, newer, case))
        return (self.violation(case, f"it was dropped, and {complaint}", cut=cut),) if complaint else ()

    def collects(self, case: Case) -> None:
        """A collection is going to begin, and nothing will disturb it."""
        ledger = case.ledger()
        needed = {ledger.computation.base, ledger.restorable(ledger.computation.base), max(ledger.points, default=0)}
        newest_first = sorted(ledger.points, reverse=True)

        def look(backend: Backend) -> None:
            self._points_due = tuple(
                cut
                for newer, cut in enumerate(newest_first)
                if cut not in needed and not _kept(backend, cut, newer, case, goes=True)
            )
            self._due = _garbage(backend, case)

        if case.keep:
            case.inspect(look)

    def collected(self, case: Case) -> Violations:
        """It has ended well."""
        left = [cut for cut in self._points_due if cut in case.ledger().points]
        there = case.inspect(lambda backend: backend.list(""))
        objects = [name for name in self._due if name in there]
        found = [self.violation(case, "it could have gone, and a collection has left it", cut=cut) for cut in left]
        if objects:
            complaint = f"a collection has left {len(objects)} objects that nobody needs, {objects[0]} first"
            found.append(self.violation(case, complaint))
        return tuple(found)


def _kept(backend: Backend, cut: CutNumber, newer: int, case: Case, *, goes: bool = False) -> str:
    """Why ``cut``, with so many recovery points after it, has to stay. ``goes``: whether no mark need say it goes."""
    marks, policy = read_marks(backend, cut), Policy.parse(case.keep)
    if marks.pinned:
        return "it is pinned"
    if newer < policy.last:
        return f"there are {newer} newer ones, {policy} are to stay"
    labels = [label for label in marks.labels if any(fnmatchcase(label, pattern) for pattern in policy.labels)]
    if labels:
        return f"it is labelled {labels[0]}"
    return "" if goes or marks.condemned else "no mark said so"


def _garbage(backend: Backend, case: Case) -> tuple[str, ...]:
    """The packs and manifests that nobody can need any more, whatever comes."""
    ledger = case.ledger()
    cuts = list_manifests(backend)
    void = [f"manifests/{cut:012}.json" for cut in cuts if cut in ledger.abandoned]
    named = {
        pack.name()
        for cut in cuts
        if cut not in ledger.abandoned
        for part in read_manifest(backend, cut).parts
        for pack in part.packs
    }
    packs = (name for name in backend.list("packs/") if name not in named)
    return (*void, *(name for name in packs if int(name.split("/")[1]) + ERA_SPAN < ledger.computation.last_cut))
