"""One seeded run: faults while everything is judged, then healing, progress, quiet, and the last judgement.

The seed decides everything: the faults, the weather, the order of what is ready, the latencies and what a loss of power
leaves. A run ends at its first violation.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from cutpoint.errors import CutpointError
from cutpoint_simulations.chronicle import Chronicle, Tracing, Watch
from cutpoint_simulations.cluster import Cluster, settings
from cutpoint_simulations.faults import Injection, Places, Plan, draw
from cutpoint_simulations.loop import Host, Simulation
from cutpoint_simulations.oracles import Jury, Progress, Violation, case_of
from cutpoint_simulations.refusal import NotSimulated
from cutpoint_simulations.runs.faultless import Listening, of_unhandled
from cutpoint_simulations.runs.invariants import Invariants
from cutpoint_simulations.runs.outcome import Counts, Outcome
from cutpoint_simulations.runs.scenario import Scenario, weather

CUT_SECONDS = 20.0
"""How long the last cut may take, when nothing is wrong any more."""


def run(seed: int, scenario: Scenario, *, plan: Plan | None = None, traced: bool = False) -> Outcome:
    """Run ``scenario`` with ``seed``, and with the faults of ``plan``; None: those that the seed draws.

    Raises `CutpointError` if the services cannot be declared.
    """
    with Simulation(seed) as simulation:
        simulation.network.weather = weather(random.Random(f"{seed}/weather"))
        coordinator = settings(interval_seconds=scenario.interval_seconds)
        cluster = Cluster(simulation, coordinator=coordinator, coordinators=scenario.coordinators, pace=scenario.pace)
        scenario.declare(cluster)
        if plan is None:
            plan = draw_plan(seed, scenario, cluster)
        return _Run(seed, scenario, plan, cluster, traced=traced).outcome()


def draw_plan(seed: int, scenario: Scenario, cluster: Cluster) -> Plan:
    """The faults that a seed draws."""
    return draw(random.Random(f"{seed}/faults"), Places.of(cluster), scenario.seconds, kinds=scenario.kinds)


class _Run:
    """One run under way."""

    def __init__(self, seed: int, scenario: Scenario, plan: Plan, cluster: Cluster, *, traced: bool) -> None:
        self.seed = seed
        self.scenario = scenario
        self.plan = plan
        self.cluster = cluster
        self.simulation = cluster.simulation
        self.injection = Injection(cluster)
        self.progress = Progress(seconds=scenario.progress_seconds)
        self.chronicle = Chronicle()
        self.tracing = self._tracing() if traced else None
        hears = [self.chronicle.hear, *([self.tracing.hear] if self.tracing else [])]
        self.watch = Watch(*hears)
        tracing = self.tracing
        self.listening = Listening(lambda: self.simulation.agenda.now, tracing.note if tracing else _nowhere)
        self.jury = Jury(
            case_of(cluster, self.chronicle, self.watch),
            (*scenario.oracles(), Invariants(cluster), self.progress),
            on_published=tracing.published if tracing else _ignored,
            on_abandoned=tracing.abandoned if tracing else _ignored,
        )
        self.jury.sits_over(cluster)
        self.simulation.heard = self._heard
        self.healed_at = self.recovered_at = 0.0
        self._struck = False

    def _tracing(self) -> Tracing:
        cluster = self.cluster
        return Tracing(
            title=self.scenario.name,
            seed=self.seed,
            clock=lambda: self.simulation.agenda.now,
            processes=(*cluster.coordinators, *cluster.services),
        )

    def outcome(self) -> Outcome:
        """Run it."""
        with self.listening, self.watch:
            try:
                self._go()
            except NotSimulated as refused:
                self._complain("refused", str(refused))
            except (CutpointError, TimeoutError) as error:
                self._complain("progress", f"the simulation did not go on: {error}")
        violations = self._violations()
        verdict = str(violations[0]) if violations else ""
        return Outcome(
            scenario=self.scenario.name,
            seed=self.seed,
            plan=self.plan,
            digest=self.simulation.digest,
            violations=violations,
            statistics=self.simulation.statistics(),
            counts=self._counts(),
            trace=self.tracing.trace(verdict=verdict) if self.tracing else None,
        )

    # -------------------------------------------------------------------------------------------------- the phases

    def _go(self) -> None:
        self.injection.plan(self.plan)
        self.cluster.start()
        if self._until(self.scenario.seconds):
            return
        self._heal()
        if self._until(self.healed_at + self.scenario.progress_seconds, self._recovered):
            return
        self.recovered_at = self.simulation.agenda.now
        quiet = self.cluster.quieten()
        if self._until(self.recovered_at + self.scenario.quiet_seconds):
            return
        if self._recovered():
            self._last_cut()
        if not self._wrong():
            self.jury.ended(quiet=quiet)

    def _until(self, seconds: float, done: Callable[[], bool] = lambda: False) -> bool:
        """Let things happen until so many seconds, or until it is ``done``. Returns whether something is wrong."""
        self.simulation.run(until=seconds, stop=lambda: self._wrong() or done())
        return self._wrong()

    def _heal(self) -> None:
        self.injection.heal()
        for host in (*self.cluster.coordinators.values(), *self.cluster.services.values()):
            host.start()
        self.healed_at = self.simulation.agenda.now
        self.jury.healed()

    def _recovered(self) -> bool:
        services = self.cluster.services.values()
        if not self.progress.made or not all(host.alive for host in services):
            return False
        return all(phase == "running" for phase in self.watch.phases().values())

    def _last_cut(self) -> None:
        answer = self.cluster.ask(lambda client: client.cut(timeout_seconds=CUT_SECONDS), seconds=2 * CUT_SECONDS)
        if answer.state != "published":
            self._complain("progress", f"the last cut, {answer.cut}, is {answer.state}: {answer.reason}")

    # ------------------------------------------------------------------------------------------------ what is noticed

    def _heard(self, kind: str, host: Host, text: str) -> None:
        if kind == "end" and "power" in text and not self._struck:
            self._struck = True
            self.simulation.agenda.after(0.0, self._strike)  # once the disk has suffered too
        if self.tracing is None:
            return
        if kind == "fault":
            self.tracing.fault(host.name, text)
        else:
            self.tracing.host(kind, host, text)

    def _strike(self) -> None:
        self._struck = False
        self.jury.struck()

    def _complain(self, oracle: str, complaint: str) -> None:
        self.jury.violations.append(Violation(oracle=oracle, complaint=complaint, at=self.simulation.agenda.now))

    def _wrong(self) -> bool:
        return bool(self.jury.violations or self.listening.violations or self.simulation.unhandled) and bool(
            self._violations()
        )

    def _violations(self) -> tuple[Violation, ...]:
        unhandled = (of_unhandled(each) for each in self.simulation.unhandled)
        found = [*self.jury.violations, *self.listening.violations, *(each for each in unhandled if each is not None)]
        return tuple(sorted(found, key=lambda violation: violation.at))

    def _counts(self) -> Counts:
        points, ledger = self.jury.points.values(), self.cluster.registry.ledger()
        return Counts(
            published=len(self.jury.points),
            abandoned=len(self.jury.abandoned),
            recoveries=len(ledger.recoveries),
            in_flight=sum(point.in_flight for point in points),
            faults=dict(sorted(self.injection.begun.items())),
            recovered_after_seconds=round(max(0.0, self.recovered_at - self.healed_at), 3),
        )


def _nowhere(host: str, text: str) -> None:
    """Nobody wants to read it."""


def _ignored(end: object) -> None:
    """Nobody wants to know of it."""
