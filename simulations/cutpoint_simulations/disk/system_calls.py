"""The system calls on a simulated disk, by their own names and with Linux's errors.

A path may be a descriptor where Python's `os` allows that; ``at`` is the descriptor of the folder that a relative path
starts from. There is nothing about crashes here: that is `cutpoint_simulations.disk.disk`.
"""

from __future__ import annotations

import dataclasses
import errno
import os
import stat
import zlib
from collections.abc import Callable

from cutpoint_simulations.disk.gate import Life
from cutpoint_simulations.disk.inodes import File, Folder, Inode, Resize, Write
from cutpoint_simulations.disk.tree import FIRST_DESCRIPTOR, Spot, Tree, failure

_DEVICE = 0xC07


@dataclasses.dataclass(eq=False, kw_only=True)
class Description:
    """An open file or folder."""

    inode: Inode
    path: str
    flags: int
    position: int = 0

    @property
    def reads(self) -> bool:
        """Whether it was opened for reading."""
        return self.flags & os.O_ACCMODE != os.O_WRONLY

    @property
    def writes(self) -> bool:
        """Whether it was opened for writing."""
        return self.flags & os.O_ACCMODE != os.O_RDONLY


class SystemCalls:
    """What one program asks of a disk: the names are the disk's, the descriptors are the program's own.

    ``before_call`` is called just before Python's own functions ask for something.
    """

    def __init__(self, tree: Tree) -> None:
        self.before_call: Callable[[], object] = _nothing
        self.tree = tree
        self.life = Life()
        self._open: dict[int, Description] = {}

    @property
    def descriptors(self) -> int:
        """How many are open."""
        return len(self._open)

    def kill(self) -> None:
        """The program dies, the machine lives: its descriptors are gone, and nothing is lost that it had written."""
        self._open.clear()
        self.life.number += 1

    def check_descriptors(self) -> None:
        """Assert the invariants of what is open."""
        for number, description in self._open.items():
            assert FIRST_DESCRIPTOR <= number < self.tree.next_descriptor, "a descriptor that was never given"
            if isinstance(description.inode, File):
                description.inode.check()

    def open(self, path: str, flags: int, mode: int = 0o777, at: int | None = None) -> int:
        """Open a file or folder, or create a file; returns the descriptor."""
        spot, inode = self._find(path, at), None
        creates = bool(flags & os.O_CREAT)
        if _has(flags, "O_TMPFILE"):
            raise failure(errno.EOPNOTSUPP, path)
        if creates and path.endswith("/"):
            raise failure(errno.EISDIR, path)
        if creates and _has(flags, "O_DIRECTORY"):
            raise failure(errno.EINVAL, path)
        inode = spot.inode
        if inode is None:
            if not creates:
                raise failure(errno.ENOENT, path)
            inode = self.tree.create(spot, mode)
        elif creates and flags & os.O_EXCL:
            raise failure(errno.EEXIST, path)
        elif isinstance(inode, Folder):
            if creates or flags & (os.O_ACCMODE | os.O_TRUNC):
                raise failure(errno.EISDIR, path)
        elif spot.slash or _has(flags, "O_DIRECTORY"):
            raise failure(errno.ENOTDIR, path)
        elif flags & os.O_TRUNC:
            self._resize(inode, spot.path, 0)
        number = self.tree.take_descriptor()
        self._open[number] = Description(inode=inode, path=spot.path, flags=flags)
        return number

    def close(self, descriptor: int) -> None:
        """Close a descriptor. Flushes nothing."""
        self._described(descriptor)
        del self._open[descriptor]

    def read(self, descriptor: int, count: int) -> bytes:
        """Up to so many bytes from the position."""
        description = self._described(descriptor)
        data = self.pread(descriptor, count, description.position)
        description.position += len(data)
        return data

    def pread(self, descriptor: int, count: int, offset: int) -> bytes:
        """Up to so many bytes from ``offset``."""
        description = self._described(descriptor)
        if not description.reads:
            raise failure(errno.EBADF, description.path)
        if isinstance(description.inode, Folder):
            raise failure(errno.EISDIR, description.path)
        if offset < 0 or count < 0:
            raise failure(errno.EINVAL, description.path)
        return bytes(description.inode.content[offset : offset + count])

    def write(self, descriptor: int, data: bytes) -> int:
        """Write at the position, or at the end if opened so; returns how many bytes, on a full disk fewer."""
        description = self._described(descriptor)
        file = self._writable(description, errno.EBADF)
        offset = len(file.content) if description.flags & os.O_APPEND else description.position
        written = self._put(description, file, offset, data)
        description.position = offset + written
        return written

    def pwrite(self, descriptor: int, data: bytes, offset: int) -> int:
        """Write at ``offset``; like Linux, at the end nevertheless if opened so."""
        description = self._described(descriptor)
        file = self._writable(description, errno.EBADF)
        if offset < 0:
            raise failure(errno.EINVAL, description.path)
        return self._put(description, file, len(file.content) if description.flags & os.O_APPEND else offset, data)

    def fsync(self, descriptor: int) -> None:
        """Make a file's bytes, or a folder's names, durable."""
        description = self._described(descriptor)
        try:
            self.tree.gate.admit("fsync", description.path)
        except OSError as error:
            if error.errno == errno.EIO and isinstance(description.inode, File):
                description.inode.forget_unflushed()
            raise
        self._flush(description.inode)

    def sync(self) -> None:
        """Make everything durable."""
        self._enter()
        self.tree.gate.admit("sync", "/")
        self.tree.flush_all()
        for _, inode in self.tree.walk():
            self._flush(inode)

    def truncate(self, path: str | int, size: int, at: int | None = None) -> None:
        """Cut a file off at ``size``, or extend it with zeros."""
        if size < 0:
            raise failure(errno.EINVAL, str(path))
        if isinstance(path, int):
            description = self._described(path)
            file, shown = self._writable(description, errno.EINVAL), description.path
        else:
            inode, shown = self._inode(path, at), path
            if isinstance(inode, Folder):
                raise failure(errno.EISDIR, path)
            file = inode
        self._resize(file, shown, size)

    def seek(self, descriptor: int, offset: int, whence: int) -> int:
        """Set the position; returns it."""
        description = self._described(descriptor)
        size = len(description.inode.content) if isinstance(description.inode, File) else 0
        starts = {os.SEEK_SET: 0, os.SEEK_CUR: description.position, os.SEEK_END: size}
        if whence not in starts or starts[whence] + offset < 0:
            raise failure(errno.EINVAL, description.path)
        description.position = starts[whence] + offset
        return description.position

    def stat(self, path: str | int, at: int | None = None) -> os.stat_result:
        """What is known of a file or folder. All belongs to user 0; only the time of the last change is kept."""
        inode = self._inode(path, at)
        size = len(inode.content) if isinstance(inode, File) else 4096
        links = inode.links if isinstance(inode, File) else 2
        kind = stat.S_IFREG if isinstance(inode, File) else stat.S_IFDIR
        seconds = inode.modified_ns / 1e9
        whole = int(inode.modified_ns // 10**9)
        exact = {f"st_{which}time": seconds for which in "amc"}
        exact_ns = {f"st_{which}time_ns": inode.modified_ns for which in "amc"}
        return os.stat_result(
            (kind | inode.mode, inode.number, _DEVICE, links, 0, 0, size, whole, whole, whole), exact | exact_ns
        )

    def is_file(self, descriptor: int) -> bool:
        """Whether a file is open there, rather than a folder."""
        return isinstance(self._described(descriptor).inode, File)

    def names(self, path: str | int, at: int | None = None) -> list[str]:
        """The names in a folder, in an order that is neither theirs nor that of creation, and always the same."""
        inode = self._inode(path, at)
        if not isinstance(inode, Folder):
            raise failure(errno.ENOTDIR, str(path))
        return sorted(inode.entries, key=lambda name: (zlib.crc32(os.fsencode(name)), name))

    def mkdir(self, path: str, mode: int = 0o777, at: int | None = None) -> None:
        """Make a folder."""
        self.tree.mkdir(self._find(path, at), mode)

    def rmdir(self, path: str, at: int | None = None) -> None:
        """Remove an empty folder."""
        self.tree.rmdir(self._find(path, at))

    def unlink(self, path: str, at: int | None = None) -> None:
        """Remove a name of a file."""
        self.tree.unlink(self._find(path, at))

    def link(self, source: str, target: str, at: int | None = None, to: int | None = None) -> None:
        """Give a file one more name."""
        inode = self.tree.existing(self._find(source, at))
        self.tree.link(source, inode, self._find(target, to))

    def rename(self, source: str, target: str, at: int | None = None, to: int | None = None) -> None:
        """Move a file or folder."""
        self.tree.rename(self._find_above(source, at), self._find_above(target, to))

    def set_modified(self, path: str | int, modified_ns: int | None, at: int | None = None) -> None:
        """Set the time of the last change, or to now. Not subject to crashes."""
        inode = self._inode(path, at)
        self.tree.gate.admit("utime", str(path))
        inode.modified_ns = self.tree.now_ns() if modified_ns is None else modified_ns

    def set_mode(self, path: str | int, mode: int, at: int | None = None) -> None:
        """Set the permissions, which `stat` tells and nobody enforces. Not subject to crashes."""
        inode = self._inode(path, at)
        self.tree.gate.admit("chmod", str(path))
        inode.mode = mode & 0o7777

    def _enter(self) -> None:
        """Every call begins here."""
        self.tree.gate.caller = self.life

    def _described(self, descriptor: int) -> Description:
        self._enter()
        description = self._open.get(descriptor)
        if description is None:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        return description

    def _find(self, path: str, at: int | None) -> Spot:
        spot = self._find_above(path, at)
        if spot.too_long:
            raise failure(errno.ENAMETOOLONG, path)
        return spot

    def _find_above(self, path: str, at: int | None) -> Spot:
        """Leaves the last name unchecked."""
        self._enter()
        if at is None or path.startswith("/"):
            return self.tree.find(path)
        start = self._described(at).inode
        if not isinstance(start, Folder):
            raise failure(errno.ENOTDIR, path)
        return self.tree.find(path, start)

    def _inode(self, path: str | int, at: int | None) -> Inode:
        return self._described(path).inode if isinstance(path, int) else self.tree.existing(self._find(path, at))

    def _writable(self, description: Description, otherwise: int) -> File:
        if not description.writes or isinstance(description.inode, Folder):
            raise failure(otherwise, description.path)
        return description.inode

    def _put(self, description: Description, file: File, offset: int, data: bytes) -> int:
        if not data:
            return 0
        if len(data) > 1 and self.tree.gate.take_last_room():
            data = data[: len(data) // 2]
        self.tree.gate.admit("write", description.path)
        file.change(Write(offset=offset, data=bytes(data)))
        file.modified_ns = self.tree.now_ns()
        if _has(description.flags, "O_DSYNC") or _has(description.flags, "O_SYNC"):
            file.flush()
        return len(data)

    def _resize(self, file: File, path: str, size: int) -> None:
        self.tree.gate.admit("truncate", path)
        file.change(Resize(size=size))
        file.modified_ns = self.tree.now_ns()

    def _flush(self, inode: Inode) -> None:
        if isinstance(inode, File):
            inode.flush()
        else:
            self.tree.flush(inode)


def _nothing() -> None:
    """Nobody wants to do anything first."""


def _has(flags: int, name: str) -> bool:
    """Whether all bits of a flag are set that this system may not have."""
    bits: int = getattr(os, name, 0)
    return bits != 0 and flags & bits == bits
