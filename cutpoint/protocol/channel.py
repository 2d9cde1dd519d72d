"""The two halves of a channel: what its sender keeps of it, and what its receiver keeps.

Numbers are the whole algorithm. The sender numbers messages 1, 2, 3, ... when the application's call is made, and
keeps each until the receiver has handed it to its application. The receiver keeps what has arrived and was not
handed over. *Sent* and *received* therefore mean what the two applications did, not what a network did.

At a record the sender's half freezes ``sent``; what has never left the process by then overtakes nothing: the
marker goes ahead of it and the sender records it itself. The receiver's half freezes ``received``; what lies in its
buffer then, and what arrives later with a number up to the marker's, is in-flight.
"""

from __future__ import annotations

from collections import deque
from itertools import islice

from cutpoint.errors import ProtocolViolation
from cutpoint.names import CutNumber, Incarnation, Sequence
from cutpoint.protocol.messages import Close, Data, InFlight, Payload
from cutpoint.protocol.numbers import NumberSet


def size_of(payload: Payload) -> int:
    """What a message counts for in limits: characters or bytes."""
    return len(payload.reason) if isinstance(payload, Close) else len(payload)


class Outgoing:
    """The sender's half.

    ``acknowledged <= forgotten <= transmitted <= furthest <= sent``: handed to the peer's application; not kept here
    (after a recovery the peer has recorded more than it had handed over); given to the present connection; given to
    any connection ever; sent by the application.
    """

    __slots__ = (
        "_bytes",
        "_bytes_max",
        "_retained",
        "_stamp_before",
        "_waiting",
        "acknowledged",
        "boundary",
        "closed",
        "forgotten",
        "furthest",
        "limit",
        "sent",
        "suspended",
    )

    def __init__(self, *, limit: int, bytes_max: int) -> None:
        self.sent = self.acknowledged = self.forgotten = self.furthest = self.boundary = 0
        self.limit = limit
        self.suspended = False
        self.closed = False
        self._bytes = 0
        self._bytes_max = bytes_max
        self._stamp_before = CutNumber(0)
        self._waiting: deque[Payload] = deque()
        self._retained: deque[Payload] = deque()

    @property
    def transmitted(self) -> int:
        """The number of the last message given to the present connection."""
        return self.sent - len(self._waiting)

    @property
    def room(self) -> bool:
        """Whether the application may go on sending without waiting."""
        return self.sent <= self.limit and (self._bytes <= self._bytes_max or self.suspended)

    @property
    def finished(self) -> bool:
        """Closed, and the peer's application has had everything."""
        return self.closed and self.acknowledged == self.sent

    def send(self, payload: Payload) -> Sequence:
        """Number one message. The caller sees to it that nothing is sent on a closed channel."""
        self.sent += 1
        self._waiting.append(payload)
        self._bytes += size_of(payload)
        if isinstance(payload, Close):
            self.closed = True
        return Sequence(self.sent)

    def transmit(self, *, incarnation: Incarnation, cut: CutNumber, bytes_max: int) -> Data | None:
        """The next messages that credit allows, in one frame of about ``bytes_max``; all on one side of the cut."""
        first = self.transmitted + 1
        last = min(self.sent, self.limit)
        stamp = cut
        if first <= self.boundary:
            last, stamp = min(last, self.boundary), self._stamp_before
        batch: list[Payload] = []
        total = 0
        for payload in islice(self._waiting, max(0, last - first + 1)):
            if batch and total + size_of(payload) > bytes_max:
                break
            batch.append(payload)
            total += size_of(payload)
        if not batch:
            return None
        for _ in batch:
            self._waiting.popleft()
        self._retained.extend(batch)
        self.furthest = max(self.furthest, self.transmitted)
        return Data(incarnation=incarnation, cut=stamp, first=Sequence(first), payloads=tuple(batch))

    def acknowledge(self, received: int) -> None:
        """Forget what the peer's application has had; ProtocolViolation if it never left this process."""
        if received > self.furthest:
            raise ProtocolViolation(f"message {received} was acknowledged and only {self.furthest} were transmitted")
        self.acknowledged = max(self.acknowledged, received)
        while self.forgotten < received:
            oldest = self._retained if self._retained else self._waiting
            self._bytes -= size_of(oldest.popleft())
            self.forgotten += 1

    def resume(self, arrived: int) -> None:
        """A new connection: transmit from ``arrived + 1`` on; ProtocolViolation if the peer contradicts our memory."""
        if not self.forgotten <= arrived <= self.furthest:
            raise ProtocolViolation(
                f"the peer says that {arrived} messages have arrived; it had {self.forgotten} "
                f"and {self.furthest} were transmitted"
            )
        while self.transmitted > arrived:
            self._waiting.appendleft(self._retained.pop())

    def mark(self, before: CutNumber) -> None:
        """A cut passes: what has left the process carries the stamp ``before`` from now on, the rest the new one."""
        self.boundary = self.furthest
        self._stamp_before = before

    def in_flight(self) -> tuple[InFlight, ...]:
        """What has never left this process, for its sender to record."""
        waiting = list(self._waiting)[self.furthest - self.transmitted :]
        return tuple(InFlight(Sequence(self.furthest + 1 + i), payload) for i, payload in enumerate(waiting))

    def restore(self, *, sent: int, acknowledged: int, closed: bool, in_flight: tuple[InFlight, ...]) -> None:
        """Become what a cut recorded: everything before ``in_flight`` is the receiver's already."""
        self.sent, self.acknowledged, self.closed = sent, acknowledged, closed
        self.forgotten = self.furthest = self.boundary = sent - len(in_flight)
        self._waiting = deque(message.payload for message in in_flight)
        self._bytes = sum(map(size_of, self._waiting))

    def append(self, other: Outgoing) -> None:
        """Send after ours what ``other`` was given before it was known to be the same channel."""
        for payload in other._waiting:
            self.send(payload)

    def check(self) -> None:
        """Assert the invariants."""
        transmitted = self.transmitted
        assert self.acknowledged <= self.forgotten <= transmitted, "acknowledged and still kept"
        assert transmitted <= self.furthest <= self.sent, "outgoing numbers out of order"
        assert len(self._retained) == transmitted - self.forgotten, "a retained message is missing"
        assert self.boundary <= self.furthest, "boundary beyond what was transmitted"


