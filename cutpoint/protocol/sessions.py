"""The sessions of one process, the connections that carry them, and how sessions end, are forgotten and come back.

A session is over when both channels are closed and drained. The acceptor knows that first and says `Ended`; the
initiator answers with the same word and forgets the session at once, because what the acceptor goes on listing in its
parts is evidence enough. The acceptor forgets when it has the answer. If that is lost with the connection, it keeps the
session in `KEPT_CUTS` more recovery points, in case the initiator asks.
"""

from __future__ import annotations

from cutpoint.names import CutNumber, ProcessName, SessionName
from cutpoint.protocol.effects import CloseConnection, Effect, Redial, Reopen, SessionEnded, Transmit
from cutpoint.protocol.events import Connection
from cutpoint.protocol.identity import Identity
from cutpoint.protocol.messages import Ended, Refused, SessionRecord
from cutpoint.protocol.session import Session

KEPT_CUTS = 8


def transmit(session: Session) -> list[Effect]:
    """There is something to put on the session's connection, if it has one."""
    return [] if session.connection is None else [Transmit(connection=session.connection)]


def numbered(name: SessionName) -> tuple[str, int]:
    """The label in a session's name, and which of several sessions with that label it is, from 1."""
    whole = name.split(":", 1)[1]
    label, _, ordinal = whole.rpartition("#")
    return (label, int(ordinal)) if label and ordinal.isdecimal() else (whole, 1)


