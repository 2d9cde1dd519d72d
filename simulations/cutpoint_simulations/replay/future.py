"""One future of a recovery point: what a seed makes of it, until the services are at rest or the time is over.

At rest: no application message was sent or taken for a while, no timer of an agent is still to fire, and whatever was
declared with `Cluster.finally_` holds; while it does not, the wait goes on, each time for twice as long. A last cut is
taken then, and its parts are the end of the future. Everything is judged on the way by the oracles of every run and by
the services' own invariants; nothing is done to the services.
"""

from __future__ import annotations

import contextlib
import dataclasses
import random
from collections.abc import Iterator
from typing import Any

import msgspec

from cutpoint.errors import CutpointError
from cutpoint.names import CutNumber
from cutpoint.protocol.ledger import RecoveryPoint
from cutpoint.state.built_in import TIMERS_STATE
from cutpoint_coordinator.publishing import point_of
from cutpoint_simulations.chronicle import Chronicle, Tracing, Watch
from cutpoint_simulations.chronicle.observations import Observation, Sent, Taken
from cutpoint_simulations.cluster import Check, Cluster, Declare, Recorded
from cutpoint_simulations.cluster.application import declare_services
from cutpoint_simulations.loop import Host, Simulation
from cutpoint_simulations.oracles import Jury, Published, Violation, case_of, read_point, recorded
from cutpoint_simulations.refusal import NotSimulated
from cutpoint_simulations.replay.final_states import digest_of_states, final_states
from cutpoint_simulations.replay.messages import Messages
from cutpoint_simulations.replay.point import RecordedPoint
from cutpoint_simulations.replay.stage import coordinator_settings, furnish, newcomers, restore
from cutpoint_simulations.runs.faultless import Listening
from cutpoint_simulations.runs.invariants import Invariants
from cutpoint_simulations.runs.scenario import oracles, weather
from cutpoint_simulations.trace import Trace

REST_SECONDS = 5.0
"""Virtual seconds without a message after which the services may be at rest."""

UNTIL_SECONDS = 300.0
"""When a future is over although the services are not at rest, unless another time is given."""

CUT_SECONDS = 20.0
"""How long the last cut may take."""


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What a replay is asked. ``app``: what the factory is called, for people. All times are virtual seconds.

    ``until``: how long after the restore the future ends at the latest. ``rest``: how long it has to be quiet.
    ``interval``: between two cuts on the way; None: there is only the last one. ``ignored``: see `final_states`.
    """

    app: str
    until: float = UNTIL_SECONDS
    rest: float = REST_SECONDS
    interval: float | None = None
    ignored: tuple[str, ...] = ()


class Future(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one seed. ``seconds``: how long after the restore the last message passed, or the end if busy.

    ``trace`` is a hash of every turn and every byte, ``end`` one of the final states. ``complaint`` is empty if all is
    well. ``newcomers`` are processes that the recovery point does not know; they began anew.
    """

    seed: int
    trace: str
    end: str
    at_rest: bool
    complaint: str
    seconds: float
    messages: int
    cuts: int
    newcomers: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Seen:
    """A future looked at closely: with its final states, everything that was said, and the trace to draw."""

    future: Future
    states: dict[str, dict[str, Any]]
    messages: Messages
    drawn: Trace


def see(point: RecordedPoint, declare: Declare, question: Question, seed: int) -> Future:
    """Replay with ``seed``. Raises `CutpointError` if the recovery point cannot be restored into the services."""
    return _Replay(point, declare, question, seed, closely=False).run()


def see_closely(point: RecordedPoint, declare: Declare, question: Question, seed: int) -> Seen:
    """As `see`, and the same run to the byte, with everything kept that two futures are compared by."""
    replay = _Replay(point, declare, question, seed, closely=True)
    future = replay.run()
    return Seen(
        future=future,
        states=replay.states,
        messages=replay.messages,
        drawn=replay.tracing.trace(verdict=future.complaint),
    )


