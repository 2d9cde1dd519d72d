"""Files and folders as a file system keeps them: once as programs see them, once as the disk would give them back.

A file remembers the writes since it was last flushed; replayed over its durable bytes they give its content.
`File.tear` decides what a crash leaves of them. POSIX promises nothing about bytes that were not flushed, so any of
this happens:

* the writes up to some point are there, the next one in part, the later ones not;
* or each for itself: there, in part, or not (disks and caches write in their own order);
* a write that is there in part was cut anywhere, or misses a run of 512-byte sectors in the middle or at the start
  while later ones are there. Where bytes are missing stands what stood there before, or zeros beyond the former end.

Never: bytes that nobody wrote there, or damage to what was flushed and not written to since. The latter is what disks
promise with their sector writes; what breaks the promise is another fault.
"""

from __future__ import annotations

import dataclasses
import random

SECTOR_BYTES = 512
"""What a disk writes whole."""

UNFLUSHED_MAX = 1024
"""After so many unflushed writes to a file the oldest half reaches the disk by itself, as in every operating system."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Write:
    """``data`` was put at ``offset``; what lay between the former end and there is zeros."""

    offset: int
    data: bytes

    def apply(self, content: bytearray) -> None:
        """Do it to ``content``."""
        _extend(content, self.offset + len(self.data))
        content[self.offset : self.offset + len(self.data)] = self.data

    def apply_torn(self, content: bytearray, chance: random.Random) -> None:
        """Do part of it."""
        if chance.random() < 0.5:
            Write(offset=self.offset, data=self.data[: chance.randint(0, len(self.data))]).apply(content)
            return
        end = self.offset + len(self.data)
        first, after = self.offset // SECTOR_BYTES, (end + SECTOR_BYTES - 1) // SECTOR_BYTES
        gap_start = chance.randint(first, after) * SECTOR_BYTES
        gap_end = chance.randint(gap_start // SECTOR_BYTES, after) * SECTOR_BYTES
        _extend(content, end)
        for start, stop in ((self.offset, min(gap_start, end)), (max(gap_end, self.offset), end)):
            if start < stop:
                content[start:stop] = self.data[start - self.offset : stop - self.offset]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Resize:
    """The file was cut off at ``size``, or extended to it with zeros."""

    size: int

    def apply(self, content: bytearray) -> None:
        """Do it to ``content``."""
        del content[self.size :]
        _extend(content, self.size)

    def apply_torn(self, content: bytearray, chance: random.Random) -> None:
        """A size changes or does not."""
        if chance.random() < 0.5:
            self.apply(content)


@dataclasses.dataclass(eq=False, kw_only=True)
class File:
    """A file, under as many names as ``links`` counts; ``content`` is what programs read."""

    number: int
    mode: int
    modified_ns: int
    links: int = 0
    content: bytearray = dataclasses.field(default_factory=bytearray)
    durable: bytearray = dataclasses.field(default_factory=bytearray)
    unflushed: list[Write | Resize] = dataclasses.field(default_factory=list)
    forgotten: bool = False
    """Whether a failed flush has dropped writes: they can be read until the next crash and never become durable."""

    def change(self, write: Write | Resize) -> None:
        """Let programs see it; the disk will once it is flushed."""
        write.apply(self.content)
        self.unflushed.append(write)
        if len(self.unflushed) > UNFLUSHED_MAX:
            self._flush(UNFLUSHED_MAX // 2)

    def flush(self) -> None:
        """Make all content durable."""
        self._flush(len(self.unflushed))

    def forget_unflushed(self) -> None:
        """A flush has failed: like Linux, take the writes for written, so that the next flush says nothing of them."""
        self.forgotten = self.forgotten or bool(self.unflushed)
        self.unflushed.clear()

    def tear(self, chance: random.Random) -> tuple[int, int]:
        """A crash: keep what survives. Returns how many writes are gone and how many were torn."""
        lost = torn = 0
        in_order, upto = chance.random() < 0.5, chance.randint(0, len(self.unflushed))
        for number, write in enumerate(self.unflushed):
            fate = (number > upto) - (number < upto) if in_order else chance.choice((-1, 0, 1))
            if fate < 0:
                write.apply(self.durable)
            elif fate > 0:
                lost += 1
            else:
                write.apply_torn(self.durable, chance)
                torn += 1
        self.unflushed.clear()
        self.forgotten = False
        self.content = bytearray(self.durable)
        return lost, torn

    def check(self) -> None:
        """Assert the invariants."""
        replayed = bytearray(self.durable)
        for write in self.unflushed:
            write.apply(replayed)
        assert self.forgotten or replayed == self.content, "what was flushed and what was not are not the content"

    def _flush(self, count: int) -> None:
        for write in self.unflushed[:count]:
            write.apply(self.durable)
        del self.unflushed[:count]


@dataclasses.dataclass(eq=False, kw_only=True)
class Folder:
    """A folder: names to files and folders. ``parent`` is itself for the root, and None once it was removed."""

    number: int
    mode: int
    modified_ns: int
    parent: Folder | None = None
    entries: dict[str, Inode] = dataclasses.field(default_factory=dict)
    durable: dict[str, Inode] = dataclasses.field(default_factory=dict)


Inode = File | Folder


def _extend(content: bytearray, size: int) -> None:
    """Fill with zeros up to ``size``."""
    if len(content) < size:
        content.extend(bytes(size - len(content)))
