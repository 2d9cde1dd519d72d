"""One run under way: a simulated cluster that is watched, judged, struck by faults, healed and brought to its end.

`run` takes a trial through its phases by itself; a Hypothesis machine takes it step by step.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable, Iterator
from types import TracebackType

from cutpoint.errors import CutpointError
from cutpoint_coordinator.answers import CutAnswer
from cutpoint_coordinator.client import Declined
from cutpoint_simulations.chronicle import Chronicle, Tracing, Watch
from cutpoint_simulations.cluster import REPLICA, Cluster, settings
from cutpoint_simulations.cluster.application import declare_services
from cutpoint_simulations.faults import Fault, Injection, Plan
from cutpoint_simulations.loop import Host, Simulation
from cutpoint_simulations.oracles import Jury, Progress, Violation, case_of, under_way
from cutpoint_simulations.refusal import NotSimulated
from cutpoint_simulations.runs.attendant import Attendant
from cutpoint_simulations.runs.faultless import Listening, of_unhandled
from cutpoint_simulations.runs.invariants import Invariants
from cutpoint_simulations.runs.outcome import Counts
from cutpoint_simulations.runs.scenario import Scenario, interval, keep, replicated, turn, weather
from cutpoint_simulations.trace import Trace

CUT_SECONDS = 20.0
"""How long the last cut may take, when nothing is wrong any more."""

LOOK_SECONDS = 0.1
"""How soon it is asked for again, where it was declined."""

COLLECTION_SECONDS = 60.0
"""How long the last collection may take."""


class Trial:
    """``scenario`` with ``seed``, in a simulation of its own, which lasts until `close`; used as a context, it closes.

    Nothing goes on once there is a violation. Raises `CutpointError` if the services cannot be declared.
    """

    def __init__(self, seed: int, scenario: Scenario, *, traced: bool = False) -> None:
        self.seed = seed
        self.scenario = scenario
        self._contexts = contextlib.ExitStack()
        self.simulation = self._contexts.enter_context(
            Simulation(
                seed,
                shuffled=scenario.shuffled,
                preempted=scenario.preempted,
                turn_seconds=scenario.turn_seconds or turn(random.Random(f"{seed}/turn")),
            )
        )
        try:
            self.cluster = self._declared()
            self.tracing = self._tracing() if traced else None
            self._watched()
        except BaseException:
            self._contexts.close()
            raise

    def _declared(self) -> Cluster:
        scenario = self.scenario
        self.simulation.network.weather = scenario.weather or weather(random.Random(f"{self.seed}/weather"))
        chance = random.Random(f"{self.seed}/upkeep")
        kept, has_replica = keep(chance), replicated(chance)
        if scenario.replicated is not None:
            has_replica = scenario.replicated
        coordinator = settings(
            interval_seconds=scenario.interval_seconds or interval(random.Random(f"{self.seed}/interval")),
            keep=kept if scenario.keep is None else scenario.keep,
            replica=REPLICA if has_replica else None,
        )
        cluster = Cluster(
            self.simulation, coordinator=coordinator, coordinators=scenario.coordinators, pace=scenario.pace
        )
        declare_services(scenario.declare, cluster, scenario.name)
        return cluster

    def _watched(self) -> None:
        tracing = self.tracing
        self.injection = Injection(self.cluster)
        self.progress = Progress(seconds=self.scenario.progress_seconds)
        self.chronicle = Chronicle()
        hears = [self.chronicle.hear, *([tracing.hear] if tracing else [])]
        self.listening = self._contexts.enter_context(
            Listening(
                lambda: self.simulation.agenda.now, tracing.note if tracing else _nowhere, lambda: self.injection.begun
            )
        )
        self.watch = self._contexts.enter_context(Watch(*hears))
        self.jury = Jury(
            case_of(self.cluster, self.chronicle, self.watch),
            (*self.scenario.oracles(), self.progress, Invariants(self.cluster)),
            on_published=tracing.published if tracing else _ignored,
            on_abandoned=tracing.abandoned if tracing else _ignored,
        )
        self.jury.sits_over(self.cluster)
        self.simulation.heard = self._heard
        self.attendant = Attendant(self.cluster, lambda: not self._all_run())
        self.healed_at = self.recovered_at = 0.0
        self._struck = False
        self._replica_changes = 0

    def _tracing(self) -> Tracing:
        cluster = self.cluster
        return Tracing(
            title=self.scenario.name,
            seed=self.seed,
            clock=lambda: self.simulation.agenda.now,
            processes=(*cluster.coordinators, *cluster.services),
        )

    def close(self) -> None:
        """Let go of the simulation; what was found stays."""
        self._contexts.close()

    def __enter__(self) -> Trial:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.close()

    # --------------------------------------------------------------------------------------------------- the phases

    def begin(self, plan: Plan = ()) -> None:
        """Start every host; the faults of ``plan`` will happen at their times. Raises `ConfigurationError`."""
        self.injection.plan(plan)
        self.cluster.start()
        self.attendant.begin()

    def let_pass(self, seconds: float, done: Callable[[], bool] = lambda: False) -> bool:
        """Let things happen for so long, or until it is ``done``. Returns whether something is wrong."""
        with self._complaining():
            if not self.wrong:
                until = self.simulation.agenda.now + seconds
                self.simulation.run(until=until, stop=lambda: self._watches() or done())
        return self.wrong

    def _watches(self) -> bool:
        """Asked after whatever has happened: whether something is wrong."""
        if (changes := self.cluster.replica_changes) != self._replica_changes:
            self._replica_changes = changes
            self.jury.copied()
        return self.wrong

    def strike(self, fault: Fault) -> None:
        """Let ``fault`` begin now."""
        self.injection.begin(fault)

    def heal(self) -> None:
        """End all faults, and start what is dead; from now on progress is owed."""
        self.injection.heal()
        for host in (*self.cluster.coordinators.values(), *self.cluster.services.values()):
            host.start()
        self.healed_at = self.simulation.agenda.now
        self.jury.healed()

    def finish(self) -> None:
        """Heal, wait for progress, let the services become quiet, take a last cut, and judge the end."""
        if self.wrong:
            return
        self.heal()
        if self.let_pass(self.scenario.progress_seconds, self._recovered):
            return
        self.recovered_at = self.simulation.agenda.now
        quiet = self.cluster.quieten()
        if self._let_settle(quiet=quiet):
            return
        with self._complaining():
            if self._recovered():
                self._last_cut()
                self._last_collection()
            if not self.wrong:
                self.jury.ended(quiet=quiet)

    def _let_settle(self, *, quiet: bool) -> bool:
        """Let what was begun come to its end. What faults have made late may come as late as progress may.

        Somebody who was told to end before the healing may do so only now; bytes that a slow link had may arrive, and
        connections be made, only now. Returns whether something is wrong.
        """
        until = self.healed_at + self.scenario.progress_seconds
        while not self.let_pass(self.scenario.quiet_seconds):
            settled = self._recovered() and self.jury.settled() and not (quiet and under_way(self.jury.case))
            if settled or self.simulation.agenda.now >= until:
                return False
        return True

    @contextlib.contextmanager
    def _complaining(self) -> Iterator[None]:
        """What keeps the simulation from going on is a violation."""
        try:
            yield
        except NotSimulated as refused:
            self._complain("refused", str(refused))
        except (CutpointError, TimeoutError) as error:
            self._complain("progress", f"the simulation did not go on: {error}")

    def _recovered(self) -> bool:
        return self.progress.made and self._all_run()

    def _all_run(self) -> bool:
        if not all(host.alive for host in self.cluster.services.values()):
            return False
        return all(phase == "running" for phase in self.watch.phases().values())

    def _last_cut(self) -> None:
        answer = self._ask_for_cut(until=self.simulation.agenda.now + CUT_SECONDS)
        if answer.state != "published":
            self._complain("progress", f"the last cut, {answer.cut}, is {answer.state}: {answer.reason}")

    def _ask_for_cut(self, *, until: float) -> CutAnswer:
        """All services run. If the registry has not heard so yet, a cut is declined, and asked for again."""
        while True:
            try:
                return self.cluster.ask(lambda client: client.cut(timeout_seconds=CUT_SECONDS), seconds=2 * CUT_SECONDS)
            except Declined:
                if self.simulation.agenda.now >= until:
                    raise
                self.simulation.run(until=self.simulation.agenda.now + LOOK_SECONDS)

    def _last_collection(self) -> None:
        if self.cluster.settings.keep and not self.wrong:
            self.jury.collects()
            self.cluster.ask(lambda client: client.collect(by="the operator"), seconds=COLLECTION_SECONDS)
            self.jury.collected()

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

    @property
    def wrong(self) -> bool:
        """Whether there is a violation."""
        return bool(self.jury.violations or self.listening.violations or self.simulation.unhandled) and bool(
            self.violations
        )

    @property
    def violations(self) -> tuple[Violation, ...]:
        """Everything that was found to be wrong, in the order of virtual time."""
        services = self.cluster.services
        unhandled = (of_unhandled(each, by_service=each.host in services) for each in self.simulation.unhandled)
        found = [*self.jury.violations, *self.listening.violations, *(each for each in unhandled if each is not None)]
        return tuple(sorted(found, key=lambda violation: violation.at))

    def trace(self) -> Trace:
        """What happened so far, if the trial is traced. Raises `CutpointError` if not."""
        if self.tracing is None:
            raise CutpointError("this trial keeps no trace; nothing is lost; make it with traced=True")
        violations = self.violations
        return self.tracing.trace(verdict=str(violations[0]) if violations else "")

    def counts(self) -> Counts:
        """What happened, in numbers."""
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
