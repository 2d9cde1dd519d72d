"""All oracles over one run: told what the registry commits and what befalls the cluster, it collects what they say."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from cutpoint.names import CutNumber
from cutpoint.protocol.ledger import AbandonedCut, RecoveryPoint, from_records, key_of_point
from cutpoint.registry import Transaction
from cutpoint_simulations.chronicle import Chronicle, Watch
from cutpoint_simulations.cluster import Cluster
from cutpoint_simulations.oracles.case import Case, Published, read_point
from cutpoint_simulations.oracles.oracle import Oracle
from cutpoint_simulations.oracles.violation import Violation


class Jury:
    """``violations`` in the order in which they were noticed; ``points``: every recovery point so far, dropped or not.

    ``on_published`` and ``on_abandoned`` hear of the ends of cuts after the oracles: a trace wants them.
    """

    def __init__(
        self,
        case: Case,
        oracles: Iterable[Oracle],
        *,
        on_published: Callable[[RecoveryPoint], object] = lambda _: None,
        on_abandoned: Callable[[AbandonedCut], object] = lambda _: None,
    ) -> None:
        self.case = case
        self.oracles = tuple(oracles)
        self.violations: list[Violation] = []
        self.points: dict[CutNumber, RecoveryPoint] = {}
        self._standing: dict[CutNumber, RecoveryPoint] = {}
        self.abandoned: dict[CutNumber, AbandonedCut] = {}
        self._on_published = on_published
        self._on_abandoned = on_abandoned

    def sits_over(self, cluster: Cluster) -> None:
        """Hear what the cluster's registry commits."""
        cluster.registry.committed.append(lambda _, transaction: self.committed(transaction))

    def committed(self, transaction: Transaction) -> None:
        """The registry has applied a transaction."""
        records = from_records(dict(transaction.puts), computation="")
        for point in records.points.values():
            if not _known(point, self.points.get(point.cut)):
                self.points[point.cut] = self._standing[point.cut] = point
                published = self._read(point)
                for oracle in self.oracles:
                    self.violations.extend(oracle.published(published, self.case))
                self._on_published(point)
        for number in [number for number in self._standing if key_of_point(number) in transaction.deletes]:
            point = self._standing.pop(number)
            for oracle in self.oracles:
                self.violations.extend(oracle.forgotten(point, self.case))
        for cut in records.abandoned.values():
            if cut.cut not in self.abandoned:
                self.abandoned[cut.cut] = cut
                for oracle in self.oracles:
                    self.violations.extend(oracle.abandoned(cut, self.case))
                self._on_abandoned(cut)

    def struck(self) -> None:
        """A fault has happened that may have cost something."""
        for oracle in self.oracles:
            self.violations.extend(oracle.struck(self.case))

    def healed(self) -> None:
        """No fault lasts, and none will come."""
        for oracle in self.oracles:
            self.violations.extend(oracle.healed(self.case))

    def copied(self) -> None:
        """Something in the replica has changed."""
        for oracle in self.oracles:
            self.violations.extend(oracle.copied(self.case))

    def settled(self) -> bool:
        """Whether nothing is owed any more that is still to come."""
        return all(oracle.settled(self.case) for oracle in self.oracles)

    def collects(self) -> None:
        """All has healed, and somebody is about to ask for a collection."""
        for oracle in self.oracles:
            oracle.collects(self.case)

    def collected(self) -> None:
        """That collection is done."""
        for oracle in self.oracles:
            self.violations.extend(oracle.collected(self.case))

    def ended(self, *, quiet: bool = False) -> tuple[Violation, ...]:
        """The run is over: everything that was ever said of it."""
        for oracle in self.oracles:
            self.violations.extend(oracle.ended(self.case, quiet=quiet))
        return tuple(self.violations)

    @property
    def verdict(self) -> str:
        """The first violation, empty if there is none."""
        return str(self.violations[0]) if self.violations else ""

    def _read(self, point: RecoveryPoint) -> Published:
        return self.case.inspect(lambda backend: read_point(backend, point))


def case_of(cluster: Cluster, chronicle: Chronicle, watch: Watch) -> Case:
    """What there is to judge in a simulated cluster."""
    simulation = cluster.simulation
    return Case(
        chronicle=chronicle,
        inspect=cluster.inspect,
        ledger=cluster.registry.ledger,
        clock=lambda: simulation.agenda.now,
        phases=watch.phases,
        keep=cluster.settings.keep,
        replica=cluster.inspect_replica if cluster.settings.replica is not None else None,
    )


def _known(point: RecoveryPoint, former: RecoveryPoint | None) -> bool:
    """Whether it is the recovery point that it was, whatever was found out about it since."""
    if former is None:
        return False
    return point == msgspec.structs.replace(
        former, damaged=point.damaged, request=point.request, ancestor=point.ancestor
    )
