"""One recovery as the coordinator sees it: choose a recovery point, fence, prepare everybody, start everybody.

The order is the safety (table RECOVERY): the new incarnation and the target are durable before anybody is stopped;
everybody has loaded and checked its part before anybody's state changes; the registry knows that the recovery is over,
and whose lives count now, before anybody runs on. Each try is a new incarnation, which fences the one before.

A process that the recovery point knows and that is missing is waited for, and named. One that it does not know
begins anew. A recovery point with a damaged part is marked, with the reason, and the nearest undamaged one that it
descends from is tried. If none is left, everybody stays stopped with nothing changed, and an operator decides: the
beginning is never chosen here while there was anything to lose. A program that does not fit a sound part says nothing
against the recovery point: its process is named and waited for, as one that is missing, until another life of it fits.
"""

from __future__ import annotations

import dataclasses

import msgspec

from cutpoint.names import BEGINNING, CutNumber, Incarnation, Life, ProcessName
from cutpoint.protocol.coordinator_effects import RecoveryDone, RecoveryFailed, WatchRecovery
from cutpoint.protocol.desk import Desk
from cutpoint.protocol.ledger import CompletedRecovery, RecoveryPoint
from cutpoint.protocol.membership import Agent
from cutpoint.protocol.messages import Prepare, Start
from cutpoint.protocol.phrases import first_few, last_resort, release_of
from cutpoint.protocol.recovery_records import completed, completion, failure, fence, part_of, participants
from cutpoint.protocol.safeguards import Safeguards
from cutpoint.protocol.transitions import RECOVERY


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """A recovery that is to be: where to, why, who was lost, since when, and whom to answer."""

    target: CutNumber
    reason: str
    lost: tuple[ProcessName, ...] = ()
    since: float
    requests: tuple[str, ...] = ()


