"""A simulated socket: what `asyncio`'s own transports and servers are given in place of an operating system's.

TCP over IPv4, never blocking. What it is asked and cannot do is refused with the line that asked.
"""

from __future__ import annotations

import errno
import os
import socket
from collections import deque
from collections.abc import Iterable
from selectors import EVENT_READ, EVENT_WRITE
from typing import TYPE_CHECKING, Any, NoReturn

from cutpoint_simulations.loop.stream import Stream
from cutpoint_simulations.refusal import not_simulated

if TYPE_CHECKING:
    from cutpoint_simulations.loop.host import Host

Address = tuple[str, int]
NOWHERE: Address = ("0.0.0.0", 0)
REAL_SOCKET = socket.socket
_NEVER_BLOCKS: int = getattr(socket, "SOCK_NONBLOCK", 0)
_KIND_FLAGS: int = _NEVER_BLOCKS | getattr(socket, "SOCK_CLOEXEC", 0)


class SimulatedSocket:
    """One socket of one life of ``host``."""

    def __init__(
        self,
        host: Host,
        family: int = -1,
        type: int = -1,  # noqa: A002
        proto: int = 0,
        fileno: int | None = None,
    ) -> None:
        kind = type & ~_KIND_FLAGS if type != -1 else socket.SOCK_STREAM
        if family not in (-1, socket.AF_INET) or kind != socket.SOCK_STREAM or fileno is not None:
            host.refuse(not_simulated(f"a socket of family {family!r} and type {type!r}", "use TCP over IPv4"))
        self.host = host
        self.life = host.life
        self.family = socket.AF_INET
        self.type = socket.SOCK_STREAM
        self.proto = max(0, proto)
        self.address: Address = NOWHERE
        self.peer: Address = NOWHERE
        self.incoming: Stream | None = None
        self.outgoing: Stream | None = None
        self.backlog: deque[SimulatedSocket] = deque()
        self.listening = False
        self.closed = False
        self._connecting = False
        self._error = 0
        self._fd = host.network.next_descriptor()
        self._blocking = type == -1 or not type & _NEVER_BLOCKS
        self._shut = False
        host.own(self._fd, self)

    # ------------------------------------------------------------------------------------------------- what it says

    def fileno(self) -> int:
        """A number that no descriptor of the operating system has; -1 once closed."""
        return -1 if self.closed else self._fd

    def getsockname(self) -> Address:
        """Where it is bound."""
        return self.address

    def getpeername(self) -> Address:
        """The other end. Raises OSError if there is none."""
        if self.outgoing is None:
            raise OSError(errno.ENOTCONN, os.strerror(errno.ENOTCONN))
        return self.peer

    def getsockopt(self, level: int, option: int, buflen: int = 0) -> int:
        """The pending error, once; every other option is 0."""
        if (level, option) == (socket.SOL_SOCKET, socket.SO_ERROR):
            error, self._error = self._error, 0
            return error
        return 0

    def setsockopt(self, *_: Any) -> None:
        """Every option is taken and has no effect."""

    def setblocking(self, flag: bool) -> None:
        """A socket that blocks is allowed until it would block."""
        self._blocking = flag

    def settimeout(self, seconds: float | None) -> None:
        """0: never block."""
        self._blocking = seconds != 0

    def gettimeout(self) -> float | None:
        """None for a socket that blocks, else 0."""
        return None if self._blocking else 0.0

    @property
    def gone(self) -> bool:
        """Whether nobody will ever read here: closed, or its process has ended."""
        return self.closed or self.life != self.host.life or not self.host.alive

    @property
    def mask(self) -> int:
        """What it is ready for."""
        if self.listening:
            return EVENT_READ if self.backlog else 0
        if self._connecting:
            return 0
        ready = 0
        incoming, outgoing = self.incoming, self.outgoing
        if self._error or (incoming is not None and (incoming.buffer or incoming.ended)):
            ready |= EVENT_READ
        if self._error or (outgoing is not None and outgoing.room):
            ready |= EVENT_WRITE
        return ready

    # ----------------------------------------------------------------------------------------- making a connection

    def bind(self, address: tuple[Any, ...]) -> None:
        """Take an address of this host; port 0 takes a free one. Raises OSError if it is taken."""
        self._alive()
        self.address = self.host.network.bind(self.host, str(address[0]), int(address[1]))

    def listen(self, backlog: int = 128) -> None:
        """Take connections from now on."""
        self._alive()
        if self.listening:
            return
        if self.address == NOWHERE:
            self.bind(("", 0))
        self.host.network.listen(self)
        self.listening = True

    def accept(self) -> tuple[SimulatedSocket, Address]:
        """The next connection. Raises BlockingIOError if there is none."""
        self._alive()
        if not self.backlog:
            raise self._would_block("accept")
        accepted = self.backlog.popleft()
        return accepted, accepted.peer

    def connect(self, address: tuple[Any, ...]) -> None:
        """Begin to connect. Raises BlockingIOError: it is ready to write when it is connected or has failed."""
        self._alive()
        if self._blocking:
            raise self._would_block("connect")
        if self.address == NOWHERE:
            self.address = self.host.network.bind(self.host, "", 0)
        self.peer = (str(address[0]), int(address[1]))
        self._connecting = True
        self.host.network.connect(self)
        raise BlockingIOError(errno.EINPROGRESS, os.strerror(errno.EINPROGRESS))

    def connect_ex(self, address: tuple[Any, ...]) -> int:
        """As `connect`, with the error as a number."""
        try:
            self.connect(address)
        except OSError as error:
            return error.errno or 0
        return 0

    def attach(self, incoming: Stream, outgoing: Stream) -> None:
        """The network has made the connection."""
        self.incoming, self.outgoing = incoming, outgoing

    def made(self) -> None:
        """The other end has accepted."""
        self._connecting = False

    def refused(self, error: int) -> None:
        """The connection cannot be made."""
        if self._connecting and not self.gone:
            self._connecting, self._error = False, error
            self.changed()

    # ---------------------------------------------------------------------------------------------------- the bytes

    def recv(self, bytes_max: int, flags: int = 0) -> bytes:
        """What has arrived; empty at the end. Raises BlockingIOError, ConnectionResetError."""
        self._usable()
        incoming = self.incoming
        if incoming is None:
            raise OSError(errno.ENOTCONN, os.strerror(errno.ENOTCONN))
        if incoming.buffer:
            data = incoming.read(bytes_max)
            if not incoming.buffer and not incoming.ended and self.host.loop is not None:
                self.host.loop.drained(self._fd)
            return data
        if incoming.ended:
            return b""
        raise self._would_block("recv")

    def recv_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> int:
        """As `recv`, into ``buffer``."""
        view = memoryview(buffer).cast("B")
        data = self.recv(nbytes or len(view), flags)
        view[: len(data)] = data
        return len(data)

    def send(self, data: Any, flags: int = 0) -> int:
        """Send as much as there is room for. Raises BlockingIOError, BrokenPipeError, ConnectionResetError."""
        self._usable()
        outgoing = self.outgoing
        if outgoing is None or self._shut:
            raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))
        room = outgoing.room
        chunk = bytes(data) if len(data) <= room else bytes(memoryview(data).cast("B")[:room])
        if chunk:
            outgoing.send(chunk)
        elif len(data):
            raise self._would_block("send")
        return len(chunk)

    def sendall(self, data: Any, flags: int = 0) -> None:
        """Send all of it, which there must be room for."""
        if self.send(data, flags) < len(data):
            raise self._would_block("sendall")

    def sendmsg(self, buffers: Iterable[Any], *_: Any) -> int:
        """Send the buffers as one."""
        return self.send(b"".join(bytes(buffer) for buffer in buffers))

    def shutdown(self, how: int) -> None:
        """End the direction that leaves here; what comes in is read or not, as the reader likes."""
        self._alive()
        if self.outgoing is None:
            raise OSError(errno.ENOTCONN, os.strerror(errno.ENOTCONN))
        if how != socket.SHUT_RD and not self._shut:
            self._shut = True
            self.outgoing.end()

    # -------------------------------------------------------------------------------------------------------- the end

    def close(self) -> None:
        """Let go of it. What was sent still arrives; what was not read is lost, and then the other end hears of it."""
        if self.closed:
            return
        lives = not self.gone
        self.closed = True
        self.host.disown(self._fd, self)
        if not lives:
            return
        if self.listening:
            self.host.network.stop_listening(self)
            for accepted in self.backlog:
                if accepted.outgoing is not None:
                    accepted.outgoing.reset()
        self.let_go()

    def let_go(self) -> None:
        """What an operating system does with a connection that is closed, or whose process has ended."""
        if self.outgoing is None:
            return
        if self.incoming is not None and self.incoming.buffer:
            self.outgoing.reset()
        elif not self._shut:
            self.outgoing.end()

    def answer_when_gone(self) -> None:
        """Bytes have come for a socket that is gone: its operating system answers with a reset."""
        if self.outgoing is not None:
            self.outgoing.reset()

    def reset_by_peer(self) -> None:
        """The connection is broken: what had arrived and was not read is lost."""
        self._error = errno.ECONNRESET
        self._connecting = False
        self._shut = True
        if self.incoming is not None:
            self.incoming.forget()

    def changed(self) -> None:
        """Something may be ready that was not."""
        if not self.gone:
            self.host.ready(self._fd)

    def _usable(self) -> None:
        if self.closed or self.life != self.host.life or not self.host.alive:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        if self._error:
            error, self._error = self._error, 0
            raise OSError(error, os.strerror(error))

    def _alive(self) -> None:
        if self.closed or self.life != self.host.life or not self.host.alive:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))

    def _would_block(self, what: str) -> BlockingIOError:
        if self._blocking:
            instead = "use asyncio's streams, or setblocking(False)"
            self.host.refuse(not_simulated(f"a socket that blocks in {what}()", instead))
        return BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    def __getattr__(self, name: str) -> NoReturn:
        """What a real socket has and this one has not is refused: `recvfrom`, `makefile`, `dup` and their like."""
        if hasattr(REAL_SOCKET, name):
            self.host.refuse(not_simulated(f"socket.{name}()", "use asyncio's streams"))
        raise AttributeError(f"a simulated socket has no attribute {name!r}")

    def __enter__(self) -> SimulatedSocket:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<simulated socket {self._fd} of {self.host.name}, {self.address} to {self.peer}>"