class Incoming:
    """The receiver's half.

    ``seen``: arrived here. ``taken``: handed to the application. ``final``: the number of the channel's Close, once
    it has arrived.
    """

    __slots__ = ("_buffer", "_last", "closed", "duplicates", "fifo", "final", "seen", "taken")

    def __init__(self, *, fifo: bool) -> None:
        self.fifo = fifo
        self.seen = NumberSet()
        self.taken = NumberSet()
        self.final = 0
        self.closed = False
        self.duplicates = 0
        self._buffer: deque[InFlight] = deque()
        self._last: InFlight | None = None

    def arrive(self, frame: Data) -> tuple[InFlight, ...]:
        """Take the new messages of a frame into the buffer; a gap on a FIFO channel is a ProtocolViolation."""
        if self.fifo and frame.first > self.seen.prefix + 1:
            raise ProtocolViolation(f"message {self.seen.prefix + 1} is missing: {frame.first} came instead")
        new = self._without_duplicates(frame)
        for message in new:
            if self.final and message.number > self.final:
                raise ProtocolViolation(f"message {message.number} came after the channel was closed at {self.final}")
            self.seen.add(message.number)
            if isinstance(message.payload, Close):
                self.final, self._last = message.number, message
            else:
                self._buffer.append(message)
        return new

    def _without_duplicates(self, frame: Data) -> tuple[InFlight, ...]:
        numbered = (InFlight(Sequence(frame.first + i), payload) for i, payload in enumerate(frame.payloads))
        new = tuple(message for message in numbered if message.number not in self.seen)
        self.duplicates += len(frame.payloads) - len(new)
        return new

    @property
    def available(self) -> bool:
        """Whether `take` would give a message."""
        return bool(self._buffer) or (self._last is not None and self.taken.prefix == self.final - 1)

    def take(self) -> InFlight | None:
        """Hand the next message to the application; the channel's Close comes after all others."""
        if self._buffer:
            message = self._buffer.popleft()
        elif self._last is not None and self.taken.prefix == self.final - 1:
            message, self._last = self._last, None
            self.closed = True
        else:
            return None
        self.taken.add(message.number)
        return message

    def buffered(self) -> tuple[InFlight, ...]:
        """What has arrived and was not handed over, in the order of delivery."""
        return tuple(self._buffer) + ((self._last,) if self._last is not None else ())

    def restore(self, *, received: NumberSet, closed: bool, in_flight: tuple[InFlight, ...]) -> None:
        """Become what a cut recorded: ``in_flight`` is delivered first."""
        self.taken = received
        self.seen = NumberSet.from_ranges(received.ranges())
        self.closed = closed
        if closed:
            self.final = received.prefix
        for message in in_flight:
            self.seen.add(message.number)
            if isinstance(message.payload, Close):
                self.final, self._last = message.number, message
            else:
                self._buffer.append(message)

    def check(self) -> None:
        """Assert the invariants."""
        buffered = len(self._buffer) + (self._last is not None)
        assert len(self.seen) == len(self.taken) + buffered, "a message is neither buffered nor taken"
        assert not self.closed or self.taken.prefix == self.final, "closed before everything was taken"
