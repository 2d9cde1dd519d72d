"""One session at one end: two channels, one each way, over one connection after another.

A session outlives its connections: whoever opened it connects again and both ends resume at the right numbers.
Opening is a marker in both directions. The acceptor welcomes only a Hello from inside the cuts that it has
recorded, and says which that is; the initiator lets nothing flow before the Welcome, nor the acceptor before the
first frame after it. So both ends agree for every cut whether the session existed in it.

This module keeps the facts; `cutpoint.protocol.process` decides.
"""

from __future__ import annotations

from collections import deque

from cutpoint.names import CutNumber, Incarnation, Life, ProcessName, Sequence, SessionName
from cutpoint.protocol.channel import Incoming, Outgoing
from cutpoint.protocol.events import Connection
from cutpoint.protocol.identity import Identity
from cutpoint.protocol.messages import (
    PROTOCOL_VERSION,
    Acknowledge,
    AnyFrame,
    Credit,
    Data,
    Hello,
    IncomingEvidence,
    Marker,
    OutgoingEvidence,
    SessionEvidence,
    SessionRecord,
    Welcome,
)
from cutpoint.protocol.numbers import NumberSet, ranges_of
from cutpoint.protocol.transitions import SESSION


class Session:
    """One end of one session. ``name`` and ``peer`` are empty until the peer has answered.

    ``unanswered``: the other end may have nothing of it: our Hello has not been answered, or our Welcome confirmed, and
    no recovery point holds both ends. ``unattended``: a recovery has restored it, and our application had closed it.
    """

    def __init__(self, *, key: str, label: str, initiator: bool, fifo: bool, window: int, bytes_max: int) -> None:
        self.key = key
        self.label = label
        self.initiator = initiator
        self.fifo = fifo
        self.window = window
        self.phase = SESSION.start
        self.name = SessionName("")
        self.peer = ProcessName("")
        self.peer_life = Life("")
        self.unanswered = True
        self.unattended = False
        self.answered: CutNumber | None = None
        self.kept_cuts = 0
        self.peer_bytes_max = 0
        self.address = ""
        self.opened = CutNumber(0)
        self.connection: Connection | None = None
        self.flowing = False
        self.confirmed = False
        self.outgoing = Outgoing(limit=window, bytes_max=bytes_max)
        self.incoming = Incoming(fifo=fifo)
        self.queue: deque[AnyFrame] = deque()
        self.held: deque[AnyFrame] = deque()
        self.marker: Marker | None = None
        self._told_received = 0
        self._told_limit = 0
        self._told_suspended = False

    def advance(self, step: str) -> None:
        """Take one step of the SESSION table."""
        self.phase = SESSION.after(self.phase, step)

    @property
    def opening(self) -> bool:
        """Whether the other end may not know of this session yet."""
        return self.phase == "opening"

    @property
    def dormant(self) -> bool:
        """Whether a recovery has restored this session and nobody has connected it since."""
        return self.phase == "dormant"

    @property
    def finished(self) -> bool:
        """Both channels are closed and drained, as far as this end can know."""
        return self.outgoing.finished and self.incoming.closed

    def title(self) -> str:
        """How messages to people call it."""
        return self.name or f"(unanswered):{self.label}"

    # ------------------------------------------------------------------------------------------------ frames

    def hello(self, me: Identity, *, closed: tuple[SessionName, ...]) -> Hello:
        """The initiator's first frame on each connection."""
        return Hello(
            incarnation=me.incarnation,
            cut=me.cut,
            version=PROTOCOL_VERSION,
            process=me.name,
            life=me.life,
            label=self.label,
            nonce=self.key,
            session=SessionName("") if self.opening and not self.unattended else self.name,
            fifo=self.fifo,
            arrived=Sequence(self.incoming.seen.prefix),
            limit=Sequence(self.incoming.taken.prefix + self.window),
            closed=closed,
            reopens=self.opening and self.unattended and self.unanswered,
            computation=me.computation,
            message_bytes_max=me.message_bytes_max,
        )

    def welcome(self, me: Identity) -> Welcome:
        """The acceptor's answer to it."""
        return Welcome(
            incarnation=me.incarnation,
            cut=me.cut,
            version=PROTOCOL_VERSION,
            process=me.name,
            life=me.life,
            session=self.name,
            opened=self.opened,
            arrived=Sequence(self.incoming.seen.prefix),
            limit=Sequence(self.incoming.taken.prefix + self.window),
            computation=me.computation,
            message_bytes_max=me.message_bytes_max,
        )

    def reports(self, *, incarnation: Incarnation, cut: CutNumber, suspended: bool) -> tuple[AnyFrame, ...]:
        """What the peer should know of our receiving and was not told yet on this connection."""
        frames: list[AnyFrame] = []
        received = self.incoming.taken.prefix
        if received > self._told_received:
            frames.append(Acknowledge(incarnation=incarnation, cut=cut, received=Sequence(received)))
            self._told_received = received
        limit = (max(self.incoming.seen.prefix, self._highest_held()) if suspended else received) + self.window
        if limit > self._told_limit or suspended != self._told_suspended:
            if not self.fifo:
                limit = max(limit, self._told_limit)
            frames.append(Credit(incarnation=incarnation, cut=cut, limit=Sequence(limit), suspended=suspended))
            self._told_limit, self._told_suspended = limit, suspended
        return tuple(frames)

    def _highest_held(self) -> int:
        numbers = (frame.first + len(frame.payloads) - 1 for frame in self.held if isinstance(frame, Data))
        return max(numbers, default=0)

    def connect(self, connection: Connection) -> None:
        """Carry on over ``connection``; what was told on the old one may not have arrived."""
        self.connection = connection
        self.queue.clear()
        self.held.clear()
        self._told_received = 0
        self._told_limit = 0
        self._told_suspended = False

    def disconnect(self) -> None:
        """The connection is gone, and what it held will be transmitted again."""
        self.connection = None
        self.flowing = False
        self.queue.clear()
        self.held.clear()

    # --------------------------------------------------------------------------------------------- recording

    def adopt(self, dormant: Session) -> None:
        """Turn out to be the restored session of this name: its past first, then what was sent meanwhile."""
        mine = self.outgoing
        self.unanswered = dormant.unanswered
        self.outgoing, self.incoming = dormant.outgoing, dormant.incoming
        self.outgoing.limit = mine.limit
        self.outgoing.append(mine)

    def freeze(self) -> SessionRecord:
        """Both channels as they are now; the messages are what this end would record if nothing more came."""
        outgoing, incoming = self.outgoing.in_flight(), self.incoming.buffered()
        evidence = SessionEvidence(
            session=self.name,
            peer=self.peer,
            initiator=self.initiator,
            outgoing=OutgoingEvidence(
                session=self.name,
                receiver=self.peer,
                fifo=self.fifo,
                sent=Sequence(self.outgoing.sent),
                acknowledged=Sequence(self.outgoing.acknowledged),
                in_flight_from=Sequence(self.outgoing.furthest + 1),
                closed=self.outgoing.closed,
                opening=self.unanswered,
            ),
            incoming=IncomingEvidence(
                session=self.name,
                sender=self.peer,
                fifo=self.fifo,
                received=self.incoming.taken.ranges(),
                in_flight=ranges_of(sorted(message.number for message in incoming)),
                closed=self.incoming.closed,
            ),
        )
        return SessionRecord(
            evidence=evidence, outgoing_in_flight=outgoing, incoming_in_flight=incoming, address=self.address
        )

    @classmethod
    def restore(cls, record: SessionRecord, *, label: str, window: int, bytes_max: int) -> Session:
        """The session as a cut recorded it, waiting for both applications to open it again."""
        evidence = record.evidence
        session = cls(
            key=f"{'initiator' if evidence.initiator else 'acceptor'} of {evidence.session}",
            label=label,
            initiator=evidence.initiator,
            fifo=evidence.outgoing.fifo,
            window=window,
            bytes_max=bytes_max,
        )
        session.phase = "dormant"
        session.name, session.peer = evidence.session, evidence.peer
        session.unanswered = evidence.outgoing.opening
        session.address = record.address
        session.outgoing.restore(
            sent=evidence.outgoing.sent,
            acknowledged=evidence.outgoing.acknowledged,
            closed=evidence.outgoing.closed,
            in_flight=record.outgoing_in_flight,
        )
        session.incoming.restore(
            received=NumberSet.from_ranges(evidence.incoming.received),
            closed=evidence.incoming.closed,
            in_flight=record.incoming_in_flight,
        )
        return session

    def check(self) -> None:
        """Assert the invariants."""
        self.outgoing.check()
        self.incoming.check()
        assert not self.flowing or self.connection is not None, "flowing without a connection"
