"""The driver of one process's core: runs its effects in order, and turns what they end in into events.

It owns the connections, the endpoints and the application's tasks; whatever is decided, the core decides. The one
strict rule: the state is captured in the synchronous block in which ``step`` returned `RecordState` (see
``_record_state``), so there is no ``await`` between the core's return and the capture.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from cutpoint.errors import UsageError
from cutpoint.names import Incarnation, Life, ProcessName
from cutpoint.protocol import effects as ask
from cutpoint.protocol import events as was
from cutpoint.protocol.messages import Leave, ToCoordinator
from cutpoint.protocol.process import Process
from cutpoint.state import States
from cutpoint.store import KeyRing
from cutpoint_agents.activity import Activity
from cutpoint_agents.background import Background
from cutpoint_agents.complaints import Complaints
from cutpoint_agents.endpoint import SERVICE_RESTART
from cutpoint_agents.hold_ups import HoldUps
from cutpoint_agents.leaving import Leaving
from cutpoint_agents.parts import Parts
from cutpoint_agents.reporting import Reporting
from cutpoint_agents.settings import LOG_NAME, MISFIT, RESTART_ME, Rollback, Settings
from cutpoint_agents.switchboard import Switchboard
from cutpoint_agents.turns import Turns

log = logging.getLogger(LOG_NAME)


class Driver:
    """Runs one `Process`.

    ``tell`` sends to the coordinator, and says whether there is a connection to it; ``turned_away`` hears that it
    refused this process.
    """

    def __init__(
        self,
        *,
        name: ProcessName,
        life: Life,
        states: States,
        settings: Settings,
        rollback: Rollback,
        store: str | None,
        keys: KeyRing | None,
        chance: random.Random,
    ) -> None:
        self.name = name
        self.settings = settings
        self.process = Process(
            name=name,
            life=life,
            window_messages=settings.window_messages,
            window_bytes=settings.window_bytes,
            message_bytes_max=settings.message_bytes_max,
        )
        self.turns = Turns(self.step)
        self.background = Background(self._background_failed)
        self.switchboard = Switchboard(
            process=self.process,
            step=self.step,
            turns=self.turns,
            background=self.background,
            settings=settings,
            chance=chance,
        )
        self.activity = Activity(chance=chance, leaving=lambda: self.process.identity.leaving)
        self.leaving = Leaving(name)
        self.parts = Parts(
            process=self.process,
            name=name,
            life=life,
            states=states,
            settings=settings,
            store=store,
            keys=keys,
            chance=chance,
            done=self._part_done,
            spawn=self.background.spawn,
        )
        self.hold_ups = HoldUps(name, self.turns, self.switchboard, self.parts, self.step)
        self._complaints = Complaints(name)
        self.exit: Callable[[int], None] = os._exit
        self.tell: Callable[[ToCoordinator], bool] = lambda _: False
        self.reporting = Reporting(self.switchboard.sent, lambda message: self.tell(message))
        self.turned_away: Callable[[str, bool], None] = lambda reason, _: log.error("turned away: %s", reason)
        self.running = False
        self.faults = 0
        self.waiting_for = "the coordinator's answer"
        self._rollback = rollback
        self._has_memory = self._stopped = self._stepping = False
        self._events: deque[was.Event] = deque()
        self._recorded: ask.RecordState | None = None
        self._run_watchers: list[asyncio.Future[None]] = []
        self._effects = self._table()

    def _table(self) -> dict[type[ask.Effect], Callable[[Any], None]]:
        """What is done about each effect."""
        return {
            **self.switchboard.effects,
            ask.OpenTurn: lambda e: self.turns.opened(e.turn),
            ask.WakeTurns: lambda _: self.turns.wake(),
            ask.RecordState: lambda e: self._record_state(e),
            ask.PersistPart: self.parts.persist,
            ask.DiscardCapture: lambda e: self.parts.discard(e.cut),
            ask.KeepCapture: self._keep_capture,
            ask.WatchCut: self.hold_ups.watch,
            ask.ReportHoldUp: self._report_hold_up,
            ask.SendToCoordinator: self._send_to_coordinator,
            ask.Admitted: self._admitted,
            ask.StopActivity: self._stop_activity,
            ask.LoadPart: self._load_part,
            ask.RestoreState: self._restore_state,
            ask.Fence: self._fence,
            ask.TurnedAway: lambda e: self.turned_away(e.reason, e.waiting_helps),
        }

    # ----------------------------------------------------------------------------------------------- the core's loop

    def step(self, event: was.Event) -> None:
        """Give one event to the core and start its effects; events that effects cause come after them.

        After `stop` nothing is heard any more, as after a crash: a turn that was broken off must not count as ended.
        """
        if self._stopped:
            return
        self._events.append(event)
        if self._stepping:
            return
        self._stepping = True
        try:
            while self._events:
                began = time.perf_counter()
                self._run(self.process.step(self._events.popleft()))
                if self._recorded is not None:
                    self.parts.stalled(self._recorded.cut, time.perf_counter() - began)
                    self._recorded = None
                self.switchboard.stepped()
        finally:
            self._stepping = False

    def _run(self, effects: Iterable[ask.Effect]) -> None:
        for effect in effects:
            try:
                self._effects[type(effect)](effect)
            except Exception:
                self.faults += 1
                log.exception("%s failed for an unforeseen reason", type(effect).__name__)

    # ----------------------------------------------------------------------------------------------- effects on cuts

    def _record_state(self, effect: ask.RecordState) -> None:
        """Capture the state now. A message that waits for its peer's Hello has no number yet: then there is no cut."""
        self._recorded = effect
        self.hold_ups.recorded(effect.cut)
        self.reporting.recorded(effect.cut)
        if channel := self.switchboard.unnumbered():
            reason = f"messages on {channel} wait for the Hello of its other end; the next cut will do"
            self.step(was.PersistFailed(cut=effect.cut, reason=reason, of_store=False))
            return
        self.parts.record(effect.cut, effect.base)

    def _keep_capture(self, effect: ask.KeepCapture) -> None:
        self.parts.keep(effect.cut)
        self.leaving.published(effect.cut)
        self.reporting.published(effect.cut)

    def _report_hold_up(self, effect: ask.ReportHoldUp) -> None:
        self.tell(self.hold_ups.report(effect))

    def _send_to_coordinator(self, effect: ask.SendToCoordinator) -> None:
        if self.tell(effect.message) and isinstance(effect.message, Leave):
            self.leaving.told(self.process.cut)

    # ----------------------------------------------------------------------------------- effects on the whole process

    def _admitted(self, effect: ask.Admitted) -> None:
        self.parts.use_store(effect.store, effect.computation)
        self.reporting.every(effect.report_seconds)
        if not self.running:
            computation = effect.computation or "no computation"
            log.info("%s runs as a member of %s, incarnation %d", self.name, computation, effect.incarnation)
            self._begin_to_run()

    def _begin_to_run(self) -> None:
        self._has_memory = True
        self.running = self.switchboard.running = True
        self._run_watchers = _release(self._run_watchers)
        self.activity.start()

    async def wait_running(self) -> None:
        """Wait until the process may run: admitted, or restored and started. Raises `UsageError` if it has ended."""
        while not self.running:
            if self._stopped:
                raise UsageError(f"the agent {self.name} has ended; nothing was done")
            watcher = asyncio.get_running_loop().create_future()
            self._run_watchers.append(watcher)
            await watcher

    def _stop_activity(self, effect: ask.StopActivity) -> None:
        if self._rollback == "restart" and self._has_memory:
            self._restart_me(f"{effect.reason}, and this process restores by starting again")
            return
        ending = self._end_incarnation(SERVICE_RESTART, effect.reason)
        self.waiting_for = effect.reason
        if self._has_memory:
            log.warning("%s stops its tasks: %s", self.name, effect.reason)
        self.background.spawn(self._finish_stopping(ending, effect.incarnation))

    async def _finish_stopping(self, ending: tuple[asyncio.Task[Any], ...], incarnation: Incarnation) -> None:
        stuck = await self.activity.wait_ended(ending, deadline_seconds=self.settings.stop_seconds)
        if stuck:
            self._restart_me(
                f"these tasks did not end within {self.settings.stop_seconds:g} seconds of being cancelled: "
                + "; ".join(stuck)
            )
            return
        self.turns.forget_all()
        self.step(was.ActivityStopped(incarnation=incarnation))

    def _end_incarnation(self, code: int, reason: str) -> tuple[asyncio.Task[Any], ...]:
        """Break all channels and cancel all application tasks; nothing of it waits."""
        self.running = False
        self.switchboard.end_incarnation(code, reason)
        ending = self.activity.cancel(self.turns.tasks())
        self.turns.roll_back()
        self.leaving.roll_back()
        return ending

    def _restart_me(self, reason: str) -> None:
        log.critical("%s ends with status %d so that it is started again: %s", self.name, RESTART_ME, reason)
        self._leave_the_process(RESTART_ME)

    def _leave_the_process(self, status: int) -> None:
        for handler in (*log.handlers, *logging.getLogger().handlers):
            handler.flush()
        self.exit(status)

    def _load_part(self, effect: ask.LoadPart) -> None:
        self.waiting_for = f"the part of cut {effect.prepare.cut} to be read"
        self.parts.load(effect.prepare)

    def _part_done(self, event: was.Event) -> None:
        self._complaints.note(event)
        match event:
            case was.PartLoaded(incarnation=incarnation) if incarnation == self.process.incarnation:
                self.waiting_for = "all other processes to be ready for the recovery"
            case was.PartDelayed(incarnation=incarnation) if incarnation == self.process.incarnation:
                self.waiting_for = "the store, which holds its part and does not answer; it is asked again"
            case was.PartUnfit(incarnation=incarnation) if incarnation == self.process.incarnation:
                self.waiting_for = "a program or a recovery point that fits, because its part cannot be restored here"
        self.step(event)

    def _restore_state(self, effect: ask.RestoreState) -> None:
        try:
            self.parts.restore()
        except Exception as error:
            log.critical("%s cannot be restored: %s", self.name, error)
            self._leave_the_process(MISFIT)
            return
        self.reporting.restored()
        log.warning("%s runs again, from cut %d, as incarnation %d", self.name, effect.cut, effect.incarnation)
        self._begin_to_run()

    def _fence(self, effect: ask.Fence) -> None:
        reason = f"incarnation {effect.incarnation} runs elsewhere; this process was left behind"
        log.warning("%s stops and waits for the coordinator: %s", self.name, reason)
        self.waiting_for = "the coordinator: " + reason
        self._end_incarnation(SERVICE_RESTART, reason)

    # ------------------------------------------------------------------------------------------------------- the end

    def open_channels(self) -> tuple[str, ...]:
        """The sessions that have not ended, for people; those that a recovery restored and nobody opened again too."""
        sessions = self.process.handshakes.sessions.values()
        return tuple(f"{session.title()} ({session.phase})" for session in sessions if session.phase != "ended")

    def _background_failed(self, error: BaseException) -> None:
        self.faults += 1
        log.error("an agent's task failed for an unforeseen reason", exc_info=error)

    async def stop(self, reason: str) -> None:
        """End everything without a last word: peers see lost connections, as after a crash. May be called again."""
        self.running, self._stopped = False, True
        self.reporting.every(0.0)
        self._run_watchers = _release(self._run_watchers)
        ending = self.activity.cancel(self.turns.tasks())
        await self.switchboard.stop(reason)
        self.turns.roll_back()
        await self.activity.wait_ended(ending, deadline_seconds=self.settings.stop_seconds)
        self.hold_ups.end()
        await self.background.end()


def _release(watchers: list[asyncio.Future[None]]) -> list[asyncio.Future[None]]:
    for watcher in watchers:
        if not watcher.done():
            watcher.set_result(None)
    return []
