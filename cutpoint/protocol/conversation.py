"""What one process does about the frames that arrive on its sessions.

A frame stamped with a cut that this process has not recorded is *held*, and on a FIFO channel whatever follows it,
until the process has recorded: acknowledgements, Welcomes and endings as well as messages. `Credit` alone is acted on
at once. A frame of a lower incarnation is dropped and counted; one of a higher means that this process was fenced.
"""

from __future__ import annotations

from cutpoint.errors import ProtocolViolation
from cutpoint.protocol import effects as ask
from cutpoint.protocol import events as was
from cutpoint.protocol.effects import Effect
from cutpoint.protocol.events import Connection
from cutpoint.protocol.handshake import Handshakes
from cutpoint.protocol.identity import Identity
from cutpoint.protocol.messages import (
    Acknowledge,
    AnyFrame,
    Credit,
    Data,
    Ended,
    Hello,
    InFlight,
    Marker,
    Refused,
    Welcome,
)
from cutpoint.protocol.recorder import Recorder
from cutpoint.protocol.session import Session
from cutpoint.protocol.sessions import transmit


class Conversation:
    """The frames of all sessions of one process. ``stale`` counts those that were dropped as of the past."""

    def __init__(self, identity: Identity, handshakes: Handshakes, recorder: Recorder) -> None:
        self.stale = 0
        self._identity = identity
        self._handshakes = handshakes
        self._recorder = recorder

    def frame_arrived(self, event: was.FrameArrived) -> list[Effect]:
        frame, connection = event.frame, event.connection
        try:
            if self._handshakes.expects_hello(connection):
                return self._hello_arrived(connection, frame)
            if (session := self._handshakes.connections.get(connection)) is None:
                return []
            if isinstance(frame, Refused):
                self._check_role(session, frame)
                return self._after(session, self._refused(session, frame))
            if frame.incarnation < self._identity.incarnation:
                self.stale += 1
                return []
            if self._is_fenced_by(frame):
                return self._fence(frame)
            return self._session_frame_arrived(session, frame)
        except ProtocolViolation as violation:
            return [ask.CloseConnection(connection=connection, reason=str(violation), violation=True)]

    def connection_lost(self, event: was.ConnectionLost) -> list[Effect]:
        return self._handshakes.lost(event.connection)

    def _hello_arrived(self, connection: Connection, frame: AnyFrame) -> list[Effect]:
        if not isinstance(frame, Hello):
            raise ProtocolViolation(f"{type(frame).__name__} came where a Hello was expected")
        return self._handshakes.hello(connection, frame)

    def _check_role(self, session: Session, frame: AnyFrame) -> None:
        if not session.initiator:
            raise ProtocolViolation(f"{type(frame).__name__} came from the initiator of {session.title()}")

    def given_up(self, event: was.OpenGivenUp) -> list[Effect]:
        """Nobody has answered, and the application knows: no cut waits for it any longer."""
        session = self._handshakes.sessions.get(event.key)
        if session is None:
            return []
        return self._after(session, self._handshakes.give_up(event.key, event.reason))

    def _refused(self, session: Session, frame: Refused) -> list[Effect]:
        """No cut waits until an acceptor that is outside of it changes its mind: the application may open again."""
        if self._recorder.waiting and not session.name:
            return self._handshakes.break_off(session, frame.reason)
        return self._handshakes.refused(session, frame)

    def _session_frame_arrived(self, session: Session, frame: AnyFrame) -> list[Effect]:
        if isinstance(frame, Hello | Welcome) and self._has_come_twice(session, frame):
            self.stale += 1
            return []
        if isinstance(frame, Marker) and frame.base >= frame.cut:
            raise ProtocolViolation(f"a marker of cut {frame.cut} on {session.title()} builds on cut {frame.base}")
        if isinstance(frame, Credit):
            self._grant(session, frame)
            confirmed = self._confirmed(session) if frame.cut <= self._identity.cut else []
            return [*confirmed, *transmit(session), *self._wake_senders(session)]
        if isinstance(frame, Welcome) and not session.name:
            effects = self._handshakes.learn_name(session, frame)
            effects += self._hold_or_act(session, frame)
            return effects + self._recorder.try_to_record()
        return self._hold_or_act(session, frame)

    def _has_come_twice(self, session: Session, frame: Hello | Welcome) -> bool:
        """Whether a connection that keeps no order has doubled this. A Hello is never a sign that Welcome has come."""
        if isinstance(frame, Hello):
            if session.fifo or session.initiator:
                raise ProtocolViolation(f"Hello is not expected on {session.title()}")
            return True
        welcomed = session.flowing or any(isinstance(held, Welcome) for held in session.held)
        return session.initiator and not session.fifo and welcomed

    def _hold_or_act(self, session: Session, frame: AnyFrame) -> list[Effect]:
        behind = session.fifo and bool(session.held)
        if not behind and self._may_act_on(session, frame):
            return self._act(session, frame) + self._recorder.close_channels()
        session.held.append(frame)
        effects = self._recorder.reach(frame.cut, frame.base if isinstance(frame, Marker) else None)
        if isinstance(frame, Data) and self._recorder.holding:
            effects += transmit(session)
        return effects

    def _may_act_on(self, session: Session, frame: AnyFrame) -> bool:
        """Nobody acts on news from after a cut that they have not recorded."""
        if isinstance(frame, Welcome):
            resumed = not session.opening
            return resumed or (frame.cut <= self._identity.cut and not self._recorder.shuts_out(session.peer))
        if session.initiator and session.opening and not isinstance(frame, Ended):
            return False
        if isinstance(frame, Ended) and self._recorder.awaits_marker(session):
            return False
        return frame.cut <= self._identity.cut

    def _act(self, session: Session, frame: AnyFrame) -> list[Effect]:
        effects = self._confirmed(session)
        match frame:
            case Data():
                effects += self._data_arrived(session, frame)
            case Marker():
                if not 1 <= frame.recorded_from <= frame.sent + 1:
                    raise ProtocolViolation(f"a marker on {session.title()} recorded from {frame.recorded_from}")
                if self._recorder.recording is not None and self._recorder.recording.cut == frame.cut:
                    self._recorder.recording.marked(session, frame)
                effects += self.act_on_held(session)
            case Acknowledge():
                session.outgoing.acknowledge(frame.received)
                effects += self._wake_senders(session) + self.end_if_finished(session)
            case Welcome():
                effects += self._handshakes.welcomed(session, frame)
                effects += self.act_on_held(session)
            case Ended() if session.initiator:
                effects += self._after(session, self._handshakes.ended(session))
            case Ended() if session.phase == "ended":
                effects += self._handshakes.answered(session, frame.cut)
            case _:
                raise ProtocolViolation(f"{type(frame).__name__} is not expected on {session.title()}")
        return effects

    def act_on_held(self, session: Session) -> list[Effect]:
        """Act on what need not wait any longer: in order on a FIFO channel, whatever may be on another."""
        effects: list[Effect] = []
        held = list(session.held)
        session.held.clear()
        while held and session.connection is not None:
            frame = held.pop(0)
            if not self._may_act_on(session, frame):
                session.held.append(frame)
                if session.fifo:
                    break
                continue
            try:
                effects += self._act(session, frame)
            except ProtocolViolation as violation:
                return effects + self._violated(session, violation)
        if session.connection is not None:
            session.held.extend(held)
        return effects + self.end_if_finished(session)

    def _violated(self, session: Session, violation: ProtocolViolation) -> list[Effect]:
        if session.connection is None:
            return []
        return [ask.CloseConnection(connection=session.connection, reason=str(violation), violation=True)]

    def _data_arrived(self, session: Session, frame: Data) -> list[Effect]:
        before = session.incoming.available
        messages = session.incoming.arrive(frame)
        if self._recorder.recording is not None and not self._recorder.recording.waiting:
            self._keep_in_flight(session, messages)
        effects: list[Effect] = transmit(session) if self._recorder.holding else []
        if not before and session.incoming.available:
            effects.append(ask.WakeReceiver(key=session.key))
        return effects

    def _keep_in_flight(self, session: Session, messages: tuple[InFlight, ...]) -> None:
        """Messages that arrive after the record may be in-flight: they are recorded *and* delivered."""
        assert self._recorder.recording is not None
        self._recorder.recording.arrived(session, messages)

    def _grant(self, session: Session, credit: Credit) -> None:
        """Take the new limit. It falls again after a suspension, except where an older one may come late."""
        outgoing = session.outgoing
        outgoing.limit = credit.limit if session.fifo else max(outgoing.limit, credit.limit)
        outgoing.suspended = credit.suspended

    def _confirmed(self, session: Session) -> list[Effect]:
        if session.initiator or session.confirmed:
            return []
        return self._handshakes.confirm(session)

    def end_if_finished(self, session: Session) -> list[Effect]:
        """The acceptor says when a session is over: both ends closed, and both applications have had everything.

        While the open cut waits for the initiator's marker it is not over: the initiator would forget the marker.
        """
        if session.initiator or not session.finished or session.phase not in ("open", "interrupted"):
            return []
        if self._recorder.awaits_marker(session):
            return []
        return self._handshakes.end(session)

    def _after(self, session: Session, effects: list[Effect]) -> list[Effect]:
        if session.phase == "broken" and self._recorder.recording is not None:
            self._recorder.recording.forget(session)
        return effects + self._recorder.try_to_record() + self._recorder.close_channels()

    def _wake_senders(self, session: Session) -> list[Effect]:
        return [ask.WakeSenders(key=session.key)] if session.outgoing.room else []

    def _is_fenced_by(self, frame: AnyFrame) -> bool:
        return frame.incarnation > self._identity.incarnation

    def _fence(self, frame: AnyFrame) -> list[Effect]:
        if not self._identity.running:
            return []
        self._identity.advance("fenced")
        return [ask.Fence(incarnation=frame.incarnation)]
