"""One direction of a simulated TCP connection: bytes in order, a bounded window, an end, or a reset.

Like TCP it never loses, doubles or reorders a byte of a connection that stands. It may cut what was sent into other
pieces, and it may take any time; what a fault can do is to hold it, or to reset it, and then the rest is lost.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cutpoint_simulations.loop.network import Network
    from cutpoint_simulations.loop.sockets import SimulatedSocket

WINDOW_BYTES = 256 * 1024
"""How much may be sent and not read: the buffers of both ends together."""

FIN = "fin"
RST = "rst"
ACCEPTED = "accepted"
"""What travels beside bytes: the sender has ended; the connection is broken; the connection is made."""

Item = bytes | str


class Stream:
    """From ``writer`` to ``reader``. ``held`` waits for a link that carries nothing at present."""

    def __init__(self, network: Network, writer: SimulatedSocket, reader: SimulatedSocket) -> None:
        self.writer = writer
        self.reader = reader
        self.buffer: deque[bytes] = deque()
        self.buffered = 0
        self.ended = False
        self.held: deque[Item] = deque()
        self.arrives_not_before = 0.0
        self._under_way = 0
        self._network = network

    @property
    def room(self) -> int:
        """How many bytes may be sent now."""
        return max(0, WINDOW_BYTES - self._under_way - self.buffered)

    def send(self, data: bytes) -> None:
        """Give bytes to the network; there must be room for them."""
        self._under_way += len(data)
        for piece in self._network.pieces(data):
            self._network.carry(self, piece)

    def end(self) -> None:
        """No more bytes come."""
        self._network.carry(self, FIN)

    def reset(self) -> None:
        """The connection is broken; the other end will hear of it."""
        self._network.carry(self, RST)

    def arrive(self, item: Item) -> None:
        """What the network has carried is here."""
        reader = self.reader
        if isinstance(item, bytes):
            self._under_way -= len(item)
        if reader.gone:
            if isinstance(item, bytes):
                reader.answer_when_gone()
            return
        if isinstance(item, bytes):
            self.buffer.append(item)
            self.buffered += len(item)
        elif item is FIN:
            self.ended = True
        elif item is RST:
            reader.broken()
        else:
            reader.made()
        reader.changed()

    def read(self, bytes_max: int) -> bytes:
        """Take up to ``bytes_max`` bytes that have arrived."""
        chunk = self.buffer.popleft()
        if len(chunk) > bytes_max:
            self.buffer.appendleft(chunk[bytes_max:])
            chunk = chunk[:bytes_max]
        while self.buffer and len(chunk) + len(self.buffer[0]) <= bytes_max:
            chunk += self.buffer.popleft()
        had_room = self.room > 0
        self.buffered -= len(chunk)
        if not had_room:
            self._network.after_latency(self.reader, self.writer, self.writer.changed)
        return chunk