class Sessions:
    """What a process knows of its sessions.

    Of those that are forgotten it keeps, until a cut that was recorded later is published, the other ends
    (``strangers``) and the names: a part with the old session may meet a part with a new one in the same cut.
    """

    def __init__(self, identity: Identity, *, window: int, bytes_max: int) -> None:
        self.sessions: dict[str, Session] = {}
        self.connections: dict[Connection, Session] = {}
        self.strangers: dict[ProcessName, CutNumber] = {}
        self._retired: dict[tuple[ProcessName, str], tuple[int, CutNumber]] = {}
        self._accepting: set[Connection] = set()
        self._farewells: dict[Connection, Refused | Ended] = {}
        self._identity = identity
        self._window = window
        self._bytes_max = bytes_max

    def lost(self, connection: Connection) -> list[Effect]:
        """The connection is gone: the session waits for another one, which its initiator makes."""
        self._accepting.discard(connection)
        self._farewells.pop(connection, None)
        session = self.connections.pop(connection, None)
        if session is None or session.connection != connection:
            return []
        session.disconnect()
        if session.phase in ("ended", "forgotten"):
            return []
        session.advance("lose connection")
        return [Redial(key=session.key)] if session.initiator else []

    def ended(self, session: Session) -> list[Effect]:
        """The acceptor says that all is over, or that it does not know the session."""
        if session.outgoing.closed and session.incoming.closed:
            session.outgoing.acknowledge(session.outgoing.sent)
            return self._end_for_good(session)
        return self.break_off(session, f"{session.peer or 'the peer'} does not know this session")

    def _end_for_good(self, session: Session) -> list[Effect]:
        """The initiator's end: answer, and forget."""
        session.advance("end")
        self._forget(session)
        effects: list[Effect] = [SessionEnded(key=session.key, reason="")]
        if session.connection is not None:
            self._farewells[session.connection] = self._ended()
            effects.append(Transmit(connection=session.connection))
        return [*effects, *self._detach(session, "")]

    def end(self, session: Session) -> list[Effect]:
        """The acceptor's end: both channels are closed and drained. It stays in parts until that is answered."""
        session.advance("end")
        effects: list[Effect] = [SessionEnded(key=session.key, reason="")]
        if session.connection is not None:
            session.queue.append(self._ended())
            effects.append(Transmit(connection=session.connection))
        return effects

    def _ended(self) -> Ended:
        return Ended(incarnation=self._identity.incarnation, cut=self._identity.cut)

    def answered(self, session: Session, cut: CutNumber) -> list[Effect]:
        """The initiator knows that all is over: forget it too, once we have recorded what it had recorded."""
        session.answered = cut
        self.forget_answered()
        return []

    def forget_answered(self) -> None:
        """Forget the ended sessions whose initiators know, and are not ahead of this process."""
        for session in list(self.sessions.values()):
            if session.answered is not None and session.answered <= self._identity.cut:
                self._forget(session)

    def _forget(self, session: Session) -> None:
        session.advance("forget")
        del self.sessions[session.key]
        self.strangers[session.peer] = self._identity.cut
        label, ordinal = numbered(session.name)
        self._retired[session.peer, label] = (max(self._last_retired(session.peer, label), ordinal), self._identity.cut)

    def _last_retired(self, peer: ProcessName, label: str) -> int:
        ordinal, _ = self._retired.get((peer, label), (0, CutNumber(0)))
        return ordinal

    def break_off(self, session: Session, reason: str) -> list[Effect]:
        """The session is not, or never was."""
        detached = self._detach(session, reason)
        session.advance("break")
        del self.sessions[session.key]
        unsent = tuple(message.payload for message in session.outgoing.in_flight())
        return [SessionEnded(key=session.key, reason=reason, unsent=unsent), *detached]

    @property
    def all_ended(self) -> bool:
        """Whether nothing is open any more."""
        return all(session.phase == "ended" for session in self.sessions.values())

    def published(self, cut: CutNumber, ended: tuple[str, ...]) -> None:
        """A cut in which the sessions ``ended`` had ended is published."""
        for key in ended:
            if (session := self.sessions.get(key)) is not None and session.connection is None:
                session.kept_cuts += 1
                if session.kept_cuts >= KEPT_CUTS:
                    self._forget(session)
        self.strangers = {peer: since for peer, since in self.strangers.items() if since >= cut}
        self._retired = {whose: last for whose, last in self._retired.items() if last[1] >= cut}

    def roll_back(self) -> None:
        """A recovery ends all sessions of the incarnation; their connections are the driver's to close."""
        self.sessions.clear()
        self.connections.clear()
        self.strangers.clear()
        self._retired.clear()
        self._accepting.clear()
        self._farewells.clear()

    def restore(self, records: tuple[SessionRecord, ...]) -> list[Effect]:
        """Keep what a cut recorded until both applications open the session again, or we do, if ours has closed it.

        An acceptor that has nothing to give or to get any more is done; its initiator asks, because it may not know.
        """
        effects: list[Effect] = []
        for record in records:
            label = record.evidence.session.split(":", 1)[1]
            session = Session.restore(record, label=label, window=self._window, bytes_max=self._bytes_max)
            self.sessions[session.key] = session
            if session.finished and not session.initiator:
                session.advance("end")
            elif session.initiator and session.outgoing.closed:
                session.unattended = True
                effects.append(Reopen(key=session.key, address=session.address))
        return effects

    def release(self, released: tuple[ProcessName, ...]) -> tuple[list[Effect], tuple[Session, ...]]:
        """End and forget the sessions whose other end has left for good: nobody is there to say that they are over.

        Returns the effects and the sessions. What was under way on one that was not closed has nobody to go to.
        """
        gone = tuple(session for session in self.sessions.values() if session.peer in released)
        effects: list[Effect] = []
        for session in gone:
            reason = f"{session.peer} has left for good"
            if session.phase == "ended":
                self._forget(session)
                effects += self._detach(session, reason)
            else:
                closed = session.outgoing.closed and session.incoming.closed
                effects += self.ended(session) if closed else self.break_off(session, reason)
        return effects, gone

    def farewell(self, connection: Connection) -> Refused | Ended | None:
        """What is still to be said on a connection that carries no session."""
        return self._farewells.pop(connection, None)

    def _unattended(self) -> tuple[SessionName, ...]:
        return tuple(session.name for session in self.sessions.values() if session.unattended)

    def _dormant(self, name: SessionName) -> Session | None:
        return next((s for s in self.sessions.values() if s.dormant and s.name == name), None)

    def _attach(self, session: Session, connection: Connection) -> None:
        session.connect(connection)
        self.connections[connection] = session

    def _detach(self, session: Session, reason: str) -> list[Effect]:
        connection = session.connection
        if connection is None:
            return []
        session.disconnect()
        self.connections.pop(connection, None)
        return [CloseConnection(connection=connection, reason=reason)]
