"""A file that says whether a leader is alive: locked while its process is, touched while that is not hanging.

The name of the file carries the leadership's fence, so every leadership has a file of its own and a hanging leader
cannot hold up the next one. It says nothing about who may write; the fence does.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from pathlib import Path

_SUFFIX = ".leader"


class LockFile:
    """The lock file of one leadership, held. `release` it, or let the process end."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self._path = path
        self._descriptor = descriptor

    @classmethod
    def hold(cls, directory: Path, fence: int) -> LockFile:
        """Make and lock the file of ``fence``. Raises `OSError` if that cannot be done."""
        path = _path(directory, fence)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.utime(descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        return cls(path, descriptor)

    def touch(self) -> bool:
        """Show that we are not hanging. False: the file was taken away, another coordinator has taken over."""
        try:
            os.utime(self._descriptor)
            return os.fstat(self._descriptor).st_nlink > 0
        except OSError:
            return False

    def release(self) -> None:
        """Let go, so that another candidate leads at once. Harmless if done already."""
        if self._descriptor >= 0:
            with contextlib.suppress(OSError):
                self._path.unlink()
            os.close(self._descriptor)
            self._descriptor = -1


def is_alive(directory: Path, fence: int, ttl_seconds: float) -> bool:
    """Whether the leader with ``fence`` has its file locked and touched it within ``ttl_seconds``.

    Only to be asked by the one who holds the database's write lock, or for information: a lock is tried for a moment.
    """
    try:
        descriptor = os.open(_path(directory, fence), os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return abs(time.time() - os.fstat(descriptor).st_mtime) <= ttl_seconds
    else:
        return False
    finally:
        os.close(descriptor)


def clear_former(directory: Path, fence: int) -> None:
    """Take away the files of the leaderships before ``fence``: those that still hang are told so by it."""
    for path in sorted(directory.glob(f"*{_SUFFIX}")):
        if path.stem.isdecimal() and int(path.stem) < fence:
            with contextlib.suppress(OSError):
                path.unlink()


def _path(directory: Path, fence: int) -> Path:
    return directory / f"{fence}{_SUFFIX}"
