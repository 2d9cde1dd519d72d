"""The folders and names of a disk, and what Linux says to each request about them.

There are no symbolic links, owners or permissions: whoever asks may. Paths are relative to the disk's root, with or
without a leading slash, or to the folder that is given as ``start``.
"""

from __future__ import annotations

import dataclasses
import errno
import os
from collections.abc import Callable, Iterator

from cutpoint_simulations.disk.changes import UNFLUSHED_CHANGES_MAX, Change, Naming, settle
from cutpoint_simulations.disk.gate import Gate
from cutpoint_simulations.disk.inodes import File, Folder, Inode

NAME_BYTES_MAX = 255
PATH_BYTES_MAX = 4095

FIRST_DESCRIPTOR = 2_000_000
DESCRIPTORS_OF_ONE = 10_000_000
"""So many numbers belong to one disk."""
"""Simulated descriptors are at least this, so that none can be mistaken for a real one. None is used twice."""

_ROOT = 2
_UMASK = 0o022


def failure(code: int, path: str, other: str | None = None) -> OSError:
    """The operating system's error, with its words."""
    return OSError(code, os.strerror(code), path, None, other)


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Spot:
    """Where a path leads: ``name`` in ``folder``, and what that means now. ``slash``: it must be a folder."""

    path: str
    folder: Folder
    name: str
    inode: Inode | None
    slash: bool

    @property
    def too_long(self) -> bool:
        """Whether no file system could keep such a name."""
        return len(os.fsencode(self.name)) > NAME_BYTES_MAX

    @property
    def is_entry(self) -> bool:
        """Whether it is a name in a folder, rather than the root, ``.`` or ``..``."""
        return self.name not in ("", ".", "..")


