"""One process's side of a cut: record, mark, close channels.

The rules, after Chandy & Lamport (1985) for channels that keep order and Lai & Yang (1987) and Mattern (1993) for the
rest, as one rule set because markers carry counts:

* A process records its state for cut n at the first of: Begin n, a marker of n, any frame stamped n. It records before
  it acts on that frame: the frame, and on a FIFO channel whatever follows it, is *held* until then.
* State is recorded only between turns. While a turn is open the process waits, gives no new turns out, and goes on
  taking messages in beyond the usual window, so that no turn anywhere blocks on sending to it.
* Recording the state, freezing the counters and queueing the markers is one call of `Process.step`; the first effect
  is RecordState, and the driver runs it in the same synchronous block.
* The part is captured when all channels are closed (`cutpoint.protocol.recording`), and durable when the driver says so.
* A cut ends by Published or Abandon. Its number is never used again, and a late marker of it is ignored.
* Everything carries the incarnation: what is lower is dropped and counted, what is higher means that this process was
  fenced.

A driver owes this class: one event at a time; effects started in the given order, none waited for.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from cutpoint.errors import ProtocolViolation, UsageError
from cutpoint.names import CutNumber, Life, ProcessName, Sequence
from cutpoint.protocol import effects as ask
from cutpoint.protocol import events as was
from cutpoint.protocol.effects import Effect
from cutpoint.protocol.events import Connection, Event, Turn
from cutpoint.protocol.handshake import Handshakes
from cutpoint.protocol.identity import Identity
from cutpoint.protocol.messages import (
    PROTOCOL_VERSION,
    Abandon,
    Acknowledge,
    Admit,
    AnyFrame,
    Begin,
    Close,
    Credit,
    CutRefused,
    Data,
    Ended,
    Hello,
    InFlight,
    Join,
    Leave,
    Marker,
    PartCaptured,
    PartStored,
    Payload,
    Prepare,
    Published,
    Refused,
    Rejected,
    Start,
    Welcome,
)
from cutpoint.protocol.recording import Recording
from cutpoint.protocol.rollback import Rollback
from cutpoint.protocol.session import Session

HOLD_UP_SHARE = 0.8
"""The share of a cut's deadline after which a process says what holds the cut up."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Statistics:
    """What a process has seen: ``stale`` frames of lower incarnations, ``duplicates`` of messages, both dropped."""

    sessions: int
    open_turns: int
    recorded: int
    stale: int
    duplicates: int


