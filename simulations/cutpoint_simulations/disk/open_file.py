"""`open` on a simulated disk: Python's own buffers and text layers over the simulated system calls.

What a program has not flushed out of its Python buffers is lost when it dies, as it should be. File objects outlive
the program that opened them until Python collects them; what they then still try to write goes nowhere.
"""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import IO, Any

from cutpoint_simulations.disk.system_calls import SystemCalls
from cutpoint_simulations.disk.tree import failure

_FLAGS = {
    "r": os.O_RDONLY,
    "w": os.O_WRONLY | os.O_CREAT | os.O_TRUNC,
    "a": os.O_WRONLY | os.O_CREAT | os.O_APPEND,
    "x": os.O_WRONLY | os.O_CREAT | os.O_EXCL,
}


class SimulatedFile(io.RawIOBase):
    """What `io.FileIO` is for real descriptors. ``lock`` is held during every system call."""

    name: Any

    def __init__(
        self,
        disk: SystemCalls,
        descriptor: int,
        mode: str,
        *,
        name: object,
        closes: bool,
        lock: AbstractContextManager[object],
    ) -> None:
        self._disk, self._descriptor, self._lock = disk, descriptor, lock
        self._life, self._closes = disk.life.number, closes
        self._reads, self._writes = mode[0] == "r" or "+" in mode, mode[0] != "r" or "+" in mode
        self.mode = mode
        self.name = name

    def fileno(self) -> int:
        """The simulated descriptor."""
        self._require_open()
        return self._descriptor

    def readable(self) -> bool:
        """Whether it was opened for reading."""
        self._require_open()
        return self._reads

    def writable(self) -> bool:
        """Whether it was opened for writing."""
        self._require_open()
        return self._writes

    def seekable(self) -> bool:
        """Every file is."""
        self._require_open()
        return True

    def isatty(self) -> bool:
        """No file is."""
        self._require_open()
        return False

    def readinto(self, buffer: Any) -> int:
        """Fill ``buffer`` from the position; returns how many bytes there were."""
        if not self.readable():
            raise io.UnsupportedOperation("File not open for reading")
        view = memoryview(buffer).cast("B")
        with self._lock:
            data = self._disk.read(self._descriptor, len(view))
        view[: len(data)] = data
        return len(data)

    def readall(self) -> bytes:
        """All bytes from the position."""
        if not self.readable():
            raise io.UnsupportedOperation("File not open for reading")
        with self._lock:
            return self._disk.read(self._descriptor, self._disk.stat(self._descriptor).st_size)

    def write(self, buffer: Any) -> int:
        """Write at the position; returns how many bytes were taken."""
        if not self.writable():
            raise io.UnsupportedOperation("File not open for writing")
        data = memoryview(buffer).cast("B").tobytes()
        with self._lock:
            return len(data) if self._is_dead() else self._disk.write(self._descriptor, data)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Set the position; returns it."""
        self._require_open()
        with self._lock:
            return 0 if self._is_dead() else self._disk.seek(self._descriptor, offset, whence)

    def truncate(self, size: int | None = None) -> int:
        """Cut off at ``size`` or the position; returns the size."""
        if not self.writable():
            raise io.UnsupportedOperation("File not open for writing")
        size = self.tell() if size is None else size
        with self._lock:
            if not self._is_dead():
                self._disk.truncate(self._descriptor, size)
        return size

    def close(self) -> None:
        """Close the descriptor, unless it was asked to stay open or its program is dead."""
        if not self.closed:
            super().close()
            with self._lock:
                if self._closes and not self._is_dead():
                    self._disk.close(self._descriptor)

    def _is_dead(self) -> bool:
        return self._disk.life.number != self._life

    def _require_open(self) -> None:
        if self.closed:
            raise ValueError("I/O operation on closed file")


def flags_of(mode: str) -> int:
    """What `os.open` is given for a mode of `open`. Raises ValueError for what is none."""
    letters = sorted(mode)
    kinds = [letter for letter in letters if letter in _FLAGS]
    if not set(letters) <= set("rwaxbt+") or len(set(letters)) != len(letters):
        raise ValueError(f"invalid mode: {mode!r}")
    if "t" in letters and "b" in letters:
        raise ValueError("can't have text and binary mode at once")
    if len(kinds) != 1:
        raise ValueError("must have exactly one of create/read/write/append mode")
    flags = _FLAGS[kinds[0]]
    return flags & ~os.O_ACCMODE | os.O_RDWR if "+" in letters else flags


def open_file(
    disk: SystemCalls,
    file: Any,
    descriptor_of: Callable[[int], int],
    lock: AbstractContextManager[object],
    mode: str = "r",
    buffering: int = -1,
    encoding: str | None = None,
    errors: str | None = None,
    newline: str | None = None,
    closefd: bool = True,
) -> IO[Any]:
    """What `io.open` returns. ``descriptor_of`` opens ``file`` with the given flags, if that is no descriptor yet."""
    flags = flags_of(mode)
    binary = "b" in mode
    if binary and (encoding, errors, newline) != (None, None, None):
        raise ValueError("binary mode doesn't take an encoding, errors or newline argument")
    if buffering == 0 and not binary:
        raise ValueError("can't have unbuffered text I/O")
    if not closefd and not isinstance(file, int):
        raise ValueError("Cannot use closefd=False with file name")
    descriptor = file if isinstance(file, int) else descriptor_of(flags | os.O_CLOEXEC)
    kind = next(letter for letter in mode if letter in _FLAGS)
    letters = "rb+" if kind in "rw" and "+" in mode else f"{kind}b+" if "+" in mode else f"{kind}b"
    raw = SimulatedFile(disk, descriptor, letters, name=file, closes=closefd, lock=lock)
    try:
        with lock:
            if not disk.is_file(descriptor):
                raise failure(errno.EISDIR, str(file))
            if "a" in mode:
                disk.seek(descriptor, 0, os.SEEK_END)
        return _layered(raw, mode, buffering, encoding, errors, newline)
    except BaseException:
        raw.close()
        raise


def _layered(
    raw: SimulatedFile, mode: str, buffering: int, encoding: str | None, errors: str | None, newline: str | None
) -> IO[Any]:
    """Buffers and a text layer, as the mode wants them."""
    if buffering == 0:
        return raw  # type: ignore[return-value] # a raw file has no `read1` and is what `open` returns here
    size = buffering if buffering > 1 else io.DEFAULT_BUFFER_SIZE
    buffered: io.BufferedRandom | io.BufferedReader | io.BufferedWriter
    if "+" in mode:
        buffered = io.BufferedRandom(raw, size)
    elif "r" in mode:
        buffered = io.BufferedReader(raw, size)
    else:
        buffered = io.BufferedWriter(raw, size)
    if "b" in mode:
        return buffered
    text = io.TextIOWrapper(buffered, io.text_encoding(encoding), errors, newline, buffering == 1)
    text.mode = mode  # type: ignore[misc] # as `io.open` does
    return text