class Tree:
    """``now_ns`` reads the host's wall clock. All changes that change something pass ``gate``.

    ``number``: no other disk that the same program sees has the same one.
    """

    def __init__(self, gate: Gate, now_ns: Callable[[], int], number: int = 0) -> None:
        self.gate = gate
        self.now_ns = now_ns
        self.root = Folder(number=_ROOT, mode=0o755, modified_ns=now_ns())
        self.root.parent = self.root
        self.changes: list[Change] = []
        self.next_descriptor = FIRST_DESCRIPTOR + number * DESCRIPTORS_OF_ONE
        self._last_number = _ROOT

    def take_descriptor(self) -> int:
        """One that nobody has had."""
        self.next_descriptor += 1
        return self.next_descriptor - 1

    def find(self, path: str, start: Folder | None = None) -> Spot:
        """Where ``path`` leads; there need not be anything. Raises ENOENT, ENOTDIR, ENAMETOOLONG for what is above.

        The last name's own length is the caller's to check, since Linux does so late.
        """
        if "\0" in path:
            raise ValueError("embedded null byte")
        if not path:
            raise failure(errno.ENOENT, path)
        if len(os.fsencode(path)) > PATH_BYTES_MAX:
            raise failure(errno.ENAMETOOLONG, path)
        names = [name for name in path.split("/") if name]
        here: Inode | None = self.root if path.startswith("/") or start is None else start
        for name in names[:-1]:
            if len(os.fsencode(name)) > NAME_BYTES_MAX:
                raise failure(errno.ENAMETOOLONG, path)
            here = _step(here, name, path)
        if not isinstance(here, Folder):
            raise failure(errno.ENOTDIR if here else errno.ENOENT, path)
        if not names:
            return Spot(path=path, folder=here, name="", inode=here, slash=True)
        last = names[-1]
        inode = _step(here, last, path)
        return Spot(path=path, folder=here, name=last, inode=inode, slash=path.endswith("/") or last in (".", ".."))

    def existing(self, spot: Spot) -> Inode:
        """What is there. Raises ENOENT, ENOTDIR."""
        if spot.inode is None:
            raise failure(errno.ENOENT, spot.path)
        if spot.slash and isinstance(spot.inode, File):
            raise failure(errno.ENOTDIR, spot.path)
        return spot.inode

    def create(self, spot: Spot, mode: int) -> File:
        """A new, empty file at a spot where nothing is."""
        _require_kept(spot)
        self.gate.admit("create", spot.path)
        file = File(number=self._next_number(), mode=mode & ~_UMASK & 0o7777, modified_ns=self.now_ns(), links=1)
        self._change(f"create {spot.path}", Naming(folder=spot.folder, name=spot.name, inode=file))
        return file

    def mkdir(self, spot: Spot, mode: int) -> None:
        """A new, empty folder."""
        if spot.inode is not None:
            raise failure(errno.EEXIST, spot.path)
        _require_kept(spot)
        self.gate.admit("mkdir", spot.path)
        folder = Folder(number=self._next_number(), mode=mode & ~_UMASK & 0o1777, modified_ns=self.now_ns())
        folder.parent = spot.folder
        self._change(f"mkdir {spot.path}", Naming(folder=spot.folder, name=spot.name, inode=folder))

    def rmdir(self, spot: Spot) -> None:
        """Remove an empty folder."""
        if spot.name == "":
            raise failure(errno.EBUSY, spot.path)
        if spot.name == ".":
            raise failure(errno.EINVAL, spot.path)
        if spot.inode is None:
            raise failure(errno.ENOENT, spot.path)
        if not isinstance(spot.inode, Folder):
            raise failure(errno.ENOTDIR, spot.path)
        if spot.inode.entries or spot.name == "..":
            raise failure(errno.ENOTEMPTY, spot.path)
        self.gate.admit("rmdir", spot.path)
        spot.inode.parent = None
        self._change(f"rmdir {spot.path}", Naming(folder=spot.folder, name=spot.name, inode=None), emptied=spot.inode)

    def unlink(self, spot: Spot) -> None:
        """Remove a name of a file; who has it open still has it."""
        if not spot.is_entry or isinstance(spot.inode, Folder):
            raise failure(errno.EISDIR, spot.path)
        if spot.inode is None:
            raise failure(errno.ENOENT, spot.path)
        if spot.slash:
            raise failure(errno.ENOTDIR, spot.path)
        self.gate.admit("unlink", spot.path)
        spot.inode.links -= 1
        self._change(f"unlink {spot.path}", Naming(folder=spot.folder, name=spot.name, inode=None))

    def link(self, source: str, inode: Inode, target: Spot) -> None:
        """Give a file, which ``source`` names, one more name; never replaces anything."""
        if target.inode is not None:
            raise failure(errno.EEXIST, source, target.path)
        if target.slash:
            raise failure(errno.ENOENT, source, target.path)
        _require_kept(target)
        if isinstance(inode, Folder):
            raise failure(errno.EPERM, source, target.path)
        self.gate.admit("link", target.path)
        inode.links += 1
        self._change(f"link {source} {target.path}", Naming(folder=target.folder, name=target.name, inode=inode))

    def rename(self, source: Spot, target: Spot) -> None:
        """Move a file or folder, over a file or an empty folder; at no moment are both names gone."""
        moved, replaced = source.inode, target.inode
        is_folder, onto_folder = isinstance(moved, Folder), isinstance(replaced, Folder)
        codes = (
            (not source.is_entry or not target.is_entry, errno.EBUSY),
            (source.too_long, errno.ENAMETOOLONG),
            (moved is None, errno.ENOENT),
            (target.too_long, errno.ENAMETOOLONG),
            ((source.slash or target.slash) and not is_folder, errno.ENOTDIR),
            (moved in (above := _above(target.folder)), errno.EINVAL),
            (replaced is not None and replaced in _above(source.folder), errno.ENOTEMPTY),
        )
        _require_none(codes, source, target)
        if moved is replaced:
            return
        kinds = (
            (is_folder and replaced is not None and not onto_folder, errno.ENOTDIR),
            (onto_folder and not is_folder, errno.EISDIR),
            (target.folder.parent is None, errno.ENOENT),
            (isinstance(replaced, Folder) and bool(replaced.entries), errno.ENOTEMPTY),
        )
        _require_none(kinds, source, target)
        self.gate.admit("rename", target.path)
        if isinstance(replaced, File):
            replaced.links -= 1
        elif replaced is not None:
            replaced.parent = None
        if isinstance(moved, Folder):
            moved.parent = target.folder
        self._change(
            f"rename {source.path} {target.path}",
            Naming(folder=source.folder, name=source.name, inode=None),
            Naming(folder=target.folder, name=target.name, inode=moved),
            emptied=replaced if isinstance(replaced, Folder) else None,
            above=tuple(above),
        )

    def flush(self, folder: Folder) -> None:
        """Make the names in ``folder`` durable, with what they take with them."""
        settle(self.changes, [change.touches(folder) for change in self.changes])

    def flush_all(self) -> None:
        """Make all names durable."""
        settle(self.changes, [True] * len(self.changes))

    def preload(self, path: str, data: bytes) -> None:
        """A file that has been on the disk for long, and its folders; replaces what was there."""
        folder, (*above, name) = self.root, [part for part in path.split("/") if part]
        self.flush_all()
        for part in above:
            child = folder.entries.get(part)
            if child is None:
                child = Folder(number=self._next_number(), mode=0o755, modified_ns=self.now_ns(), parent=folder)
                folder.entries[part] = folder.durable[part] = child
            if not isinstance(child, Folder):
                raise failure(errno.ENOTDIR, path)
            folder = child
        file = File(number=self._next_number(), mode=0o644, modified_ns=self.now_ns(), links=1)
        file.content, file.durable = bytearray(data), bytearray(data)
        folder.entries[name] = folder.durable[name] = file

    def recover(self) -> list[Inode]:
        """What a machine finds that comes up after a crash: only what is durable has names. Returns it by number."""
        found: dict[int, Inode] = {}
        unvisited: list[Inode] = [self.root]
        while unvisited:
            inode = unvisited.pop()
            if isinstance(inode, File):
                inode.links = inode.links + 1 if inode.number in found else 1
            else:
                assert inode.number not in found, "a folder has two names"
                inode.entries = dict(inode.durable)
                unvisited.extend(inode.entries.values())
                for child in inode.entries.values():
                    if isinstance(child, Folder):
                        child.parent = inode
            found[inode.number] = inode
        return [found[number] for number in sorted(found)]

    def walk(self) -> Iterator[tuple[str, Inode]]:
        """Every path and what it means, in the order of the names."""
        unvisited: list[tuple[str, Inode]] = [("/", self.root)]
        while unvisited:
            path, inode = unvisited.pop()
            yield path, inode
            if isinstance(inode, Folder):
                children = sorted(inode.entries.items(), reverse=True)
                unvisited.extend((path.rstrip("/") + "/" + name, child) for name, child in children)

    def check(self) -> None:
        """Assert the invariants."""
        links: dict[int, int] = {}
        durable: dict[int, dict[str, Inode]] = {}
        for path, inode in self.walk():
            links[inode.number] = links.get(inode.number, 0) + 1
            if isinstance(inode, File):
                inode.check()
            else:
                assert links[inode.number] == 1, f"{path}: a folder has two names"
                durable[inode.number] = dict(inode.durable)
        for change in self.changes:
            for naming in change.namings:
                naming.apply(durable.get(naming.folder.number, {}))
        for path, inode in self.walk():
            if isinstance(inode, File):
                assert inode.links == links[inode.number], f"{path}: not as many names as links"
            else:
                assert inode.entries == durable[inode.number], f"{path}: flushed and unflushed are not what is there"

    def _change(
        self,
        text: str,
        *namings: Naming,
        emptied: Folder | None = None,
        above: tuple[Folder, ...] = (),
    ) -> None:
        """Let programs see it, and remember that the disk has not."""
        for naming in namings:
            naming.apply(naming.folder.entries)
            naming.folder.modified_ns = self.now_ns()
        self.changes.append(Change(text=text, namings=namings, emptied=emptied, above=above))
        if len(self.changes) > UNFLUSHED_CHANGES_MAX:
            old = UNFLUSHED_CHANGES_MAX // 2
            settle(self.changes, [index < old for index in range(len(self.changes))])

    def _next_number(self) -> int:
        self._last_number += 1
        return self._last_number


def _step(here: Inode | None, name: str, path: str) -> Inode | None:
    """What ``name`` is in ``here``; None if there is nothing."""
    if not isinstance(here, Folder):
        raise failure(errno.ENOTDIR if here else errno.ENOENT, path)
    if name == ".":
        return here
    return here.parent if name == ".." else here.entries.get(name)


def _above(folder: Folder) -> list[Folder]:
    """``folder`` and those above it, without the root."""
    above: list[Folder] = []
    here: Folder | None = folder
    while here is not None and here.parent is not here:
        above.append(here)
        here = here.parent
    return above


def _require_kept(spot: Spot) -> None:
    """Nothing is made in a folder that was removed."""
    if spot.folder.parent is None:
        raise failure(errno.ENOENT, spot.path)


def _require_none(codes: tuple[tuple[bool, int], ...], source: Spot, target: Spot) -> None:
    """Raise the first error that applies."""
    for applies, code in codes:
        if applies:
            raise failure(code, source.path, target.path)
