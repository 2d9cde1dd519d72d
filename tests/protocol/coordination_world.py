"""A whole computation around the coordinator's core, in which anything may happen next.

``actions()`` lists what can happen, in a fixed order; whoever drives the world chooses. Agents are honest and slow;
processes die, connections break, transactions and manifests of a dead leader are applied or not, or late.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import partial

from cutpoint.names import CutNumber, Incarnation, ProcessName
from cutpoint.protocol import coordinator_effects as ask
from cutpoint.protocol import coordinator_events as was
from cutpoint.protocol.coordination import Policy
from cutpoint.protocol.coordinator_effects import Effect
from cutpoint.protocol.coordinator_events import Event
from cutpoint.protocol.messages import (
    Abandon,
    Admit,
    Begin,
    CutRefused,
    HeldUp,
    Leave,
    PartCaptured,
    PartStored,
    Prepare,
    Published,
    Ready,
    Rejected,
    Start,
    ToAgent,
    ToCoordinator,
    Unfit,
)
from cutpoint.protocol.safeguards import Safeguards
from tests.protocol.coordination_rig import Rig

Action = Callable[[], None]


@dataclasses.dataclass
class Process:
    """One honest agent: what it knows, and what it may say next."""

    name: str
    started: int = 0
    fenced: int = 0
    cut: int = 0
    phase: str = "absent"
    line: int = 0
    heard: int = 0
    turned_away: bool = False
    open_cut: int = 0
    stored: int = 0
    fits: bool = True

    def hear(self, message: ToAgent) -> None:
        match message:
            case Admit() if self.phase == "absent":
                self.phase, self.started, self.fenced = "running", message.incarnation, message.incarnation
                self.cut = message.cut
            case Begin() if self.phase == "running" and message.incarnation == self.fenced and message.cut > self.cut:
                self.cut = self.open_cut = message.cut
                self.stored = 0
            case Abandon() | Published() if message.incarnation == self.fenced and message.cut == self.open_cut:
                if isinstance(message, Published):
                    assert self.stored == message.cut, "published without this process's part"
                self.open_cut = 0
            case Prepare() if message.incarnation > self.fenced:
                self.fits = True
                self.phase, self.fenced, self.open_cut, self.cut = "loading", message.incarnation, 0, message.last_cut
            case Start() if self.phase == "ready" and message.incarnation == self.fenced:
                self.phase, self.started = "running", message.incarnation
            case Rejected():
                self.turned_away = not message.waiting_helps
            case _:
                pass


class World:
    """The rig, the processes, and everything that is under way."""

    def __init__(self, *names: str, policy: Policy | None = None, safeguards: Safeguards | None = None) -> None:
        self.rig = Rig(policy=policy, safeguards=safeguards)
        self.processes = {name: Process(name=name) for name in names}
        self.under_way: list[Effect] = []
        self.timers: list[Event] = []
        self.late: list[ask.WriteManifest] = []
        self._requests = 0
        self.step(was.LedgerLoaded(now=self.rig.now(), ledger=self.rig.ledger()))

    def step(self, event: Event) -> None:
        """One event; what takes time is under way from now on, what is said is heard at once."""
        for effect in self.rig.step(event):
            match effect:
                case ask.WriteLedger() | ask.CheckParts() | ask.WriteManifest() | ask.FindManifest():
                    self.under_way.append(effect)
                case ask.SetDeadline():
                    self.timers.append(was.DeadlinePassed(now=self.rig.time, cut=effect.cut))
                case ask.WatchRecovery():
                    self.timers.append(was.RecoveryOverdue(now=self.rig.time, incarnation=effect.incarnation))
                case ask.RetryCut():
                    self.timers.append(was.CutRetryDue(now=self.rig.time))
                case ask.Say():
                    for process in self.processes.values():
                        if process.line == effect.connection:
                            process.hear(effect.message)
                case ask.Disconnect():
                    for process in self.processes.values():
                        if process.line == effect.connection:
                            process.line = 0
                case _:
                    pass

    # ------------------------------------------------------------------------------------------ what can happen

    def actions(self) -> list[Action]:
        """Everything that can happen now."""
        found: list[Action] = [partial(self.finish, effect) for effect in self.under_way]
        found += [partial(self.spoil, effect) for effect in self.under_way if not isinstance(effect, ask.WriteLedger)]
        for process in self.processes.values():
            found += self.actions_of(process)
        found += [partial(self.fire, timer) for timer in self.timers[-3:]]
        found += [partial(self.land, manifest) for manifest in self.late]
        found += [self.interval, self.ask_cut]
        last = self.rig.core.ledger.computation.last_cut
        found += [partial(self.ask_recovery, target) for target in (None, 0, last)]
        found += [partial(self.ask_forget, *cuts) for cuts in ((1,), (last,), (last - 1, last - 2))]
        found += [partial(self.change_leader, applied=applied) for applied in (False, True)]
        return found

    def forward(self) -> list[Action]:
        """What happens when nothing goes wrong."""
        found: list[Action] = [partial(self.finish, effect) for effect in self.under_way]
        for process in self.processes.values():
            if not process.line:
                found.append(partial(self.connect, process))
            elif self.pending(process):
                found.append(partial(self.say, process, self.words(process)[0]))
        if not found:
            found.append(self.ask_cut)
        return found

    def actions_of(self, process: Process) -> list[Action]:
        connect: Action = partial(self.connect, process)
        if not process.line:
            return [connect, partial(self.ask_release, process)]
        found: list[Action] = [partial(self.say, process, message) for message in self.words(process)]
        found += [connect, partial(self.lose, process), partial(self.kill, process)]
        if process.phase == "running":
            found.append(partial(self.say, process, Leave()))
        return found

    def words(self, process: Process) -> list[ToCoordinator]:
        """What an honest process may say now, the way forward first."""
        cut, incarnation = CutNumber(process.open_cut), Incarnation(process.fenced)
        if process.phase == "loading":
            return [
                Ready(incarnation=incarnation),
                Unfit(incarnation=incarnation, reason="damaged"),
                Unfit(incarnation=incarnation, reason="another program", damaged=False),
            ]
        if process.phase == "running" and cut:
            summary = self.rig.summary(process.name, cut, incarnation=Incarnation(process.started))
            return [
                PartStored(summary=summary),
                PartCaptured(cut=cut),
                HeldUp(cut=cut, by="a turn"),
                CutRefused(cut=cut, reason="a stranger"),
            ]
        return []

    def say(self, process: Process, message: ToCoordinator) -> None:
        match message:
            case Ready():
                process.phase = "ready"
            case Unfit():
                process.phase, process.fits = "unfit", message.damaged
            case PartStored():
                process.stored = process.open_cut
            case _:
                pass
        self.step(was.AgentSaid(now=self.rig.now(), connection=process.line, message=message))

    def connect(self, process: Process) -> None:
        """A new connection; a process that was turned away for good is started anew."""
        if process.turned_away:
            self.kill(process)
        prepared = process.fenced if process.phase == "ready" else 0
        event = self.rig.arrives(process.name, incarnation=process.started, cut=process.cut, prepared=prepared)
        process.line = event.connection
        self.step(event)
        if process.line and process.stored and process.stored == process.open_cut:
            self.say(process, self.words(process)[0])
        if process.line and process.phase == "unfit":
            self.say(process, Unfit(incarnation=Incarnation(process.fenced), reason="again", damaged=process.fits))
        if process.line and process.phase == "ready":
            self.say(process, Ready(incarnation=Incarnation(process.fenced)))

    def lose(self, process: Process) -> None:
        line, process.line = process.line, 0
        if line:
            self.step(was.AgentLost(now=self.rig.now(), connection=line))

    def kill(self, process: Process) -> None:
        self.lose(process)
        self.rig.reborn(process.name)
        self.processes[process.name] = process.__class__(name=process.name)
        process.turned_away = False

    def finish(self, effect: Effect) -> None:
        self.under_way.remove(effect)
        event = self.rig.follow_up(effect)
        assert event is not None
        self.step(event)

    def spoil(self, effect: Effect) -> None:
        """It goes wrong; a manifest may be there all the same."""
        now = self.rig.now()
        match effect:
            case ask.CheckParts():
                self.under_way.remove(effect)
                self.step(was.PartsChecked(now=now, cut=effect.cut, complaints=("torn",)))
            case ask.WriteManifest():
                self.under_way.remove(effect)
                self.late.append(effect)
                self.step(was.ManifestFailed(now=now, cut=effect.point.cut, reason="no answer"))
            case _:
                pass

    def land(self, manifest: ask.WriteManifest) -> None:
        self.late.remove(manifest)
        self.rig.manifests.setdefault(manifest.point.cut, manifest.point)

    def fire(self, timer: Event) -> None:
        self.timers.remove(timer)
        self.step(dataclasses.replace(timer, now=self.rig.now()))

    def interval(self) -> None:
        self.step(was.IntervalElapsed(now=self.rig.now()))

    def ask_cut(self) -> None:
        self._requests += 1
        self.step(self.rig.request_cut(f"cut-{self._requests}"))

    def ask_recovery(self, target: int | None) -> None:
        self._requests += 1
        self.step(self.rig.request_recovery(target, f"recovery-{self._requests}"))

    def ask_release(self, process: Process) -> None:
        self._requests += 1
        name, request = ProcessName(process.name), f"release-{self._requests}"
        self.step(was.ReleaseRequested(now=self.rig.now(), request=request, process=name))

    def ask_forget(self, *cuts: int) -> None:
        """Retention wants these gone, whatever they are."""
        self._requests += 1
        numbers = tuple(CutNumber(max(cut, 1)) for cut in cuts)
        self.step(was.ForgetRequested(now=self.rig.now(), request=f"forget-{self._requests}", cuts=numbers))

    def change_leader(self, *, applied: bool) -> None:
        """The coordinator dies. What it had asked for was done, or not, or will be done late."""
        for effect in self.under_way:
            if isinstance(effect, ask.WriteLedger) and applied:
                self.rig.commit(effect)
            if isinstance(effect, ask.WriteManifest):
                self.late.append(effect)
        self.under_way, self.timers = [], []
        for process in self.processes.values():
            process.line = 0
        self.rig.new_leader()
        self.step(was.LedgerLoaded(now=self.rig.now(), ledger=self.rig.ledger()))

    # ------------------------------------------------------------------------------------------------------ healing

    def heal(self) -> None:
        """Nothing goes wrong any more: everybody comes back, everything that is under way succeeds."""
        for _ in range(200):
            processes = list(self.processes.values())
            away = [process for process in processes if not process.line]
            talking = [process for process in processes if process.line and self.pending(process)]
            retries = [timer for timer in self.timers if isinstance(timer, was.CutRetryDue)]
            gone = [process for process in processes if process.line and self.has_left(process)]
            gone += [process for process in processes if process.line and not process.fits]
            if self.under_way:
                self.finish(self.under_way[0])
            elif gone:
                self.kill(gone[0])
            elif away:
                self.connect(away[0])
            elif talking:
                self.say(talking[0], self.words(talking[0])[0])
            elif retries and not self.rig.core.statistics().hold:
                self.fire(retries[0])
            else:
                return
        raise AssertionError("no rest after 200 steps")

    def has_left(self, process: Process) -> bool:
        """Whether the process ran and does not belong any more: whoever left ends, and comes back anew."""
        belonging = self.rig.core.ledger.belonging()
        return process.phase == "running" and process.name not in belonging

    def pending(self, process: Process) -> bool:
        """Whether the process has something to say that it has not said."""
        unstored = process.phase == "running" and process.open_cut != 0 and process.stored != process.open_cut
        return process.phase == "loading" or unstored
