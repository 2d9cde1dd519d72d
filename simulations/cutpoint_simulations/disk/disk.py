"""A simulated disk: what a program finds there while it runs, and what a power failure would leave.

A `Disk` is a value: no globals, no clock and no chance of its own, the same in every run. Programs that share it get a
`Mount` each; a single one may use the disk itself. Both offer what the system calls of the same names do, with Linux's
errors; `cutpoint_simulations.disk.filesystem` puts them under `os` and `open`.

* ``kill``: a program dies, the machine lives. Its descriptors are gone, what it wrote stays readable.
* `Disk.crash`: the power fails, all programs die. What was not flushed is lost or kept by chance, and torn; what
  survives is durable. How files suffer is told in `cutpoint_simulations.disk.inodes`, how names do in
  `cutpoint_simulations.disk.changes`.

The operation that was cut short raises `Stopped`, and so does everything that is asked of a killed mount: the dead
program's code gets nowhere, not even in its ``finally``. Bytes once flushed and not written again stay what they are.
"""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable
from typing import TypeVar

from cutpoint_simulations.disk.changes import settle
from cutpoint_simulations.disk.gate import Gate, Stopped
from cutpoint_simulations.disk.inodes import File
from cutpoint_simulations.disk.system_calls import SystemCalls
from cutpoint_simulations.disk.tree import Tree

M = TypeVar("M", bound="Mount")

_SHARES_KEPT = (0.0, 0.25, 0.5, 0.75, 1.0)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Loss:
    """What a crash did to what had not been flushed."""

    writes_lost: int
    writes_torn: int
    changes_lost: tuple[str, ...]

    def __str__(self) -> str:
        """In short, for a trace."""
        return f"{self.writes_lost} writes lost, {self.writes_torn} torn, {len(self.changes_lost)} names not kept"


@dataclasses.dataclass(frozen=True, kw_only=True)
class DiskStatistics:
    """What there is, and what has happened."""

    files: int
    folders: int
    content_bytes: int
    descriptors: int
    unflushed_writes: int
    unflushed_changes: int
    operations: int
    crashes: int


class Mount(SystemCalls):
    """A disk as one life of one program sees it."""

    dead = False

    def kill(self) -> None:
        """The program is dead, now and for ever; its next life gets a mount of its own."""
        super().kill()
        self.dead = True

    def _enter(self) -> None:
        if self.dead:
            raise Stopped
        super()._enter()


class Disk(SystemCalls):
    """``clock`` reads the machine's wall clock in seconds; it dates what is written. ``number``: see `Tree`."""

    def __init__(self, clock: Callable[[], float] = lambda: 0.0, *, number: int = 0) -> None:
        self.gate = Gate()
        super().__init__(Tree(self.gate, lambda: round(clock() * 1e9), number))
        self.crashes = 0
        self.failures = 0
        self._mounts: list[Mount] = []

    def mount(self) -> Mount:
        """A program's view of the disk, until it is killed or the disk crashes."""
        return self.mounted(Mount(self.tree))

    def mounted(self, mount: M) -> M:
        """The same for a view that is there already."""
        self._mounts = [mount for mount in self._mounts if not mount.dead]
        self._mounts.append(mount)
        return mount

    @property
    def operations(self) -> int:
        """How many operations have changed or flushed something, or failed on request."""
        return self.gate.operations

    @property
    def before_operation(self) -> Callable[[str, str], None] | None:
        """Called with the name and path of each such operation just before it happens; may `crash` or `kill`."""
        return self.gate.before

    @before_operation.setter
    def before_operation(self, hook: Callable[[str, str], None] | None) -> None:
        self.gate.before = hook

    def fail_after(self, operations: int, code: int) -> int:
        """Let so many more operations succeed and the following ones fail with this error number, until `heal`.

        Takes the place of a failure that stands. Returns the number of this one.

        A full disk (ENOSPC, EDQUOT) refuses only what takes space, and has room for half of the write that fills it.
        After a flush that failed with EIO the writes that it was to flush will never be durable, as on Linux.
        """
        self.gate.fails_from, self.gate.fails_with = self.operations + operations, code
        self.failures += 1
        return self.failures

    @property
    def failing(self) -> bool:
        """Whether it fails, or will after some more operations."""
        return self.gate.fails_from is not None

    def heal(self, failure: int | None = None) -> None:
        """End what `fail_after` began; with the number of a ``failure``, only if no other has taken its place."""
        if failure in (None, self.failures):
            self.gate.fails_from = None

    def crash(self, chance: random.Random) -> Loss:
        """The power fails: what was not flushed is lost, torn or kept, as ``chance`` will have it."""
        for program in (self, *self._mounts):
            program.kill()
        self.crashes += 1
        changes, share = self.tree.changes, chance.choice(_SHARES_KEPT)
        settle(changes, [chance.random() < share for _ in changes])
        changes_lost = tuple(change.text for change in changes)
        changes.clear()
        lost = torn = 0
        for inode in self.tree.recover():
            if isinstance(inode, File):
                here_lost, here_torn = inode.tear(chance)
                lost, torn = lost + here_lost, torn + here_torn
        return Loss(writes_lost=lost, writes_torn=torn, changes_lost=changes_lost)

    def put(self, path: str, data: bytes) -> None:
        """Make a durable file and its folders, or replace it: what the disk held before the simulation began."""
        self.tree.preload(path, data)

    def files(self) -> dict[str, bytes]:
        """All files as programs see them, by path."""
        return {path: bytes(inode.content) for path, inode in self.tree.walk() if isinstance(inode, File)}

    def statistics(self) -> DiskStatistics:
        """What there is, and what has happened."""
        inodes = {inode.number: inode for _, inode in self.tree.walk()}
        files = [inode for inode in inodes.values() if isinstance(inode, File)]
        return DiskStatistics(
            files=len(files),
            folders=len(inodes) - len(files),
            content_bytes=sum(len(file.content) for file in files),
            descriptors=sum(program.descriptors for program in (self, *self._mounts)),
            unflushed_writes=sum(len(file.unflushed) for file in files),
            unflushed_changes=len(self.tree.changes),
            operations=self.operations,
            crashes=self.crashes,
        )

    def check(self) -> None:
        """Assert the invariants."""
        self.tree.check()
        for program in (self, *self._mounts):
            program.check_descriptors()
            assert not isinstance(program, Mount) or not program.dead or not program.descriptors, "open after death"
