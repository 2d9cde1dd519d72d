"""One process's side of the algorithm: the core that agents, simulator and tests drive.

`Process` takes every event and gives it to the part that it concerns:

* `cutpoint.protocol.handshake`: which connection carries which session, and who may open one when;
* `cutpoint.protocol.conversation`: what an arriving frame means, and whether it has to wait;
* `cutpoint.protocol.recorder`: when the process records, and how its part of a cut comes to an end;
* `cutpoint.protocol.rollback`: the way through a recovery.

A driver owes this class: one event at a time; effects started in the given order, none waited for; RecordState done
in the synchronous block in which ``step`` returned it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from cutpoint.errors import UsageError
from cutpoint.names import CutNumber, Incarnation, Life, ProcessName, Sequence
from cutpoint.protocol import effects as ask
from cutpoint.protocol import events as was
from cutpoint.protocol.conversation import Conversation
from cutpoint.protocol.effects import Effect
from cutpoint.protocol.events import Connection, Event, Turn
from cutpoint.protocol.handshake import Handshakes
from cutpoint.protocol.identity import Identity
from cutpoint.protocol.messages import (
    PROTOCOL_VERSION,
    Abandon,
    Admit,
    AnyFrame,
    Begin,
    Close,
    InFlight,
    Join,
    Leave,
    Payload,
    Prepare,
    Published,
    Rejected,
    Start,
)
from cutpoint.protocol.recorder import Recorder
from cutpoint.protocol.rollback import Rollback
from cutpoint.protocol.session import Session
from cutpoint.protocol.sessions import transmit as put_on_wire


@dataclasses.dataclass(frozen=True, kw_only=True)
class Statistics:
    """What a process has seen: ``stale`` frames of lower incarnations, ``duplicates`` of messages, both dropped."""

    sessions: int
    open_turns: int
    recorded: int
    stale: int
    duplicates: int


class Process:
    """The core of one process. `Identity` says what it knows of itself."""

    def __init__(
        self,
        *,
        name: ProcessName,
        life: Life,
        window_messages: int = 256,
        window_bytes: int = 1 << 20,
        message_bytes_max: int = 0,
    ) -> None:
        self.identity = Identity(name=name, life=life, message_bytes_max=message_bytes_max)
        self.handshakes = Handshakes(
            self.identity,
            window=window_messages,
            bytes_max=window_bytes,
            gate=lambda peer: self.recorder.keeps_out(peer),
        )
        self.recorder = Recorder(
            self.identity, self.handshakes, act_on_held=lambda session: self.conversation.act_on_held(session)
        )
        self.conversation = Conversation(self.identity, self.handshakes, self.recorder)
        self.rollback = Rollback(self.identity)
        self._left = False
        self._handlers: dict[type[Event], Callable[[Any], list[Effect]]] = {
            was.OpenRequested: self._on_open_requested,
            was.OpenGivenUp: self.conversation.given_up,
            was.AcceptRequested: self._on_accept_requested,
            was.Redialled: lambda e: self.handshakes.redialled(e.connection, e.key),
            was.FrameArrived: self.conversation.frame_arrived,
            was.ConnectionLost: self.conversation.connection_lost,
            was.MessageSent: self._on_message_sent,
            was.MessageWanted: self._on_message_wanted,
            was.TurnWanted: self.recorder.turn_wanted,
            was.TurnEnded: self.recorder.turn_ended,
            was.CoordinatorSaid: self._on_coordinator_said,
            was.CoordinatorConnected: self._on_coordinator_connected,
            was.PartPersisted: self.recorder.part_persisted,
            was.PersistFailed: self.recorder.persist_failed,
            was.HoldUpNoticed: self.recorder.hold_up_noticed,
            was.ActivityStopped: lambda e: self.rollback.stopped(e.incarnation),
            was.PartLoaded: lambda e: self.rollback.loaded(e.incarnation, e.sessions),
            was.PartDelayed: lambda e: self.rollback.delayed(e.incarnation, e.reason),
            was.PartUnfit: lambda e: self.rollback.unfit(e.incarnation, e.reason, e.damaged),
            was.LeaveRequested: self._on_leave_requested,
            was.BoundaryChanged: self._on_boundary_changed,
        }

    def step(self, event: Event) -> tuple[Effect, ...]:
        """Take one event; return what is to be done about it, in order."""
        effects = self._handlers[type(event)](event)
        if self.identity.leaving and not self._left and self.handshakes.all_ended:
            self._left = True
            effects.append(ask.SendToCoordinator(message=Leave()))
        return tuple(effects)

    @property
    def cut(self) -> CutNumber:
        """The last cut that was recorded or skipped here."""
        return self.identity.cut

    @property
    def holding(self) -> bool:
        """Whether no new turns are given out at the moment."""
        return self.recorder.holding

    @property
    def open_turns(self) -> tuple[Turn, ...]:
        """The turns that are open now."""
        return self.recorder.open_turns

    @property
    def session_count(self) -> int:
        """How many sessions this process knows, those included that have ended and are still listed in parts."""
        return len(self.handshakes.sessions)

    @property
    def incarnation(self) -> Incarnation:
        """The incarnation that fences: it rises when a recovery is prepared."""
        return self.identity.incarnation

    @property
    def phase(self) -> str:
        """The phase of the PROCESS table."""
        return self.identity.phase

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

    def message_bytes_max(self, key: str) -> int:
        """The largest message that both ends take in, in bytes; 0 if neither has said."""
        session = self.handshakes.sessions.get(key)
        limits = (self.identity.message_bytes_max, 0 if session is None else session.peer_bytes_max)
        return min((limit for limit in limits if limit), default=0)

    def send(self, key: str, payload: Payload) -> Sequence:
        """Count one message as sent. The driver then transmits. UsageError if the channel is closed or gone."""
        session = self.handshakes.sessions.get(key)
        if session is None or session.outgoing.closed:
            raise UsageError("this channel is closed; nothing was sent")
        return session.outgoing.send(payload)

    def take(self, key: str, turn: Turn) -> InFlight | None:
        """The next message of a session, handled in ``turn`` from now on; None if there is none to be had now.

        A `Close` opens no turn. It may be all that the session's end was waiting for: step MessageWanted after it.
        """
        session = self.handshakes.sessions.get(key)
        if session is None or (self.recorder.holding and turn not in self.recorder.turns):
            return None
        message = session.incoming.take()
        if message is not None and not isinstance(message.payload, Close):
            self.recorder.turns[turn] = key
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
            suspended = self.recorder.holding
            frames += session.reports(incarnation=me.incarnation, cut=me.cut, suspended=suspended)
            data = session.outgoing.transmit(incarnation=me.incarnation, cut=me.cut, bytes_max=bytes_max)
            if data is not None:
                frames.append(data)
        return tuple(frames)

    def statistics(self) -> Statistics:
        """What happened so far."""
        return Statistics(
            sessions=len(self.handshakes.sessions),
            open_turns=len(self.recorder.turns),
            recorded=self.recorder.recorded,
            stale=self.conversation.stale,
            duplicates=sum(session.incoming.duplicates for session in self.handshakes.sessions.values()),
        )

    def check(self) -> None:
        """Assert the invariants."""
        for session in self.handshakes.sessions.values():
            session.check()
        for connection, session in self.handshakes.connections.items():
            assert session.connection == connection, "a connection carries a session that does not know it"
        if self.recorder.recording is not None and not self.recorder.recording.waiting:
            assert self.recorder.recording.cut <= self.cut, "recorded and not counted"
        assert self.identity.base <= self.cut or not self.identity.running, "published beyond what was recorded"

    def _on_open_requested(self, event: was.OpenRequested) -> list[Effect]:
        return self.handshakes.open(
            event.connection, key=event.key, label=event.label, fifo=event.fifo, address=event.address
        )

    def _on_accept_requested(self, event: was.AcceptRequested) -> list[Effect]:
        self.handshakes.accept(event.connection)
        return []

    def _on_message_sent(self, event: was.MessageSent) -> list[Effect]:
        self.send(event.key, event.payload)
        return put_on_wire(self.handshakes.sessions[event.key])

    def _on_message_wanted(self, event: was.MessageWanted) -> list[Effect]:
        message = self.take(event.key, event.turn)
        session = self.handshakes.sessions.get(event.key)
        if session is None:
            return []
        effects: list[Effect] = []
        if message is not None:
            deliver = ask.Deliver(key=event.key, turn=event.turn, number=message.number, payload=message.payload)
            effects += [deliver, *put_on_wire(session)]
        return effects + self.conversation.end_if_finished(session)

    def _on_boundary_changed(self, event: was.BoundaryChanged) -> list[Effect]:
        self.recorder.boundary = event.channels
        return []

    def _on_leave_requested(self, _: was.LeaveRequested) -> list[Effect]:
        """Open nothing any more; the coordinator is told when everything has been closed."""
        self.identity.leaving = True
        return self.handshakes.admit_waiting()

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
        return [ask.SendToCoordinator(message=join), *self.recorder.repeat_report(), *self.rollback.answer()]

    def _on_coordinator_said(self, event: was.CoordinatorSaid) -> list[Effect]:
        match event.message:
            case Admit() as admit:
                return self._admitted(admit)
            case Begin() as begin:
                return self.recorder.begun(begin)
            case Abandon() as abandon:
                return self.recorder.abandoned(abandon)
            case Published() as published:
                return self.recorder.published(published)
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
            me.cut, me.base, me.computation = admit.cut, admit.base, admit.computation
        elif not me.running or admit.incarnation != me.incarnation:
            return []
        admitted = ask.Admitted(
            incarnation=me.incarnation,
            computation=admit.computation,
            store=admit.store,
            report_seconds=admit.report_seconds,
        )
        return [admitted, ask.SendToCoordinator(message=Leave())] if self._left else [admitted]

    def _prepared(self, prepare: Prepare) -> list[Effect]:
        if not self.rollback.fences(prepare):
            return self.rollback.answer() if prepare.incarnation == self.identity.incarnation else []
        self.identity.leaving = self._left = False
        effects = self.recorder.drop_recording()
        self.recorder.turns.clear()
        self.handshakes.roll_back()
        self.identity.computation = prepare.computation
        return effects + self.rollback.prepare(prepare)

    def _started(self, start: Start) -> list[Effect]:
        effects = self.rollback.start(start.incarnation)
        if not effects:
            return []
        reopen = self.handshakes.restore(self.rollback.sessions)
        return [*effects, ask.WakeTurns(), *reopen]
