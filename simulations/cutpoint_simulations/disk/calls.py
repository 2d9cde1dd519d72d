"""The functions of `os` on a simulated disk, with their own names and parameters.

`READING` and `ONLY_SIMULATED` take a path or descriptor first, `PAIRS` two paths, `DESCRIPTORS` a descriptor that is
known to be simulated. What is in none of these is refused (`REFUSED_PATHS`, `REFUSED_DESCRIPTORS`): better no answer
than a wrong one.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable
from typing import Any, Final

from cutpoint_simulations.disk.folder_listing import Entry, Listing
from cutpoint_simulations.disk.places import Place
from cutpoint_simulations.disk.system_calls import SystemCalls
from cutpoint_simulations.disk.tree import failure
from cutpoint_simulations.refusal import not_simulated

_BLOCK_BYTES = 4096
_BLOCKS = 2**28


def _stat(disk: SystemCalls, place: Place, *, follow_symlinks: bool = True) -> os.stat_result:
    return disk.stat(place.path, place.at)


def _access(
    disk: SystemCalls, place: Place, mode: int, *, effective_ids: bool = False, follow_symlinks: bool = True
) -> bool:
    """Whoever asks may, if it is there; only what is no program cannot be run."""
    try:
        status = disk.stat(place.path, place.at)
    except OSError:
        return False
    return not mode & os.X_OK or bool(status.st_mode & 0o111)


def _listdir(disk: SystemCalls, place: Place) -> list[Any]:
    names = disk.names(place.path, place.at)
    return [os.fsencode(name) for name in names] if place.as_bytes else list(names)


def _scandir(disk: SystemCalls, place: Place) -> Listing:
    entries = []
    for name in disk.names(place.path, place.at):
        if isinstance(place.path, int):
            status = disk.stat(name, place.path)
        else:
            status = disk.stat(f"{place.path}/{name}", place.at)
        shown: Any = os.fsencode(name) if place.as_bytes else name
        path = shown if place.shown is None else os.path.join(place.shown, shown)
        entries.append(Entry(shown, path, status))
    return Listing(entries)


def _readlink(disk: SystemCalls, place: Place) -> str:
    disk.stat(place.path, place.at)
    raise failure(errno.EINVAL, str(place.path))


def _statvfs(disk: SystemCalls, place: Place) -> os.statvfs_result:
    disk.stat(place.path, place.at)
    free = 0 if disk.tree.gate.full else _BLOCKS // 2
    return os.statvfs_result((_BLOCK_BYTES, _BLOCK_BYTES, _BLOCKS, free, free, _BLOCKS, free, free, 0, 255))


def _no_attributes(disk: SystemCalls, place: Place, *arguments: Any, **keywords: Any) -> Any:
    """There are no extended attributes, as on many file systems."""
    disk.stat(place.path, place.at)
    raise failure(errno.ENOTSUP, str(place.path))


def _chmod(disk: SystemCalls, place: Place, mode: int, *, follow_symlinks: bool = True) -> None:
    disk.set_mode(place.path, mode, place.at)


def _mkdir(disk: SystemCalls, place: Place, mode: int = 0o777) -> None:
    disk.mkdir(place.named, mode, place.at)


def _rmdir(disk: SystemCalls, place: Place) -> None:
    disk.rmdir(place.named, place.at)


def _unlink(disk: SystemCalls, place: Place) -> None:
    disk.unlink(place.named, place.at)


def _truncate(disk: SystemCalls, place: Place, length: int) -> None:
    disk.truncate(place.path, length, place.at)


def _utime(
    disk: SystemCalls,
    place: Place,
    times: tuple[float, float] | None = None,
    *,
    ns: tuple[int, int] | None = None,
    follow_symlinks: bool = True,
) -> None:
    if times is not None and ns is not None:
        raise ValueError("utime: you may specify either 'times' or 'ns' but not both")
    modified_ns = round(times[1] * 1e9) if times is not None else ns[1] if ns is not None else None
    disk.set_modified(place.path, modified_ns, place.at)


def _link(disk: SystemCalls, source: Place, target: Place, *, follow_symlinks: bool = True) -> None:
    disk.link(source.named, target.named, source.at, target.at)


def _rename(disk: SystemCalls, source: Place, target: Place) -> None:
    disk.rename(source.named, target.named, source.at, target.at)


def _read(disk: SystemCalls, descriptor: int, length: int) -> bytes:
    return disk.read(descriptor, length)


def _write(disk: SystemCalls, descriptor: int, data: Any) -> int:
    return disk.write(descriptor, memoryview(data).cast("B").tobytes())


def _pread(disk: SystemCalls, descriptor: int, length: int, offset: int) -> bytes:
    return disk.pread(descriptor, length, offset)


def _pwrite(disk: SystemCalls, descriptor: int, data: Any, offset: int) -> int:
    return disk.pwrite(descriptor, memoryview(data).cast("B").tobytes(), offset)


def _writev(disk: SystemCalls, descriptor: int, buffers: Iterable[Any]) -> int:
    return disk.write(descriptor, b"".join(memoryview(buffer).cast("B").tobytes() for buffer in buffers))


def _sendfile(disk: SystemCalls, descriptor: int, *arguments: Any, **keywords: Any) -> int:
    """Whoever tries it (`shutil`, `asyncio`) then copies by reading and writing."""
    raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))


def _asked(name: str) -> Callable[..., Any]:
    """The disk's own function of this name, of whichever kind the disk is."""
    return lambda disk, *arguments: getattr(disk, name)(*arguments)


