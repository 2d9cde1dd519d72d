"""Opening, resuming and losing sessions: which connection carries which session, and who may open one when.

Both ends must agree, for every cut, whether a session existed in it. Therefore:

* an acceptor answers a Hello only when it has recorded every cut that the Hello knows of;
* while a cut is open, a session with somebody outside its membership is not opened;
* an initiator does not record while it waits for a Welcome (`nameless`): the answer says whether the session is
  older than the cut;
* a Hello that is repeated on another connection opens the session only once: the nonce tells.
"""

from __future__ import annotations

from collections.abc import Callable

from cutpoint.errors import ProtocolViolation
from cutpoint.names import ProcessName, SessionName, session_name
from cutpoint.protocol.effects import (
    AttachConnection,
    CloseConnection,
    Effect,
    SessionEstablished,
    Transmit,
    WakeReceiver,
    WakeSenders,
)
from cutpoint.protocol.events import Connection
from cutpoint.protocol.identity import Identity
from cutpoint.protocol.messages import PROTOCOL_VERSION, Ended, Hello, Refused, Welcome
from cutpoint.protocol.refusal import refusal
from cutpoint.protocol.session import Session
from cutpoint.protocol.sessions import Sessions, numbered, transmit


class Handshakes(Sessions):
    """How sessions begin, on top of what a process knows of them."""

    def __init__(
        self,
        identity: Identity,
        *,
        window: int,
        bytes_max: int,
        gate: Callable[[ProcessName], bool],
    ) -> None:
        super().__init__(identity, window=window, bytes_max=bytes_max)
        self._hellos: dict[Connection, Hello] = {}
        self._gate = gate

    # ------------------------------------------------------------------------------------------- the initiator

    def open(self, connection: Connection, *, key: str, label: str, fifo: bool, address: str) -> list[Effect]:
        """Say Hello on a connection of ours."""
        session = Session(
            key=key, label=label, initiator=True, fifo=fifo, window=self._window, bytes_max=self._bytes_max
        )
        session.address = address
        self.sessions[key] = session
        self._attach(session, connection)
        return [
            AttachConnection(connection=connection, key=key, fresh=True),
            *self._say_hello(session),
        ]

    def redialled(self, connection: Connection, key: str) -> list[Effect]:
        """An interrupted session of ours has a connection again."""
        session = self.sessions.get(key)
        if session is not None and session.dormant and session.unattended:
            session.advance("reopen")
        if session is None or session.phase not in ("interrupted", "opening") or session.connection is not None:
            return [CloseConnection(connection=connection, reason="the session is over")]
        self._attach(session, connection)
        return [AttachConnection(connection=connection, key=key, fresh=False), *self._say_hello(session)]

    def _say_hello(self, session: Session) -> list[Effect]:
        session.queue.append(session.hello(self._identity, closed=self._unattended()))
        return transmit(session)

    def nameless(self) -> tuple[Session, ...]:
        """Sessions of ours that nobody has answered yet: recording waits for them."""
        return tuple(s for s in self.sessions.values() if s.initiator and s.opening and not s.name)

    def learn_name(self, session: Session, frame: Welcome) -> list[Effect]:
        """Know the peer, and be the restored session of that name if there is one. Nothing flows yet."""
        if frame.version != PROTOCOL_VERSION:
            raise ProtocolViolation(
                f"{frame.process} speaks protocol version {frame.version}, this process {PROTOCOL_VERSION}"
            )
        if frame.computation != self._identity.computation:
            raise ProtocolViolation(f"{frame.process} belongs to another computation, {frame.computation!r}")
        effects = self._outlived(frame.session)
        session.name, session.peer, session.peer_life = frame.session, frame.process, frame.life
        session.outgoing.limit = frame.limit
        if (dormant := self._dormant(frame.session)) is not None:
            dormant.advance("reopen")
            del self.sessions[dormant.key]
            session.adopt(dormant)
        return effects

    def _outlived(self, name: SessionName) -> list[Effect]:
        """A name is given again only when a recovery point holds the end of the session that had it: forget that."""
        former = next((s for s in self.sessions.values() if s.name == name and not s.dormant), None)
        if former is None:
            return []
        if not (former.outgoing.closed and former.incoming.closed):
            raise ProtocolViolation(f"the name {name} was given again while the session that has it is open")
        return self.ended(former)

    def welcomed(self, session: Session, frame: Welcome) -> list[Effect]:
        """The acceptor has answered, and nothing in the answer is news from after our cut."""
        if not session.initiator or session.phase not in ("opening", "interrupted"):
            raise ProtocolViolation(f"a Welcome came on {session.title()}, which expects none")
        resumed = not session.opening
        if resumed and frame.life != session.peer_life:
            return self.break_off(session, f"{session.peer} has lost its memory; a recovery will follow")
        session.peer_life, session.peer_bytes_max = frame.life, frame.message_bytes_max
        session.outgoing.resume(frame.arrived)
        session.outgoing.limit = max(frame.limit, session.outgoing.limit if resumed else 0)
        session.advance("resume" if resumed else "establish")
        session.flowing = session.confirmed = True
        session.unanswered = False
        if session.marker is not None:
            session.queue.append(session.marker)
        effects: list[Effect] = []
        if not resumed:
            effects.append(SessionEstablished(key=session.key, session=session.name))
        effects += transmit(session)
        if session.incoming.available:
            effects.append(WakeReceiver(key=session.key))
        if session.outgoing.room:
            effects.append(WakeSenders(key=session.key))
        return effects

    def refused(self, session: Session, frame: Refused) -> list[Effect]:
        """The acceptor will not have us: for good, or until we try again."""
        if frame.waiting_helps and session.connection is not None:
            return [CloseConnection(connection=session.connection, reason=frame.reason)]
        return self.break_off(session, frame.reason)

    # -------------------------------------------------------------------------------------------- the acceptor

    def accept(self, connection: Connection) -> None:
        """Expect a Hello on this connection."""
        self._accepting.add(connection)

    def expects_hello(self, connection: Connection) -> bool:
        """Whether the connection carries no session yet and awaits its Hello."""
        return connection in self._accepting

    def hello(self, connection: Connection, hello: Hello) -> list[Effect]:
        """A peer opens or resumes a session; refused by name, or answered as soon as the cuts allow."""
        if (complaint := self._refusal(hello)) is not None:
            return self._turn_away(connection, complaint)
        session = self.sessions.get(hello.nonce)
        if session is not None:
            return self._resume(connection, session, hello)
        if self._is_over(hello):
            self._accepting.discard(connection)
            self._farewells[connection] = Ended(incarnation=self._identity.incarnation, cut=self._identity.cut)
            return [
                Transmit(connection=connection),
                CloseConnection(connection=connection, reason="the session is over"),
            ]
        self._hellos[connection] = hello
        return self.admit_waiting()

    def _is_over(self, hello: Hello) -> bool:
        """Whether the Hello asks for a session that has ended here, even if it may be asked for as one never heard of.

        One that is not listed any more has ended too, unless this process may never have heard of it.
        """
        if not hello.session or self._dormant(hello.session) is not None:
            return False
        listed = (session for session in self.sessions.values() if session.name == hello.session)
        return not hello.reopens or any(session.phase == "ended" for session in listed)

    def admit_waiting(self) -> list[Effect]:
        """Answer every Hello that had to wait and need not wait any longer."""
        effects: list[Effect] = []
        for connection, hello in list(self._hellos.items()):
            if (complaint := self._refusal(hello)) is not None:
                del self._hellos[connection]
                effects += self._turn_away(connection, complaint)
            elif hello.cut <= self._identity.cut and not self._gate(hello.process):
                del self._hellos[connection]
                effects += self._welcome(connection, hello)
        return effects

    def _refusal(self, hello: Hello) -> Refused | None:
        return refusal(self._identity, hello, known=hello.nonce in self.sessions)

    def _turn_away(self, connection: Connection, answer: Refused) -> list[Effect]:
        self._accepting.discard(connection)
        self._farewells[connection] = answer
        return [Transmit(connection=connection), CloseConnection(connection=connection, reason=answer.reason)]

    def _resume(self, connection: Connection, session: Session, hello: Hello) -> list[Effect]:
        me = self._identity
        if hello.life != session.peer_life or session.initiator:
            reason = f"{hello.process} has lost its memory of {session.name}; a recovery will follow"
            return self._turn_away(
                connection, Refused(incarnation=me.incarnation, cut=me.cut, reason=reason, waiting_helps=True)
            )
        effects: list[Effect] = []
        if session.connection is not None:
            effects += self._detach(session, "the session moved to another connection")
        if hello.session:
            session.outgoing.resume(hello.arrived)
        session.outgoing.limit = max(session.outgoing.limit, hello.limit)
        self._accepting.discard(connection)
        self._attach(session, connection)
        if session.phase == "interrupted":
            session.advance("resume")
        session.queue.append(session.welcome(me))
        if session.marker is not None:
            session.queue.append(session.marker)
        if session.phase == "ended":
            session.queue.append(Ended(incarnation=me.incarnation, cut=me.cut))
        session.flowing = True
        return [
            *effects,
            AttachConnection(connection=connection, key=session.key, fresh=False),
            *transmit(session),
            WakeSenders(key=session.key),
        ]

    def _welcome(self, connection: Connection, hello: Hello) -> list[Effect]:
        me = self._identity
        name = hello.session or self._free_name(hello)
        session = Session(
            key=hello.nonce,
            label=hello.label,
            initiator=False,
            fifo=hello.fifo,
            window=self._window,
            bytes_max=self._bytes_max,
        )
        session.name, session.peer, session.peer_life = name, hello.process, hello.life
        session.opened, session.peer_bytes_max = me.cut, hello.message_bytes_max
        session.outgoing.limit = hello.limit
        if (dormant := self._dormant(name)) is not None:
            dormant.advance("reopen")
            del self.sessions[dormant.key]
            session.adopt(dormant)
        self.sessions[session.key] = session
        self._accepting.discard(connection)
        self._attach(session, connection)
        session.queue.append(session.welcome(me))
        effects: list[Effect] = [
            AttachConnection(connection=connection, key=session.key, fresh=True),
            SessionEstablished(key=session.key, session=name),
            *transmit(session),
        ]
        if session.incoming.available:
            effects.append(WakeReceiver(key=session.key))
        return effects

    def _free_name(self, hello: Hello) -> SessionName:
        """That of the first restored session which this one may go on with, else the first that none has or had.

        The peer's program cannot know which of several it was: the sessions before it with that label may have ended.
        """
        taken = {s.name for s in self.sessions.values() if not s.dormant or s.fifo != hello.fifo} | set(hello.closed)
        waiting = [s.name for s in self.sessions.values() if s.dormant and not s.initiator and s.peer == hello.process]
        again = [name for name in waiting if name not in taken and numbered(name)[0] == hello.label]
        if again:
            return min(again, key=numbered)
        ordinal = self._last_retired(hello.process, hello.label)
        while True:
            ordinal += 1
            label = hello.label if ordinal == 1 else f"{hello.label}#{ordinal}"
            name = session_name(hello.process, self._identity.name, label)
            if name not in taken:
                return name

    def give_up(self, key: str, reason: str) -> list[Effect]:
        """The driver has given up a session of ours that nobody has answered."""
        session = self.sessions.get(key)
        return [] if session is None or not session.opening else self.break_off(session, reason)

    def roll_back(self) -> None:
        """A recovery ends all sessions of the incarnation; their connections are the driver's to close."""
        super().roll_back()
        self._hellos.clear()

    def lost(self, connection: Connection) -> list[Effect]:
        """The connection is gone: the session waits for another one, which its initiator makes."""
        self._hellos.pop(connection, None)
        return super().lost(connection)

    def confirm(self, session: Session) -> list[Effect]:
        """The first frame after our Welcome: the initiator knows, so our messages may flow."""
        session.confirmed = session.flowing = True
        session.unanswered = False
        session.advance("establish")
        return transmit(session)

    def _unattended(self) -> tuple[SessionName, ...]:
        return tuple(session.name for session in self.sessions.values() if session.unattended)