class _Replay:
    """One replay under way."""

    def __init__(self, point: RecordedPoint, declare: Declare, question: Question, seed: int, *, closely: bool) -> None:
        self.point = point
        self.question = question
        self.seed = seed
        self.declare = declare
        self.closely = closely
        self.simulation = Simulation(seed, epoch=point.moment)
        self.messages = Messages()
        self.states: dict[str, dict[str, Any]] = {}
        self.last_at = 0.0
        self.passed = 0
        self.cuts = 0
        self.began_at = self.stopped_at = 0.0
        self.newcomers: tuple[str, ...] = ()
        self.complaints: list[str] = []

    def run(self) -> Future:
        """From the recovery point to the end."""
        with contextlib.ExitStack() as contexts:
            simulation = contexts.enter_context(self.simulation)
            self._set_up(contexts)
            restore(self.cluster, self.point, self.watch, self.question.app)
            self.began_at = self.last_at = simulation.agenda.now
            self._judge_the_beginning()
            at_rest = self._go_on()
            return Future(
                seed=self.seed,
                trace=simulation.digest,
                end=digest_of_states(self.states) if self.states else "",
                at_rest=at_rest,
                complaint=" ".join(self._complaint().split()),
                seconds=round((self.last_at if at_rest else self.stopped_at) - self.began_at, 6),
                messages=self.passed,
                cuts=self.cuts,
                newcomers=self.newcomers,
            )

    def _set_up(self, contexts: contextlib.ExitStack) -> None:
        simulation, point = self.simulation, self.point
        simulation.network.weather = weather(random.Random(f"{self.seed}/weather"))
        coordinator = coordinator_settings(point, self.question.interval)
        cluster = self.cluster = Cluster(simulation, coordinator=coordinator)
        declare_services(self.declare, cluster, self.question.app)
        self.tracing = Tracing(
            title=f"A future of {point.title}",
            seed=self.seed,
            clock=lambda: simulation.agenda.now,
            processes=(*cluster.coordinators, *cluster.services),
        )
        chronicle = Chronicle(given=(point.cut,))
        hears = [chronicle.hear, self._hear]
        if self.closely:
            hears += [self.messages.hear, self.tracing.hear]
        self.listening = contexts.enter_context(Listening(lambda: simulation.agenda.now, self._note))
        self.watch = contexts.enter_context(Watch(*hears))
        self.invariants = Invariants(cluster)
        self.jury = Jury(
            case_of(cluster, chronicle, self.watch),
            (*oracles(), self.invariants),
            on_published=self._published,
            on_abandoned=self.tracing.abandoned,
        )
        furnish(cluster, point)
        self.jury.sits_over(cluster)
        simulation.heard = self._heard

    def _judge_the_beginning(self) -> None:
        """The services' own invariants have to hold in the recovery point itself."""
        parts = {str(part.process): part for part in self.point.parts}
        given = Published(point=point_of(self.point.manifest), manifest=self.point.manifest, parts=parts)
        self.jury.violations.extend(self.invariants.published(given, self.jury.case))

    # ------------------------------------------------------------------------------------------------ what is heard

    def _hear(self, observation: Observation) -> None:
        if isinstance(observation, Sent | Taken):
            self.last_at = observation.at
            self.passed += type(observation) is Taken

    def _heard(self, kind: str, host: Host, text: str) -> None:
        self.tracing.host(kind, host, text)
        if kind == "end" and host.name in {**self.cluster.coordinators, **self.cluster.services}:
            self.complaints.append(f"{host.name} {text} at {self.simulation.agenda.now:.3f} s, by itself")

    def _note(self, host: str, text: str) -> None:
        if self.closely and host in {**self.cluster.coordinators, **self.cluster.services}:
            self.tracing.note(host, text)

    def _published(self, published: RecoveryPoint) -> None:
        self.cuts += 1
        self.tracing.published(published)

    @property
    def _wrong(self) -> bool:
        return bool(self.complaints or self.jury.violations or self.listening.violations or self.simulation.unhandled)

    def _complaint(self) -> str:
        """What was noticed first; what a program failed with comes before that it ended."""
        for unhandled in self.simulation.unhandled:
            error = unhandled.error
            told = unhandled.message if error is None else f"{unhandled.message}: {type(error).__name__}: {error}"
            return f"{unhandled.host}: {told}, at {unhandled.at:.3f} s"
        violations = [*self.jury.violations, *self.listening.violations]
        return next(iter([*map(str, sorted(violations, key=_at)), *self.complaints]), "")

    # ------------------------------------------------------------------------------------------------------- the end

    def _go_on(self) -> bool:
        """Run on to the end. Returns whether the services came to rest by themselves."""
        with self._complaining():
            rest, end = self.question.rest, self.began_at + self.question.until
            while not self._wrong:
                at_rest = self._run_until(end, rest)
                self.stopped_at = self.simulation.agenda.now
                quiet = at_rest or (self.cluster.quieten() and self._run_until(self._after(2 * rest), rest))
                found = self._last_cut()
                if found is None:
                    return False
                if not at_rest or not self._expects_more(found) or self.simulation.agenda.now >= end:
                    if quiet:
                        self.jury.ended(quiet=True)
                    return at_rest
                rest *= 2
        return False

    def _after(self, seconds: float) -> float:
        return self.simulation.agenda.now + seconds

    def _run_until(self, end: float, rest: float) -> bool:
        """Let things happen until no message has passed for ``rest`` seconds. Returns whether all is quiet."""
        agenda = self.simulation.agenda
        self.simulation.run(until=end, stop=lambda: self._wrong or agenda.now - self.last_at >= rest)
        return agenda.now - self.last_at >= self.question.rest

    def _last_cut(self) -> Recorded | None:
        """Take a cut and read it; None if something is wrong."""
        if self._wrong:
            return None
        answer = self.cluster.ask(lambda client: client.cut(timeout_seconds=CUT_SECONDS), seconds=2 * CUT_SECONDS)
        if answer.state != "published":
            self.complaints.append(f"the last cut, {answer.cut}, is {answer.state}: {answer.reason}")
            return None
        point = self.cluster.registry.ledger().points[CutNumber(answer.cut)]
        found = recorded(self.cluster.inspect(lambda backend: read_point(backend, point)))
        self.states = final_states(found, self.question.ignored)
        self.newcomers = newcomers(self.cluster, self.point)
        return found

    def _expects_more(self, found: Recorded) -> bool:
        """Whether something is still to happen though nobody says anything."""
        now = self.simulation.epoch + self.simulation.agenda.now
        timers = [timer for states in found.states.values() for timer in states.get(TIMERS_STATE) or ()]
        if any(due > now for _, _, due in timers):
            return True
        return any(_complains(check, found) for check in self.cluster.finals.values())

    @contextlib.contextmanager
    def _complaining(self) -> Iterator[None]:
        try:
            yield
        except NotSimulated:
            raise
        except (CutpointError, TimeoutError) as error:
            self.complaints.append(f"it did not go on: {error}")


def _complains(check: Check, found: Recorded) -> bool:
    """Whether a check is not content yet; what it says, or fails with, is heard at the end."""
    try:
        return bool(check(found))
    except Exception:  # the user's code
        return True


def _at(violation: Violation) -> float:
    return violation.at