Call = Callable[..., Any]

READING: Final[dict[str, Call]] = {
    "access": _access,
    "getxattr": _no_attributes,
    "listdir": _listdir,
    "listxattr": _no_attributes,
    "lstat": _stat,
    "readlink": _readlink,
    "scandir": _scandir,
    "stat": _stat,
}

ONLY_SIMULATED: Final[dict[str, Call]] = {
    "chmod": _chmod,
    "mkdir": _mkdir,
    "remove": _unlink,
    "removexattr": _no_attributes,
    "rmdir": _rmdir,
    "setxattr": _no_attributes,
    "statvfs": _statvfs,
    "truncate": _truncate,
    "unlink": _unlink,
    "utime": _utime,
}
"""What writes, or tells how full a disk is: refused where the path leads to a real one."""

PAIRS: Final[dict[str, Call]] = {"link": _link, "rename": _rename, "replace": _rename}

DESCRIPTORS: Final[dict[str, Call]] = {
    "close": _asked("close"),
    "copy_file_range": _sendfile,
    "fdatasync": _asked("fsync"),
    "fstat": _asked("stat"),
    "fsync": _asked("fsync"),
    "ftruncate": _asked("truncate"),
    "lseek": _asked("seek"),
    "pread": _pread,
    "pwrite": _pwrite,
    "read": _read,
    "sendfile": _sendfile,
    "write": _write,
    "writev": _writev,
}

REFUSED_PATHS: Final = (
    "chdir",
    "chflags",
    "chown",
    "chroot",
    "lchflags",
    "lchmod",
    "lchown",
    "mkfifo",
    "mknod",
    "symlink",
)
"""Refused to every simulated host, wherever the path leads."""

REFUSED_DESCRIPTORS: Final = (
    *("os.dup", "os.dup2", "os.fchdir", "os.fchmod", "os.fchown", "os.fpathconf", "os.fstatvfs", "os.lockf"),
    *("os.posix_fadvise", "os.posix_fallocate", "os.preadv", "os.pwritev", "os.readv", "os.set_inheritable"),
    *("fcntl.fcntl", "fcntl.flock", "fcntl.ioctl", "fcntl.lockf"),
)
"""Refused for simulated descriptors."""


def refuse(what: str) -> None:
    """Raise `NotSimulated` for a function that the simulated disks do not have."""
    raise not_simulated(what, "simulated disks do not have this: do without it, or simulate the host without this part")
