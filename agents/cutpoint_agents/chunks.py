"""Chunks of a table's encoded batches, put together on the event loop in memory that is used again and again.

Memory that is fresh has to be mapped, page by page, and joining pieces on a thread holds the interpreter's lock for as
long as that takes. So each batch is copied behind the one before as soon as it is encoded, and a thread gives the
memory back once it has written the chunk.
"""

from __future__ import annotations

from cutpoint.store import PartWriter, RunWriter

KEPT_BYTES_MAX = 4 * 1024 * 1024
"""What has grown longer for an unusual chunk is not kept for others."""


class Buffers:
    """Memory that waits to be used again. Threads may give some back at any time."""

    def __init__(self) -> None:
        self._free: list[bytearray] = []

    def take(self) -> bytearray:
        """Some memory; what is in it means nothing."""
        return self._free.pop() if self._free else bytearray()

    def give_back(self, memory: bytearray) -> None:
        """It may be used for something else from now on."""
        if len(memory) <= KEPT_BYTES_MAX:
            self._free.append(memory)


class Chunk:
    """One chunk of ``size`` bytes that sets or removes ``entries`` keys."""

    def __init__(self, buffers: Buffers) -> None:
        self.size = 0
        self.entries = 0
        self._buffers = buffers
        self._memory = buffers.take()

    def add(self, data: bytes, entries: int) -> None:
        """``data`` comes next; it sets or removes ``entries`` keys."""
        end = self.size + len(data)
        self._memory[self.size : end] = data  # grows where it is too short
        self.size = end
        self.entries += entries

    def write(self, writer: PartWriter | RunWriter) -> None:
        """Hand it to ``writer``, and its memory back. Once, and nothing may be added after that. Blocks."""
        writer.add(memoryview(self._memory)[: self.size], self.entries)
        self._buffers.give_back(self._memory)