class Recovery:
    """One recovery, through as many incarnations as it takes."""

    def __init__(self, desk: Desk, safeguards: Safeguards, call: Call) -> None:
        self._desk = desk
        self._safeguards = safeguards
        self.call = call
        self.target = call.target
        self.incarnation = Incarnation(0)
        self.phase = RECOVERY.start
        self.reason = ""
        self._damaged: tuple[RecoveryPoint, ...] = ()
        self._misfits: dict[ProcessName, tuple[Life, str]] = {}
        self._delays: dict[ProcessName, tuple[Life, str]] = {}
        self._lives: dict[ProcessName, Life] = {}
        self._participants: tuple[ProcessName, ...] = ()
        self._seen: tuple[int, CutNumber] | None = None
        self._completed: CompletedRecovery | None = None
        self._request = ""

    @property
    def ended(self) -> bool:
        """Whether there is nothing left to do."""
        return self.phase in ("done", "failed")

    def advance(self) -> None:
        """Do everything that can be done now."""
        if self.phase == "fencing":
            self._fence()
        if self.phase == "preparing":
            self._prepare()
        if self.phase == "starting":
            self._start()
        if self.phase == "failing":
            self._fail()

    def waits_for(self) -> tuple[str, ...]:
        """Whom the recovery waits for, for people."""
        if self.phase != "preparing":
            return ("the registry",) if not self.ended else ()
        membership = self._desk.membership
        waiting = []
        for name in self.participants():
            agent = membership.get(name)
            if agent is None:
                waiting.append(f"{name} is not connected")
            elif complaint := self.complaint_of(name):
                waiting.append(complaint)
            elif not self._is_ready(agent):
                waiting.append(self.delay_of(name) or f"{name} is loading its part")
        return tuple(waiting)

    def complaint_of(self, name: ProcessName) -> str:
        """Why the program that runs as ``name`` cannot restore its part, which may be sound; empty if it can."""
        agent, (life, reason) = self._desk.membership.get(name), self._misfits.get(name, ("", ""))
        if self.phase != "preparing" or agent is None or agent.join.life != life or self._is_ready(agent):
            return ""
        return f"{name} does not fit {self._title()}: {reason}"

    def delay_of(self, name: ProcessName) -> str:
        """Why the process that is loading its part cannot read it yet; empty if nothing is known to keep it."""
        agent, (life, reason) = self._desk.membership.get(name), self._delays.get(name, ("", ""))
        if self.phase != "preparing" or agent is None or agent.join.life != life or self._is_ready(agent):
            return ""
        return f"{name} is loading its part and tries again: {reason}"

    def participants(self) -> tuple[ProcessName, ...]:
        """Who must be ready, ascending."""
        seen = (self._desk.revision, self.target)
        if seen != self._seen:
            self._participants = participants(self._desk.ledger, self._desk.membership, self.target)
            self._seen = seen
        return self._participants

    # -------------------------------------------------------------------------------------------- what happened

    def became_ready(self, agent: Agent, incarnation: Incarnation) -> bool:
        """A process has stopped and its part lies ready."""
        if self.phase != "preparing" or incarnation != self.incarnation or agent.told != incarnation:
            return False
        agent.ready = incarnation
        return True

    def delayed(self, agent: Agent, incarnation: Incarnation, reason: str) -> bool:
        """A part cannot be read yet. Nothing is decided from that: whoever is told of the wait hears the reason."""
        if self.phase != "preparing" or incarnation != self.incarnation or agent.told != incarnation:
            return False
        self._delays[agent.name] = agent.join.life, reason
        return True

    def unfit(self, agent: Agent, incarnation: Incarnation, reason: str, *, damaged: bool) -> bool:
        """A part cannot be restored: by anybody (``damaged``), or by the program that runs now."""
        if self.phase != "preparing" or incarnation != self.incarnation or agent.told != incarnation:
            return False
        if damaged:
            self._fall_back(agent.name, reason)
        elif self._misfits.get(agent.name) != (agent.join.life, reason):
            self._misfits[agent.name] = agent.join.life, reason
            text = (
                f"{self.complaint_of(agent.name)}; nothing was lost and everybody waits; start the version of "
                f"{agent.name} that fits it, or mend what is named here and ask again with `cutpoint recover`"
            )
            self._desk.notice("process does not fit", text, process=agent.name, cut=self.target)
        return True

    def _fall_back(self, name: ProcessName, reason: str) -> None:
        ledger = self._desk.ledger
        point = ledger.points.get(self.target)
        if point is None or name not in point.members:
            self.reason = f"{name} could not begin anew: {reason}"
            self._step("no point left")
            return
        damaged = msgspec.structs.replace(point, damaged=f"{name}: {reason}")
        self._damaged = (damaged,)
        target = ledger.with_records([damaged]).restorable(point.cut)
        text = f"recovery point {point.cut} could not be restored ({name}: {reason})"
        if target is None:
            self.reason = f"{text}, and no older one is left"
            self._step("no point left")
        else:
            self._desk.notice("recovery point damaged", f"{text}; going back to {target} instead", cut=point.cut)
            self.target = target
            self._step("unfit")

    def overdue(self, incarnation: Incarnation) -> bool:
        """The recovery has been waiting for a while: say for whom."""
        if self.phase != "preparing" or incarnation != self.incarnation:
            return False
        text = "; ".join((f"going back to {self._title()} waits: {first_few(self.waits_for())}", *self._remedies()))
        self._desk.notice("recovery waits", text, incarnation=incarnation)
        self._watch()
        return True

    def redirect(self, call: Call) -> bool:
        """An operator wants another target: try again with the next incarnation. False while that is not possible."""
        if self.phase != "preparing":
            return False
        self._desk.answer(self.call.requests, RecoveryFailed(reason=f"another recovery took its place: {call.reason}"))
        self.call, self.target = dataclasses.replace(call, since=self.call.since, lost=self.call.lost), call.target
        self._step("again")
        return True

    def join(self, request: str) -> None:
        """Somebody else asks for the same; if a program did not fit, everybody is asked again."""
        self.call = dataclasses.replace(self.call, requests=(*self.call.requests, request))
        if any(self.complaint_of(name) for name in self.participants()):
            self._step("again")

    # ------------------------------------------------------------------------------------------------ what is done

    def _step(self, step: str) -> None:
        self.phase = RECOVERY.after(self.phase, step)
        self._request = ""

    def _is_ready(self, agent: Agent) -> bool:
        return agent.ready == self.incarnation

    def _title(self) -> str:
        return f"recovery point {self.target}" if self.target != BEGINNING else "the beginning"

    def _remedies(self) -> tuple[str, ...]:
        """What would end the wait, for people."""
        names = self.participants()
        missing = [name for name in names if self._desk.membership.get(name) is None]
        misfits = [name for name in names if self.complaint_of(name)]
        remedies = []
        if missing:
            remedies.append(f"start what is missing, or {release_of(missing)}")
        if misfits:
            remedies.append(f"start the version of {' and of '.join(misfits)} that fits")
        return tuple(remedies)

    def _fence(self) -> None:
        desk = self._desk
        if not self._request:
            if desk.busy:
                return
            self.incarnation = self._safeguards.next_incarnation(desk.ledger)
            record = fence(desk.ledger, self.incarnation, self.target, self.call.reason, self.call.lost)
            self._request = desk.write(record, *self._damaged)
        if not self._safeguards.may_prepare(desk.ledger, self.incarnation):
            return
        self._damaged, self._misfits, self._delays = (), {}, {}
        self._step("fenced")
        desk.membership.suspend()
        text = f"going back to {self._title()} as incarnation {self.incarnation}: {self.call.reason}"
        desk.notice("recovery started", text, incarnation=self.incarnation, cut=self.target)
        self._watch()

    def _watch(self) -> None:
        seconds = self._desk.policy.missing_notice_seconds
        self._desk.do(WatchRecovery(incarnation=self.incarnation, seconds=seconds))

    def _prepare(self) -> None:
        """Tell every participant that is there and was not told yet; go on when all are ready."""
        desk, names = self._desk, self.participants()
        agents = [agent for name in names if (agent := desk.membership.get(name)) is not None]
        for agent in agents:
            if agent.told != self.incarnation:
                agent.told = self.incarnation
                desk.say(agent, self._prepare_message(agent.name))
        if len(agents) == len(names) and all(self._is_ready(agent) for agent in agents):
            self._lives = {agent.name: agent.join.life for agent in agents}
            self._step("all ready")

    def _prepare_message(self, name: ProcessName) -> Prepare:
        computation = self._desk.ledger.computation
        return Prepare(
            computation=computation.name,
            incarnation=self.incarnation,
            cut=self.target,
            last_cut=computation.last_cut,
            object=part_of(self._desk.ledger, self.target, name),
            store=self._desk.store,
        )

    def _start(self) -> None:
        desk = self._desk
        if not self._request:
            if desk.busy:
                return
            self._completed = completed(
                desk.ledger,
                self.target,
                self._lives,
                reason=self.call.reason,
                lost=self.call.lost,
                seconds=desk.now - self.call.since,
            )
            self._request = desk.write(*completion(desk.ledger, self._completed, self._lives))
        if not self._safeguards.may_start(desk.ledger, self.incarnation):
            return
        self._step("recorded")
        for agent in desk.membership.connected():
            member = desk.ledger.members.members.get(agent.name)
            belongs = member is not None and member.belongs and member.life == agent.join.life
            if belongs and self._is_ready(agent):
                desk.membership.start(agent, self.incarnation)
                desk.say(agent, Start(incarnation=self.incarnation))
        self._report()

    def _report(self) -> None:
        desk, recovery = self._desk, self._completed
        assert recovery is not None, "over without a record of it"
        desk.answer(self.call.requests, RecoveryDone(recovery=recovery))
        text = f"everybody runs on from {self._title()} as incarnation {self.incarnation}"
        seconds = round(recovery.seconds, 6)
        desk.notice("recovery done", text, incarnation=self.incarnation, cut=self.target, seconds=seconds)

    def _fail(self) -> None:
        desk = self._desk
        if not self._request:
            if not desk.busy:
                self._request = desk.write(*failure(desk.ledger), *self._damaged)
            return
        if desk.is_under_way(self._request):
            return
        self._step("recorded")
        remedy = last_resort(self.call.target if self._damaged else BEGINNING)
        self.reason += f"; no process was changed and all have stopped; {remedy}"
        desk.answer(self.call.requests, RecoveryFailed(reason=self.reason))
        desk.notice("recovery failed", self.reason, incarnation=self.incarnation)
