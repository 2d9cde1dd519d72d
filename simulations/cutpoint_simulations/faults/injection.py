"""Lets the faults of a plan happen to a cluster, at their time, and ends them all when it is to be healed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from cutpoint_simulations.cluster import Cluster
from cutpoint_simulations.faults.fault import LEADER, End, Fault, Plan, find_host, group
from cutpoint_simulations.faults.table import KINDS, find_kinds
from cutpoint_simulations.loop import Host


class Injection:
    """What goes wrong with ``cluster``. ``begun`` counts the faults that have begun, by kind."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.begun: Counter[str] = Counter()
        self._standing: dict[int, End] = {}
        self._healed = 0

    def plan(self, faults: Iterable[Fault]) -> None:
        """Let each fault begin at its time, unless all is healed before. Raises `ConfigurationError`."""
        planned = tuple(faults)
        find_kinds(fault.kind for fault in planned)
        for fault in planned:
            self.cluster.simulation.agenda.at(fault.at, self._beginning(fault))

    def begin(self, fault: Fault) -> None:
        """Let ``fault`` begin now, whatever its ``at`` says; it ends by itself. Raises `ConfigurationError`."""
        (kind,) = find_kinds([fault.kind])
        simulation = self.cluster.simulation
        simulation.happened("fault", _line(self.cluster, fault), kind.tell(fault))
        self.begun[fault.kind] += 1
        end = kind.begin(fault, self.cluster)
        if end is not None:
            number = sum(self.begun.values())
            self._standing[number] = end
            simulation.agenda.after(fault.seconds, lambda: self._end(number))

    def heal(self) -> None:
        """End everything that stands, and let nothing that is planned begin any more."""
        self._healed += 1
        for number in list(self._standing):
            self._end(number)

    def _beginning(self, fault: Fault) -> End:
        healed = self._healed
        return lambda: self.begin(fault) if self._healed == healed else None

    def _end(self, number: int) -> None:
        end = self._standing.pop(number, None)
        if end is not None:
            end()


def apply(plan: Plan, cluster: Cluster) -> Injection:
    """Let the faults of ``plan`` happen to ``cluster``; what is returned can heal it."""
    injection = Injection(cluster)
    injection.plan(plan)
    return injection


def tell(plan: Plan) -> str:
    """The plan in words, one line a fault."""
    return "\n".join(f"{fault.at:7.3f} s  {KINDS[fault.kind].tell(fault)}" for fault in plan)


def _line(cluster: Cluster, fault: Fault) -> Host:
    """On whose line of the diagram the fault is."""
    if fault.target == LEADER:
        return find_host(cluster, LEADER)
    for name in group(fault.target):
        if name in cluster.simulation.hosts:
            return cluster.simulation.hosts[name]
    for host in cluster.services.values():
        if host.machine == fault.target:
            return host
    return next(iter(cluster.coordinators.values()))
