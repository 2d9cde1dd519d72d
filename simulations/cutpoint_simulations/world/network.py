"""Connections as two queues of frames. A connection keeps order unless it was opened as one that does not."""

from __future__ import annotations

import dataclasses
from collections import deque

from cutpoint.protocol.messages import AnyFrame


@dataclasses.dataclass(kw_only=True)
class Line:
    """One direction of a connection: frames under way to ``to``, which knows the connection as ``number``.

    ``held``: nothing arrives until it is released.
    """

    to: str
    number: int
    fifo: bool
    frames: deque[AnyFrame] = dataclasses.field(default_factory=deque)
    ends: bool = False
    held: bool = False

    def pop(self, index: int) -> AnyFrame:
        """Take the frame that arrives next; only a line without order may give another than the first."""
        assert self.fifo is False or index == 0, "a FIFO line gives frames in order"
        frame = self.frames[index]
        del self.frames[index]
        return frame


@dataclasses.dataclass(kw_only=True)
class Wire:
    """One connection: ``number`` at both ends, a line each way. ``lossy``: it has lost a frame, and will break."""

    number: int
    client: str
    server: str
    forth: Line
    back: Line
    alive: bool = True
    lossy: bool = False

    def line_from(self, process: str) -> Line:
        """The line on which ``process`` transmits."""
        return self.forth if process == self.client else self.back

    def line_to(self, process: str) -> Line:
        """The line from which ``process`` receives."""
        return self.back if process == self.client else self.forth

    def other(self, process: str) -> str:
        """The other end."""
        return self.server if process == self.client else self.client


class Network:
    """All living connections of a world. ``severed``: pairs of a sender and a receiver whom nothing from it reaches."""

    def __init__(self) -> None:
        self.severed: dict[tuple[str, str], None] = {}
        self.wires: dict[int, Wire] = {}
        self._of: dict[str, dict[int, Wire]] = {}
        self._next = 1

    def connect(self, client: str, server: str, *, fifo: bool, number: int = 0) -> Wire:
        """A new connection, with this number if it is not 0."""
        number = number or self._next
        assert number not in self.wires, f"connection {number} is there"
        self._next = max(self._next, number + 1)
        wire = Wire(
            number=number,
            client=client,
            server=server,
            forth=Line(to=server, number=number, fifo=fifo),
            back=Line(to=client, number=number, fifo=fifo),
        )
        self.wires[number] = wire
        for end in (client, server):
            self._of.setdefault(end, {})[number] = wire
        return wire

    def reserve(self, number: int) -> None:
        """Numbers that are given from now on are higher."""
        self._next = max(self._next, number + 1)

    def of(self, process: str) -> list[Wire]:
        """The living connections of a process, the oldest first."""
        return list(self._of.get(process, {}).values())

    def drop(self, number: int) -> Wire | None:
        """The connection breaks: what was under way on it is lost."""
        wire = self.wires.pop(number, None)
        if wire is not None:
            for end in (wire.client, wire.server):
                del self._of[end][number]
            wire.alive = False
            wire.forth.frames.clear()
            wire.back.frames.clear()
        return wire
