"""Changes of names that a crash may still undo, and which of them a flush or a crash takes together.

POSIX makes a new, changed or removed name durable when its folder is flushed, and says nothing of the order in which
others become durable. What file systems were seen to do is in Pillai et al., "All File Systems Are Not Created Equal"
(OSDI 2014). Here, after a crash, **any subset** of the unflushed changes is there, except that each takes with it:

1. the earlier changes of the same names, so that a name is what it was at some moment;
2. if it removes or replaces a folder: the earlier changes inside that folder, which had to be empty;
3. if it renames: the earlier changes that named the folders above the new name. Without this a rename might lose what
   it moves, or hang a folder below itself; and it is promised to be atomic.

A file that was flushed itself, but whose name was not, can vanish; so can a flushed folder whose own name was not. A
new hard link may be lost although the removal of the old one is there: link, flush, and only then unlink.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from cutpoint_simulations.disk.inodes import Folder, Inode

UNFLUSHED_CHANGES_MAX = 4096
"""After so many unflushed changes the oldest half reaches the disk by itself."""


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Naming:
    """In ``folder``, ``name`` now means ``inode``, or nothing any more if that is None."""

    folder: Folder
    name: str
    inode: Inode | None

    def apply(self, entries: dict[str, Inode]) -> None:
        """Do it to ``entries``."""
        if self.inode is None:
            entries.pop(self.name, None)
        else:
            entries[self.name] = self.inode


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Change:
    """One system call: its namings happen together. ``text`` is for people.

    ``emptied``: the folder that it removed or replaced. ``above``: for a rename, the folder of the new name and those
    above that.
    """

    text: str
    namings: tuple[Naming, ...]
    emptied: Folder | None = None
    above: tuple[Folder, ...] = ()

    def touches(self, folder: Folder) -> bool:
        """Whether a name in ``folder`` is concerned."""
        return any(naming.folder is folder for naming in self.namings)


def together(changes: Sequence[Change], wanted: Sequence[bool]) -> list[bool]:
    """For each change whether it happens, where those that are ``wanted`` do: they, and what they take with them."""
    names: set[tuple[int, str]] = set()
    emptied: set[int] = set()
    named: set[int] = set()
    happens = [False] * len(changes)
    for index in range(len(changes) - 1, -1, -1):
        change = changes[index]
        happens[index] = wanted[index] or any(
            (naming.folder.number, naming.name) in names
            or naming.folder.number in emptied
            or (naming.inode is not None and naming.inode.number in named)
            for naming in change.namings
        )
        if happens[index]:
            names.update((naming.folder.number, naming.name) for naming in change.namings)
            named.update(folder.number for folder in change.above)
            if change.emptied is not None:
                emptied.add(change.emptied.number)
    return happens


def settle(changes: list[Change], wanted: Sequence[bool]) -> None:
    """Make those that are ``wanted``, and what they take with them, durable; keep the others in ``changes``."""
    happens = together(changes, wanted)
    for change, does in zip(changes, happens, strict=True):
        if does:
            for naming in change.namings:
                naming.apply(naming.folder.durable)
    changes[:] = [change for change, does in zip(changes, happens, strict=True) if not does]
