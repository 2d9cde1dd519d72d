"""A killed process from its kill to its recovery, as far as that can be told from outside."""

from __future__ import annotations

import time

from cutpoint_simulations.flights.children import Child
from cutpoint_simulations.flights.report import RecoveryRow
from cutpoint_simulations.flights.standing import Standing
from cutpoint_simulations.flights.watch import Watch


class Casualty:
    """One kill that has just happened. `recovered` is asked again and again until it gives the row of the report.

    A service has recovered when the coordinator has completed a recovery of a later incarnation (if there is a
    coordinator), the new process answers, and it has counted something since, or has nothing left to count. The
    coordinator and etcd have recovered when a newer recovery point than at the kill is published.
    """

    def __init__(self, child: Child, watch: Watch, *, coordinated: bool) -> None:
        self.child = child
        self._watch = watch
        self._coordinated = coordinated
        self._at = time.monotonic()
        self._last_cut = watch.last_cut()
        self._incarnation = watch.topology.latest.incarnation if watch.topology.latest is not None else 1
        self._first: Standing | None = None

    @property
    def seconds(self) -> float:
        """Since the kill."""
        return time.monotonic() - self._at

    def recovered(self) -> RecoveryRow | None:
        """The row of the report, once there is one."""
        if self.child.kind in ("coordinator", "etcd"):
            if self._watch.last_cut() <= self._last_cut:
                return None
            return self._row(None)
        standing = self._watch.services[self.child.name].since(self._at)
        if standing is None:
            return None
        cut = self._restored_cut() if self._coordinated else None
        if self._coordinated and cut is None:
            self._first = None
            return None
        if self._first is None:
            self._first = standing
        return self._row(cut) if standing.done or standing.tallies != self._first.tallies else None

    def _restored_cut(self) -> int | None:
        """What the computation went back to because of this kill, once that is over."""
        topology, recoveries = self._watch.topology.since(self._at), self._watch.recoveries.since(self._at)
        if topology is None or recoveries is None or topology.recovery is not None:
            return None
        later = [r for r in recoveries.recoveries if r.incarnation > self._incarnation and r.state == "done"]
        return later[0].cut if later else None

    def _row(self, cut: int | None) -> RecoveryRow:
        return RecoveryRow(killed=self.child.name, cut=cut, seconds=round(self.seconds, 3))