class Process:
    """The core of one process. See the module's text for the rules, `Identity` for what it knows of itself."""

    def __init__(
        self, *, name: ProcessName, life: Life, window_messages: int = 256, window_bytes: int = 1 << 20
    ) -> None:
        self.identity = Identity(name=name, life=life)
        self.handshakes = Handshakes(
            self.identity, window=window_messages, bytes_max=window_bytes, gate=self._keeps_out
        )
        self.rollback = Rollback(self.identity)
        self.recording: Recording | None = None
        self._turns: dict[Turn, str] = {}
        self._boundary: tuple[str, ...] = ()
        self._stale = 0
        self._duplicates = 0
        self._recorded = 0
        self._handlers: dict[type[Event], Callable[[Any], list[Effect]]] = {
            was.OpenRequested: self._on_open_requested,
            was.AcceptRequested: self._on_accept_requested,
            was.Redialled: lambda e: self.handshakes.redialled(e.connection, e.key),
            was.FrameArrived: self._on_frame_arrived,
            was.ConnectionLost: self._on_connection_lost,
            was.MessageSent: self._on_message_sent,
            was.MessageWanted: self._on_message_wanted,
            was.TurnWanted: self._on_turn_wanted,
            was.TurnEnded: self._on_turn_ended,
            was.CoordinatorSaid: self._on_coordinator_said,
            was.CoordinatorConnected: self._on_coordinator_connected,
            was.PartPersisted: self._on_part_persisted,
            was.PersistFailed: self._on_persist_failed,
            was.HoldUpNoticed: self._on_hold_up_noticed,
            was.ActivityStopped: lambda e: self.rollback.stopped(e.incarnation),
            was.PartLoaded: lambda e: self.rollback.loaded(e.incarnation, e.sessions),
            was.PartUnfit: lambda e: self.rollback.unfit(e.incarnation, e.reason),
            was.LeaveRequested: lambda _: [ask.SendToCoordinator(message=Leave())],
            was.BoundaryChanged: self._on_boundary_changed,
        }

    def step(self, event: Event) -> tuple[Effect, ...]:
        """Take one event; return what is to be done about it, in order."""
        return tuple(self._handlers[type(event)](event))

    # ------------------------------------------------------------------------------- questions and the hot path

    @property
    def cut(self) -> CutNumber:
        """The last cut that was recorded or skipped here."""
        return self.identity.cut

    @property
    def holding(self) -> bool:
        """Whether no new turns are given out at the moment."""
        return not self.identity.running or (self.recording is not None and self.recording.waiting)

    @property
    def open_turns(self) -> tuple[Turn, ...]:
        """The turns that are open now."""
        return tuple(self._turns)

    def session(self, key: str) -> Session | None:
        """The session with this key, while it lasts."""
        return self.handshakes.sessions.get(key)

    def room(self, key: str) -> bool:
        """Whether a sender may go on without waiting; True if there is no such session, so that it can find out."""
        session = self.handshakes.sessions.get(key)
        return session is None or session.outgoing.room

    def connection_of(self, key: str) -> Connection | None:
        """The connection that carries the session now."""
        session = self.handshakes.sessions.get(key)
        return None if session is None else session.connection

    def send(self, key: str, payload: Payload) -> Sequence:
        """Count one message as sent. The driver then transmits. UsageError if the channel is closed or gone."""
        session = self.handshakes.sessions.get(key)
        if session is None or session.outgoing.closed:
            raise UsageError("this channel is closed; nothing was sent")
        return session.outgoing.send(payload)

    def take(self, key: str, turn: Turn) -> InFlight | None:
        """The next message of a session, handled in ``turn`` from now on; None if there is none to be had now."""
        session = self.handshakes.sessions.get(key)
        if session is None or (self.holding and turn not in self._turns):
            return None
        message = session.incoming.take()
        if message is not None and not isinstance(message.payload, Close):
            self._turns[turn] = key
        return message

    def transmit(self, connection: Connection, bytes_max: int = 1 << 18) -> tuple[AnyFrame, ...]:
        """What is to be put on the connection next, up to about ``bytes_max``; call again until it is empty."""
        session = self.handshakes.connections.get(connection)
        if session is None:
            farewell = self.handshakes.farewell(connection)
            return () if farewell is None else (farewell,)
        frames = list(session.queue)
        session.queue.clear()
        if session.flowing and session.phase == "open":
            me = self.identity
            suspended = self.holding
            frames += session.reports(incarnation=me.incarnation, cut=me.cut, suspended=suspended)
            data = session.outgoing.transmit(incarnation=me.incarnation, cut=me.cut, bytes_max=bytes_max)
            if data is not None:
                frames.append(data)
        return tuple(frames)

    def statistics(self) -> Statistics:
        """What happened so far."""
        return Statistics(
            sessions=len(self.handshakes.sessions),
            open_turns=len(self._turns),
            recorded=self._recorded,
            stale=self._stale,
            duplicates=self._duplicates
            + sum(session.incoming.duplicates for session in self.handshakes.sessions.values()),
        )

    def check(self) -> None:
        """Assert the invariants."""
        for session in self.handshakes.sessions.values():
            session.check()
        for connection, session in self.handshakes.connections.items():
            assert session.connection == connection, "a connection carries a session that does not know it"
        if self.recording is not None and not self.recording.waiting:
            assert self.recording.cut <= self.cut, "recorded and not counted"
        assert self.identity.base <= self.cut or not self.identity.running, "published beyond what was recorded"

    # ------------------------------------------------------------------------------------------------- sessions

    def _on_open_requested(self, event: was.OpenRequested) -> list[Effect]:
        return self.handshakes.open(event.connection, key=event.key, label=event.label, fifo=event.fifo)

    def _on_accept_requested(self, event: was.AcceptRequested) -> list[Effect]:
        self.handshakes.accept(event.connection)
        return []

    def _on_connection_lost(self, event: was.ConnectionLost) -> list[Effect]:
        session = self.handshakes.connections.get(event.connection)
        effects = self.handshakes.lost(event.connection)
        if session is not None and session.phase == "broken" and self.recording is not None:
            self.recording.forget(session)
        return effects + self._try_to_record() + self._close_channels()

    def _on_frame_arrived(self, event: was.FrameArrived) -> list[Effect]:
        frame, connection = event.frame, event.connection
        try:
            if self.handshakes.expects_hello(connection):
                return self._hello_arrived(connection, frame)
            if (session := self.handshakes.connections.get(connection)) is None:
                return []
            if isinstance(frame, Refused):
                return self._after(session, self.handshakes.refused(session, frame))
            if frame.incarnation < self.identity.incarnation:
                self._stale += 1
                return []
            if self._is_fenced_by(frame):
                return self._fence(frame)
            return self._session_frame_arrived(session, frame)
        except ProtocolViolation as violation:
            return [ask.CloseConnection(connection=connection, reason=str(violation), violation=True)]

    def _hello_arrived(self, connection: Connection, frame: AnyFrame) -> list[Effect]:
        if not isinstance(frame, Hello):
            raise ProtocolViolation(f"{type(frame).__name__} came where a Hello was expected")
        effects = self.handshakes.hello(connection, frame)
        return effects + self._reach(self.handshakes.waits_for())

    def _session_frame_arrived(self, session: Session, frame: AnyFrame) -> list[Effect]:
        if isinstance(frame, Credit):
            session.outgoing.limit = max(session.outgoing.limit, frame.limit)
            session.outgoing.suspended = frame.suspended
            return [*self._confirmed(session), *self._transmit(session), *self._wake_senders(session)]
        if isinstance(frame, Welcome) and not session.name:
            self.handshakes.learn_name(session, frame)
            effects = self._hold_or_act(session, frame)
            return effects + self._try_to_record()
        return self._hold_or_act(session, frame)

    def _hold_or_act(self, session: Session, frame: AnyFrame) -> list[Effect]:
        behind = session.fifo and bool(session.held)
        if not behind and self._may_act_on(session, frame):
            return self._act(session, frame) + self._close_channels()
        session.held.append(frame)
        effects = self._reach(frame.cut, frame.base if isinstance(frame, Marker) else None)
        if isinstance(frame, Data) and self.holding:
            effects += self._transmit(session)
        return effects

    def _may_act_on(self, session: Session, frame: AnyFrame) -> bool:
        """Nobody acts on news from after a cut that they have not recorded."""
        if isinstance(frame, Welcome):
            resumed = not session.opening
            return resumed or (frame.cut <= self.cut and not self._keeps_out(session.peer))
        if session.initiator and session.opening:
            return False
        return frame.cut <= self.cut

    def _act(self, session: Session, frame: AnyFrame) -> list[Effect]:
        effects = self._confirmed(session)
        match frame:
            case Data():
                effects += self._data_arrived(session, frame)
            case Marker():
                if self.recording is not None and self.recording.cut == frame.cut:
                    self.recording.marked(session, frame)
            case Acknowledge():
                session.outgoing.acknowledge(frame.received)
                effects += self._wake_senders(session) + self._end_if_finished(session)
            case Welcome():
                effects += self.handshakes.welcomed(session, frame)
            case Ended():
                effects += self._after(session, self.handshakes.ended(session))
            case _:
                raise ProtocolViolation(f"{type(frame).__name__} is not expected on {session.title()}")
        return effects

    def _data_arrived(self, session: Session, frame: Data) -> list[Effect]:
        before = session.incoming.available
        messages = session.incoming.arrive(frame)
        if self.recording is not None and not self.recording.waiting:
            self._keep_in_flight(session, messages)
        effects: list[Effect] = self._transmit(session) if self.holding else []
        if not before and session.incoming.available:
            effects.append(ask.WakeReceiver(key=session.key))
        return effects

    def _keep_in_flight(self, session: Session, messages: tuple[InFlight, ...]) -> None:
        """Messages that arrive after the record may be in-flight: they are recorded *and* delivered."""
        assert self.recording is not None
        self.recording.arrived(session, messages)

    def _confirmed(self, session: Session) -> list[Effect]:
        if session.initiator or session.confirmed:
            return []
        return self.handshakes.confirm(session)

    def _end_if_finished(self, session: Session) -> list[Effect]:
        if session.initiator or not session.finished or session.phase not in ("open", "interrupted"):
            return []
        return self.handshakes.end(session)

    def _after(self, session: Session, effects: list[Effect]) -> list[Effect]:
        if session.phase == "broken" and self.recording is not None:
            self.recording.forget(session)
        return effects + self._try_to_record() + self._close_channels()

    def _transmit(self, session: Session) -> list[Effect]:
        return [] if session.connection is None else [ask.Transmit(connection=session.connection)]

    def _wake_senders(self, session: Session) -> list[Effect]:
        return [ask.WakeSenders(key=session.key)] if session.outgoing.room else []

    # --------------------------------------------------------------------------------------- messages and turns

    def _on_message_sent(self, event: was.MessageSent) -> list[Effect]:
        self.send(event.key, event.payload)
        return self._transmit(self.handshakes.sessions[event.key])

    def _on_message_wanted(self, event: was.MessageWanted) -> list[Effect]:
        message = self.take(event.key, event.turn)
        if message is None:
            return []
        session = self.handshakes.sessions[event.key]
        deliver = ask.Deliver(key=event.key, turn=event.turn, number=message.number, payload=message.payload)
        return [deliver, *self._transmit(session)]

    def _on_turn_wanted(self, event: was.TurnWanted) -> list[Effect]:
        if self.holding:
            return []
        self._turns[event.turn] = ""
        return [ask.OpenTurn(turn=event.turn)]

    def _on_turn_ended(self, event: was.TurnEnded) -> list[Effect]:
        if self._turns.pop(event.turn, None) is None:
            return []
        return self._try_to_record()

    def _on_boundary_changed(self, event: was.BoundaryChanged) -> list[Effect]:
        self._boundary = event.channels
        return []

    # -------------------------------------------------------------------------------------------------- the cut

    def _keeps_out(self, peer: ProcessName) -> bool:
        """Whether a session with ``peer`` has to wait: a cut is open, and ``peer`` is not known to be in it."""
        return self.recording is not None and not self.recording.is_member(peer)

    def _reach(self, cut: CutNumber, base: CutNumber | None = None) -> list[Effect]:
        """There is news from cut ``cut``: record it before anything else is done about the news."""
        if cut <= self.cut or not self.identity.running:
            return []
        if self.recording is not None and self.recording.cut >= cut:
            return []
        effects: list[Effect] = []
        if self.recording is not None:
            published = base is not None and base == self.recording.cut
            effects += self._publish(self.recording) if published else self._discard(self.recording)
        if base is not None:
            self.identity.base = max(self.identity.base, base)
        self.recording = Recording(cut=cut, base=self.identity.base)
        recorded = self._try_to_record()
        if not recorded:
            recorded = [e for s in self.handshakes.sessions.values() for e in self._transmit(s)]
        return effects + recorded

    def _try_to_record(self) -> list[Effect]:
        """Record as soon as no turn is open and every opening session knows its peer."""
        if self.recording is None or not self.recording.waiting or self._turns or self.handshakes.nameless():
            return []
        return self._record(self.recording)

    def _record(self, recording: Recording) -> list[Effect]:
        """The synchronous block: freeze the counters, pass the cut, put markers on all outgoing channels."""
        sessions = list(self.handshakes.sessions.values())
        recording.record(sessions)
        before, self.identity.cut = self.cut, recording.cut
        self._recorded += 1
        for session in sessions:
            self._put_marker(session, recording)
            session.outgoing.mark(before)
        effects: list[Effect] = [ask.RecordState(cut=recording.cut, base=recording.base)]
        for session in sessions:
            effects += self._transmit(session)
        effects += self._refuse_outsiders(recording)
        return effects + self._resume_after_hold()

    def _put_marker(self, session: Session, recording: Recording) -> None:
        session.marker = Marker(
            incarnation=self.identity.incarnation,
            cut=recording.cut,
            base=recording.base,
            sent=Sequence(session.outgoing.sent),
            recorded_from=Sequence(session.outgoing.furthest + 1),
        )
        answered = session.flowing or not session.initiator
        if session.connection is not None and answered and session.phase in ("open", "opening"):
            session.queue.append(session.marker)

    def _resume_after_hold(self) -> list[Effect]:
        """Turns are given out again, and what was held is acted on, in order."""
        effects: list[Effect] = [ask.WakeTurns()]
        for session in list(self.handshakes.sessions.values()):
            if session.incoming.available:
                effects.append(ask.WakeReceiver(key=session.key))
            effects += self._transmit(session)
            effects += self._act_on_held(session)
        effects += self.handshakes.admit_waiting()
        return effects + self._close_channels()

    def _act_on_held(self, session: Session) -> list[Effect]:
        effects: list[Effect] = []
        while session.held and self._may_act_on(session, session.held[0]):
            try:
                effects += self._act(session, session.held.popleft())
            except ProtocolViolation as violation:
                assert session.connection is not None
                return [
                    *effects,
                    ask.CloseConnection(connection=session.connection, reason=str(violation), violation=True),
                ]
        return effects

    def _close_channels(self) -> list[Effect]:
        recording = self.recording
        if recording is None or not recording.close_channels():
            return []
        return [
            ask.SendToCoordinator(message=PartCaptured(cut=recording.cut)),
            ask.PersistPart(cut=recording.cut, sessions=recording.records(), boundary=self._boundary),
        ]

    def _refuse_outsiders(self, recording: Recording) -> list[Effect]:
        outsider = recording.outsider(list(self.handshakes.sessions.values()))
        if outsider is None or recording.refusal:
            return []
        recording.refusal = (
            f"{self.identity.name} has the channel {outsider.title()} to {outsider.peer}, "
            f"which is not a member of cut {recording.cut}"
        )
        return [ask.SendToCoordinator(message=CutRefused(cut=recording.cut, reason=recording.refusal))]

    def _on_part_persisted(self, event: was.PartPersisted) -> list[Effect]:
        recording = self.recording
        if recording is None or recording.cut != event.cut or recording.phase != "captured":
            return []
        recording.advance("persist")
        recording.summary = event.summary
        return [ask.SendToCoordinator(message=PartStored(summary=event.summary))]

    def _on_persist_failed(self, event: was.PersistFailed) -> list[Effect]:
        recording = self.recording
        if recording is None or recording.cut != event.cut:
            return []
        recording.refusal = f"{self.identity.name} could not store its part: {event.reason}"
        return [ask.SendToCoordinator(message=CutRefused(cut=event.cut, reason=recording.refusal))]

    def _on_hold_up_noticed(self, event: was.HoldUpNoticed) -> list[Effect]:
        recording = self.recording
        if recording is None or recording.cut != event.cut or recording.phase not in ("waiting", "recorded"):
            return []
        turns = self.open_turns if recording.waiting else ()
        nameless = tuple(f"the answer to {s.title()}" for s in self.handshakes.nameless()) if recording.waiting else ()
        return [ask.ReportHoldUp(cut=event.cut, turns=turns, channels=nameless + recording.open_channels())]

    def _publish(self, recording: Recording) -> list[Effect]:
        recording.phase = "published"
        self.identity.base = max(self.identity.base, recording.cut)
        self.handshakes.forget(recording.ended)
        self.recording = None
        return [ask.KeepCapture(cut=recording.cut)]

    def _discard(self, recording: Recording) -> list[Effect]:
        recorded = not recording.waiting
        recording.advance("abandon")
        self.recording = None
        self._skip(recording.cut)
        return [ask.DiscardCapture(cut=recording.cut)] if recorded else []

    def _skip(self, cut: CutNumber) -> None:
        """The cut is over without us: its number counts as passed, and nothing of it will be recorded."""
        if cut > self.cut:
            for session in self.handshakes.sessions.values():
                session.outgoing.mark(self.cut)
            self.identity.cut = cut

    # ------------------------------------------------------------------------------------------ the coordinator

    def _on_coordinator_connected(self, _: was.CoordinatorConnected) -> list[Effect]:
        me = self.identity
        join = Join(
            version=PROTOCOL_VERSION,
            process=me.name,
            life=me.life,
            incarnation=me.started,
            cut=me.cut,
            prepared=self.rollback.prepared,
        )
        return [ask.SendToCoordinator(message=join), *self._repeat_report(), *self.rollback.answer()]

    def _repeat_report(self) -> list[Effect]:
        recording = self.recording
        if recording is None:
            return []
        if recording.refusal:
            return [ask.SendToCoordinator(message=CutRefused(cut=recording.cut, reason=recording.refusal))]
        if recording.summary is not None:
            return [ask.SendToCoordinator(message=PartStored(summary=recording.summary))]
        return []

    def _on_coordinator_said(self, event: was.CoordinatorSaid) -> list[Effect]:
        match event.message:
            case Admit() as admit:
                return self._admitted(admit)
            case Begin() as begin:
                return self._begun(begin)
            case Abandon() as abandon:
                return self._abandoned(abandon)
            case Published() as published:
                return self._published(published)
            case Prepare() as prepare:
                return self._prepared(prepare)
            case Start() as start:
                return self._started(start)
            case Rejected() as rejected:
                return [ask.TurnedAway(reason=rejected.reason, waiting_helps=rejected.waiting_helps)]

    def _admitted(self, admit: Admit) -> list[Effect]:
        me = self.identity
        if me.phase == "absent":
            me.advance("admitted")
            me.incarnation = me.started = admit.incarnation
            me.cut, me.base = admit.cut, admit.base
        elif not me.running or admit.incarnation != me.incarnation:
            return []
        return [ask.Admitted(incarnation=me.incarnation, computation=admit.computation, store=admit.store)]

    def _begun(self, begin: Begin) -> list[Effect]:
        if begin.incarnation != self.identity.incarnation or not self.identity.running:
            return []
        effects = self._reach(begin.cut, begin.base)
        recording = self.recording
        if recording is None or recording.cut != begin.cut:
            return effects
        if recording.members is not None:
            return effects + self._repeat_report()
        recording.members, recording.released = begin.members, begin.released
        effects.append(ask.WatchCut(cut=begin.cut, seconds=begin.deadline_seconds * HOLD_UP_SHARE))
        if not recording.waiting:
            effects += self._refuse_outsiders(recording)
        return effects + self.handshakes.admit_waiting() + self._release_welcomes()

    def _release_welcomes(self) -> list[Effect]:
        effects: list[Effect] = []
        for session in list(self.handshakes.sessions.values()):
            effects += self._act_on_held(session)
        return effects + self._close_channels()

    def _abandoned(self, abandon: Abandon) -> list[Effect]:
        if abandon.incarnation != self.identity.incarnation or not self.identity.running:
            return []
        effects: list[Effect] = []
        if self.recording is not None and self.recording.cut == abandon.cut:
            effects += self._discard(self.recording)
        elif abandon.cut > self.cut:
            self._skip(abandon.cut)
        return effects + self._resume_after_hold()

    def _published(self, published: Published) -> list[Effect]:
        if published.incarnation != self.identity.incarnation or not self.identity.running:
            return []
        recording = self.recording
        if recording is None or recording.cut != published.cut or recording.phase != "stored":
            return []
        return self._publish(recording) + self._resume_after_hold()

    def _is_fenced_by(self, frame: AnyFrame) -> bool:
        return frame.incarnation > self.identity.incarnation

    def _fence(self, frame: AnyFrame) -> list[Effect]:
        if not self.identity.running:
            return []
        self.identity.advance("fenced")
        return [ask.Fence(incarnation=frame.incarnation)]

    def _prepared(self, prepare: Prepare) -> list[Effect]:
        if not self.rollback.fences(prepare):
            return self.rollback.answer() if prepare.incarnation == self.identity.incarnation else []
        effects = self._drop_recording()
        self._turns.clear()
        self.handshakes.roll_back()
        return effects + self.rollback.prepare(prepare)

    def _drop_recording(self) -> list[Effect]:
        recording, self.recording = self.recording, None
        if recording is None or recording.waiting:
            return []
        return [ask.DiscardCapture(cut=recording.cut)]

    def _started(self, start: Start) -> list[Effect]:
        effects = self.rollback.start(start.incarnation)
        if not effects:
            return []
        self.handshakes.restore(self.rollback.sessions)
        return [*effects, ask.WakeTurns()]
