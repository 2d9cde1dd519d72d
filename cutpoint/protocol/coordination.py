"""The coordinator's side as one core: let processes in, open cuts, gather, publish or abandon, drive recoveries.

One thing at a time: a cut, a recovery, or a change of the membership. What comes meanwhile waits, and when nothing is
under way the core looks at what is there, in this order: what another coordinator left unfinished, a recovery that was
asked for, a recovery that somebody's loss calls for, a change of the membership, a cut, recovery points that nobody
keeps any longer. No decision depends on the order in which things were asked for, only on what is true now, so that a
new leader decides the same.

Facts become visible in the ledger when the registry has said yes (`cutpoint.protocol.desk`); the rules that safety
hangs on are in `cutpoint.protocol.safeguards`. ``step`` is total: what is late, foreign or unknown is counted.

A driver owes this class: one event at a time; effects started in the given order, none waited for; an end to it as
soon as the registry says that another coordinator leads.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cutpoint.names import CutNumber, Incarnation, ProcessName
from cutpoint.protocol import coordinator_events as was
from cutpoint.protocol.admission import Admission
from cutpoint.protocol.adoption import Adoption
from cutpoint.protocol.coordinator_effects import Effect, Refusal, RetryCut
from cutpoint.protocol.coordinator_events import Event
from cutpoint.protocol.cut import Cut
from cutpoint.protocol.cut_story import Cause
from cutpoint.protocol.cut_wishes import CutWishes
from cutpoint.protocol.desk import Desk, Policy
from cutpoint.protocol.forgetting import Forgetting
from cutpoint.protocol.invariants import check
from cutpoint.protocol.ledger import Ledger
from cutpoint.protocol.membership import Agent
from cutpoint.protocol.messages import (
    CutRefused,
    Delayed,
    HeldUp,
    Leave,
    PartCaptured,
    PartStored,
    Ready,
    ToCoordinator,
    Traffic,
    Unfit,
)
from cutpoint.protocol.overview import Overview, hindrance, overview
from cutpoint.protocol.phrases import asked_for, first_few
from cutpoint.protocol.recovery import Call, Recovery
from cutpoint.protocol.recovery_call import Calls, requested
from cutpoint.protocol.recovery_records import participants
from cutpoint.protocol.releases import Releases
from cutpoint.protocol.safeguards import Safeguards

__all__ = ["Coordination", "Policy"]


class Coordination:
    """The core. ``leader``: a word that no other coordinator uses; ``store``: the URL that agents write parts to."""

    def __init__(
        self, *, leader: str, store: str, policy: Policy | None = None, safeguards: Safeguards | None = None
    ) -> None:
        self._desk = Desk(leader=leader, store=store, policy=policy or Policy())
        self._safeguards = safeguards or Safeguards()
        self._admission = Admission(self._desk)
        self._releases = Releases(self._desk)
        self._forgetting = Forgetting(self._desk, self._safeguards)
        self._adoption = Adoption(self._desk, ())
        self._loaded = False
        self._cut: Cut | None = None
        self._recovery: Recovery | None = None
        self._recovery_requests: list[was.RecoveryRequested] = []
        self._wishes = CutWishes(self._desk)
        self._resting = False
        self._calls = Calls(self._desk)
        self._ignored = 0
        self._handlers: dict[type[Event], Callable[[Any], bool]] = {
            was.LedgerLoaded: self._on_ledger_loaded,
            was.LedgerWritten: lambda e: self._desk.written(e.request),
            was.AgentConnected: self._on_agent_connected,
            was.AgentLost: self._on_agent_lost,
            was.AgentSaid: self._on_agent_said,
            was.AgentsSaid: self._on_agents_said,
            was.CutRequested: self._on_cut_requested,
            was.RecoveryRequested: self._on_recovery_requested,
            was.ReleaseRequested: self._on_release_requested,
            was.ForgetRequested: self._on_forget_requested,
            was.IntervalElapsed: self._on_interval_elapsed,
            was.PolicyChanged: self._on_policy_changed,
            was.CutRetryDue: self._on_cut_retry_due,
            was.DeadlinePassed: lambda e: self._cut is not None and self._cut.deadline_passed(e.cut),
            was.RecoveryOverdue: lambda e: self._recovery is not None and self._recovery.overdue(e.incarnation),
            was.PartsChecked: lambda e: (
                self._cut is not None and self._cut.parts_checked(e.cut, e.complaints, e.in_flight_bytes)
            ),
            was.ManifestWritten: lambda e: self._cut is not None and self._cut.manifest_written(e),
            was.ManifestFailed: lambda e: self._cut is not None and self._cut.manifest_failed(e.cut, e.reason),
            was.ManifestFound: lambda e: self._cut is not None and self._cut.manifest_found(e.cut, e.point),
        }

    def step(self, event: Event) -> tuple[Effect, ...]:
        """Take one event; return what is to be done about it, in order."""
        self._desk.now = max(self._desk.now, event.now)
        handler = self._handlers.get(type(event))
        if handler is None or not handler(event):
            self._ignored += 1
        while self._loaded and self._work():
            pass
        if self._loaded:
            self._wishes.set_timer(blocked=self._under_way)
        return self._desk.take_effects()

    @property
    def occupied(self) -> bool:
        """Whether a cut or a recovery is under way or about to be: no time for what can wait."""
        return self._wishes.any or bool(self._recovery_requests) or self._under_way

    @property
    def _under_way(self) -> bool:
        """Whether a cut or a recovery is."""
        return self._cut is not None or self._recovery is not None

    @property
    def ledger(self) -> Ledger:
        """What the registry is known to hold."""
        return self._desk.ledger

    def statistics(self) -> Overview:
        """Where everything stands now."""
        return overview(self._desk, self._cut, self._recovery, hold=self._calls.hold, ignored=self._ignored)

    def needed(self) -> dict[CutNumber, str]:
        """The cuts whose recovery points cannot be forgotten now, each with the reason."""
        return self._forgetting.needed()

    def participants(self, target: CutNumber) -> tuple[ProcessName, ...]:
        """Who would take part in a recovery to ``target`` now, ascending."""
        return participants(self._desk.ledger, self._desk.membership, target)

    def check(self) -> None:
        """Assert the invariants."""
        check(self._desk, self._cut, self._recovery)

    # ---------------------------------------------------------------------------------------------- what happened

    def _on_ledger_loaded(self, event: was.LedgerLoaded) -> bool:
        if self._loaded:
            return False
        self._loaded, self._desk.ledger = True, event.ledger.counting_from(event.last_stored)
        self._adoption = Adoption(self._desk, event.stored)
        self._wishes.cadence.begun(self._desk.now)
        return True

    def _on_agent_connected(self, event: was.AgentConnected) -> bool:
        self._admission.connected(event.connection, event.join)
        if self._loaded:
            self._admission.turn_away_ahead(event.connection)
        return True

    def _on_agent_lost(self, event: was.AgentLost) -> bool:
        agent = self._desk.membership.lose(event.connection, self._desk.now)
        if agent is None:
            return False
        member = self.ledger.members.members.get(agent.name)
        if member is not None and member.belongs:
            self._desk.notice("process lost", f"the connection of {agent.name} is gone", process=agent.name)
        self._wishes.cadence.lost(agent.name)
        if self._cut is not None:
            self._cut.lost(agent.name)
        return True

    def _on_agent_said(self, event: was.AgentSaid) -> bool:
        agent = self._desk.membership.of(event.connection)
        if agent is None:
            return False
        agent.last_word = self._desk.now
        return self._hear(agent, event.message)

    def _on_agents_said(self, event: was.AgentsSaid) -> bool:
        heard = [self._on_agent_said(said) for said in event.said]
        self._ignored += heard.count(False)
        return True

    def _hear(self, agent: Agent, message: ToCoordinator) -> bool:
        cut, recovery = self._cut, self._recovery
        match message:
            case Ready():
                fits = recovery is not None and recovery.became_ready(agent, message.incarnation)
                return fits or self._stopped_for(agent, message.incarnation, ready=True)
            case Unfit():
                fits = recovery is not None and recovery.unfit(
                    agent, message.incarnation, message.reason, damaged=message.damaged
                )
                return fits or self._stopped_for(agent, message.incarnation, ready=False)
            case Delayed():
                return recovery is not None and recovery.delayed(agent, message.incarnation, message.reason)
            case Leave() if agent.admitted:
                self._desk.membership.says_goodbye(agent.name)
                return True
            case PartCaptured() if cut is not None and agent.admitted:
                return cut.part_captured(agent, message.cut)
            case PartStored() if cut is not None and agent.admitted:
                return cut.part_stored(agent, message.summary)
            case HeldUp() if cut is not None and agent.admitted:
                return cut.held_up(agent, message)
            case CutRefused() if cut is not None and agent.admitted:
                return cut.refused(agent, message.cut, message.reason, unstored=message.unstored)
            case Traffic() if agent.admitted:
                self._wishes.cadence.reported(self._desk.now, agent.name, message)
                return True
            case _:
                return False

    def _stopped_for(self, agent: Agent, incarnation: Incarnation, *, ready: bool) -> bool:
        """An answer to no question of this recovery: the process may have stopped for one that went on without it."""
        if incarnation == agent.started or (self._recovery is not None and agent.told >= incarnation):
            return False
        self._desk.membership.stopped_for(agent, incarnation, ready=ready)
        return True

    def _on_cut_requested(self, event: was.CutRequested) -> bool:
        if self._recovery is not None:
            self._desk.answer((event.request,), Refusal(reason=self._under_recovery()))
        else:
            self._wishes.ask(event)
        return True

    def _on_recovery_requested(self, event: was.RecoveryRequested) -> bool:
        if len(self._recovery_requests) >= self._desk.policy.requests_max:
            self._desk.answer((event.request,), Refusal(reason="too many recoveries are asked for; ask again later"))
        elif self._recovery is not None and event.target in (None, self._recovery.target):
            self._recovery.join(event.request)
        else:
            self._recovery_requests.append(event)
        return True

    def _on_release_requested(self, event: was.ReleaseRequested) -> bool:
        self._releases.ask(event)
        return True

    def _on_forget_requested(self, event: was.ForgetRequested) -> bool:
        self._forgetting.ask(event)
        if self._recovery is not None:
            self._forgetting.refuse_all()
        return True

    def _on_interval_elapsed(self, _: was.IntervalElapsed) -> bool:
        return self._loaded and self._wishes.elapsed(blocked=self._under_way)

    def _on_policy_changed(self, event: was.PolicyChanged) -> bool:
        asked = self._desk.policy.rhythm.report_seconds
        self._desk.policy = event.policy
        self._wishes.cadence.follow(event.policy.rhythm, self._desk.now)
        if event.policy.rhythm.report_seconds != asked:
            self._ask_for_reports()
        return True

    def _ask_for_reports(self) -> None:
        """Tell everybody who runs how often to report traffic: to be admitted again changes nothing else."""
        self._desk.say_to_admitted(self.ledger.belonging(), self._desk.admission())

    def _on_cut_retry_due(self, _: was.CutRetryDue) -> bool:
        if not self._resting:
            return False
        self._resting, self._wishes.due = False, not self._under_way
        return True

    # ------------------------------------------------------------------------------------------- what is done next

    def _work(self) -> bool:
        """Do the next thing; False when there is nothing to do until something happens."""
        if not self.ledger.computation.request:
            return self._set_up()
        if self._forgetting.report():
            return True
        between = self._cut is None and (self._recovery is None or self._recovery.phase == "preparing")
        if between and self._releases.advance():
            return True
        if self._recovery is not None:
            return self._go_on_recovering(self._recovery)
        for agent in self._admission.settle():
            if self._cut is not None:
                self._cut.returned(agent)
        if self._cut is not None:
            return self._go_on_with_cut(self._cut)
        return not self._desk.busy and self._decide()

    def _set_up(self) -> bool:
        """The registry is new: nothing is decided before it knows where the computation stands."""
        if self._desk.busy:
            return False
        self._adoption.advance()
        return True

    def _go_on_with_cut(self, cut: Cut) -> bool:
        if cut.stoppable and (interruption := self._interruption()) is not None:
            cut.abandon(*interruption)
        before = cut.phase
        cut.advance()
        if cut.ended:
            self._cut = None
            self._wishes.ended(cut.number, published=cut.phase == "published")
            self._rest_if(cut.phase == "abandoned")
        return cut.phase != before

    def _interruption(self) -> tuple[str, Cause] | None:
        """Why the open cut cannot go on: somebody is released, or a recovery has to begin now."""
        if self._cut is not None and (released := self._releases.interruption(self._cut.members)):
            return released, "release"
        for event in list(self._recovery_requests):
            target = requested(self._desk, event.target)
            if not isinstance(target, str):
                return "a recovery was asked for", "recovery"
            self._recovery_requests.remove(event)
            self._desk.answer((event.request,), Refusal(reason=target))
        return None if (call := self._calls.look()) is None else (call.reason, "process_lost")

    def _go_on_recovering(self, recovery: Recovery) -> bool:
        if self._recovery_requests and recovery.phase == "preparing":
            self._redirect(recovery)
        before = recovery.phase
        recovery.advance()
        if recovery.ended:
            self._recovery = None
            self._desk.membership.forget_goodbyes()
            self._calls.ended(failed=recovery.phase == "failed")
            if recovery.phase != "failed" and self._desk.policy.rhythm.report_seconds:
                self._ask_for_reports()
            for agent in self._desk.membership.connected():
                if agent.admitted:
                    self._desk.membership.lost_at.pop(agent.name, None)
        return recovery.phase != before

    def _redirect(self, recovery: Recovery) -> None:
        event = self._recovery_requests.pop(0)
        target = requested(self._desk, event.target)
        if isinstance(target, str):
            self._desk.answer((event.request,), Refusal(reason=target))
        else:
            recovery.redirect(self._call(event, target))

    def _decide(self) -> bool:
        """Nothing is under way: begin what is to be done first."""
        computation = self.ledger.computation
        if computation.open_cut:
            self._cut = Cut(self._desk, self._safeguards, number=computation.open_cut, requests=(), found=True)
            return True
        if (call := self._unfinished_recovery() or self._requested_recovery() or self._calls.look()) is not None:
            self._wishes.refuse("a recovery is about to begin; ask again when it is over")
            self._forgetting.refuse_all()
            self._recovery = Recovery(self._desk, self._safeguards, call)
            return True
        wanted = self._wishes.any
        members = self._admission.change(cut_wanted=wanted)
        if members is not None:
            self._desk.write(members)
            return True
        somebody_waits = self._admission.somebody_awaits_cut() and not self._resting
        return ((wanted or somebody_waits) and self._open_cut()) or self._forgetting.begin()

    def _unfinished_recovery(self) -> Call | None:
        unfinished = self.ledger.computation.recovering
        if unfinished is None:
            return None
        return Call(target=unfinished.target, reason=unfinished.reason, lost=unfinished.lost, since=self._desk.now)

    def _requested_recovery(self) -> Call | None:
        while self._recovery_requests:
            event = self._recovery_requests.pop(0)
            target = requested(self._desk, event.target)
            if not isinstance(target, str):
                return self._call(event, target)
            self._desk.answer((event.request,), Refusal(reason=target))
        return None

    def _call(self, event: was.RecoveryRequested, target: Any) -> Call:
        return Call(target=target, reason=asked_for(target), since=self._desk.now, requests=(event.request,))

    def _open_cut(self) -> bool:
        if reason := hindrance(self._desk):
            self._wishes.hindered(reason)
            self._rest_if(True)
            return False
        requests = self._wishes.take()
        number = self._safeguards.number_for_next_cut(self.ledger)
        self._cut = Cut(self._desk, self._safeguards, number=number, requests=requests)
        return True

    def _rest_if(self, failed: bool) -> None:
        """Somebody who leaves or comes waits for a cut: try again after a while."""
        if failed and self._admission.somebody_awaits_cut() and not self._resting:
            self._resting = True
            self._desk.do(RetryCut(seconds=self._desk.policy.retry_seconds))

    def _under_recovery(self) -> str:
        waits = first_few(self._recovery.waits_for()) if self._recovery is not None else ""
        return f"no cut was opened: a recovery is under way ({waits}); ask again when it is over"
