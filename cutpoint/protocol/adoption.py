"""A registry that knows nothing meets a store that holds recovery points: it was lost, and the store knows the rest.

Every manifest says all that the registry would have said of its recovery point, so these are taken over, a few in each
transaction, and last of all where the computation stands: it goes on from the newest of them, in an incarnation above
all that the store tells of, with the members of that point. None of them can have kept its memory as far as anybody
knows, so whoever comes is taken back there. A number that the store has seen is not used again.

Nothing else is decided before that is durable. A coordinator that vanishes meanwhile is followed by one that does it
again. What nobody knows any more: which cuts were abandoned, and what lay between two points that are left.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import msgspec

from cutpoint.names import BEGINNING, CutNumber, Incarnation, Life
from cutpoint.protocol.desk import Desk
from cutpoint.protocol.ledger import RECORDS_BYTES_MAX, Member, Members, RecoveryPoint, encode

POINTS_PER_WRITE = 64
"""How many recovery points one transaction takes over at most, and fewer if they are long: registries have limits."""


class Adoption:
    """Writes the first records of a registry. ``stored``: the recovery points of the store, if any."""

    def __init__(self, desk: Desk, stored: Iterable[RecoveryPoint]) -> None:
        self._desk = desk
        self._points = tuple(_related({point.cut: point for point in stored}))

    def advance(self) -> None:
        """Write what comes next. Must not be busy."""
        ledger = self._desk.ledger
        left = [point for point in self._points if point.cut not in ledger.points]
        if left:
            self._desk.write(*_fitting(left[:POINTS_PER_WRITE]))
            return
        if not self._points:
            self._desk.write(ledger.computation)
            return
        newest = self._points[-1]
        computation = msgspec.structs.replace(
            ledger.computation,
            incarnation=Incarnation(max(point.incarnation for point in self._points) + 1),
            last_cut=max(newest.cut, ledger.computation.last_cut),
            base=newest.cut,
        )
        members = {name: Member(life=Life("")) for name in newest.demanded}
        self._desk.write(computation, Members(members=members))


def _fitting(points: list[RecoveryPoint]) -> list[RecoveryPoint]:
    """As many of them as one transaction takes, at least one."""
    lengths = itertools.accumulate(len(encode(point)) for point in points)
    return points[: max(1, sum(length <= RECORDS_BYTES_MAX for length in lengths))]


def _related(points: dict[CutNumber, RecoveryPoint]) -> Iterable[RecoveryPoint]:
    """The points, ascending; one whose parent is gone takes the nearest before that for it."""
    cuts = sorted(points)
    for cut in cuts:
        point = points[cut]
        if point.parent in points or point.parent == BEGINNING:
            yield point
        else:
            before = [each for each in cuts if each < point.parent]
            yield msgspec.structs.replace(point, ancestor=before[-1] if before else BEGINNING)
