"""One direction of a simulated TCP connection: bytes in order, a bounded window, an end, or a reset.

Like TCP it never loses, doubles or reorders a byte of a connection that stands. It may cut what was sent into other
pieces, and it may take any time; what a fault can do is to hold it, or to reset it, and then the rest is lost.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cutpoint_simulations.loop.network import Link, Network
    from cutpoint_simulations.loop.sockets import SimulatedSocket

WINDOW_BYTES = 256 * 1024
"""How much may be sent and not read: the buffers of both ends together."""

FIN = "fin"
RST = "rst"
ACCEPTED = "accepted"
"""What travels beside bytes: the sender has ended; the connection is broken; the connection is made."""

Item = bytes | str


class Stream:
    """From ``writer`` to ``reader`` over ``link``. ``held`` waits for a link that carries nothing at present.

    ``under_way`` bytes were sent and have not arrived, ``buffered`` have arrived and were not read. ``ended``: no more
    will come. ``broken``: what still arrives belongs to a connection that is no more, and is lost.
    """

    def __init__(
        self, network: Network, link: Link, number: int, writer: SimulatedSocket, reader: SimulatedSocket
    ) -> None:
        self.link = link
        self.number = number
        self.writer = writer
        self.reader = reader
        self.buffer: deque[bytes] = deque()
        self.buffered = 0
        self.under_way = 0
        self.ended = False
        self.broken = False
        self.held: deque[Item] = deque()
        self.arrives_not_before = 0.0
        self._network = network

    @property
    def room(self) -> int:
        """How many bytes may be sent now."""
        return WINDOW_BYTES - self.under_way - self.buffered

    def send(self, data: bytes) -> None:
        """Give bytes to the network; there must be room for them."""
        self.under_way += len(data)
        self._network.carry_bytes(self, data)

    def end(self) -> None:
        """No more bytes come."""
        self._network.carry(self, FIN)

    def reset(self) -> None:
        """The connection is broken; the other end will hear of it."""
        self._network.carry(self, RST)

    def arrive(self, item: Item) -> None:
        """What the network has carried is here."""
        reader = self.reader
        if self.broken:
            return
        if reader.gone:
            self._arrive_where_nobody_is(item)
            return
        if isinstance(item, bytes):
            self.under_way -= len(item)
            self.buffer.append(item)
            self.buffered += len(item)
        elif item is FIN:
            self.ended = True
        elif item is RST:
            reader.reset_by_peer()
        else:
            reader.made()
        reader.changed()

    def _arrive_where_nobody_is(self, item: Item) -> None:
        """The machine answers bytes with a reset; once it is up again, if it is down. Nobody ever acknowledges them."""
        if isinstance(item, bytes):
            self.forget()
            self._network.when_reachable(self.reader.host, self.reader.answer_when_gone)

    def forget(self) -> None:
        """What has arrived and was not read is lost, and so is whatever comes yet."""
        self.broken = self.ended = True
        self.buffer.clear()
        self.buffered = 0

    def read(self, bytes_max: int) -> bytes:
        """Take up to ``bytes_max`` bytes that have arrived."""
        had_room = self.room > 0
        buffer = self.buffer
        chunk = buffer.popleft()
        if len(chunk) > bytes_max:
            buffer.appendleft(chunk[bytes_max:])
            chunk = chunk[:bytes_max]
        elif buffer:
            chunk = self._joined(chunk, bytes_max)
        self.buffered -= len(chunk)
        if not had_room:
            self._network.after_latency(self.reader, self.writer, self.writer.changed)
        return chunk

    def _joined(self, chunk: bytes, bytes_max: int) -> bytes:
        chunks, count = [chunk], len(chunk)
        while self.buffer and count + len(self.buffer[0]) <= bytes_max:
            chunks.append(self.buffer.popleft())
            count += len(chunks[-1])
        return b"".join(chunks)

    def check(self) -> None:
        """Assert the invariants."""
        assert self.buffered == sum(map(len, self.buffer)), "bytes in the buffer that were not counted"
        assert self.under_way >= 0, "more has arrived than was sent"
        assert self.room >= 0, "more was sent than the window allows"
        held = sum(len(item) for item in self.held if isinstance(item, bytes))
        assert held <= self.under_way or self.broken, "bytes held that were not counted as sent"
