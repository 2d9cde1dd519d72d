"""Small files that may hold secrets: read whole, written whole, durable, and never readable for others.

A new content is written aside with its final permissions, flushed to the disk, and only then linked or renamed to
its name, so that a crash leaves the old content or the new. Changes of one folder's files are made one after
another, by a lock on the folder, where the file system has locks for folders. Nothing here knows what is inside.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from cutpoint.errors import ConfigurationError
from cutpoint.wire.checks import one_line

FILE_BYTES_MAX = 1024 * 1024
"""The longest file that is read, in bytes."""


KEY_FILE = "key file"
MAKE_KEYS = "cutpoint keys generate"


class Found(NamedTuple):
    """What a file holds, and its permission bits."""

    data: bytes
    mode: int


def read_private(path: Path, *, kind: str = KEY_FILE, make: str = MAKE_KEYS) -> Found:
    """Read a whole file, of this ``kind``. Raises `ConfigurationError` if there is none, or it is no ordinary file.

    ``make``: the command that makes such a file.
    """
    with _explained(path, "was not read", make), open(path, "rb", opener=_without_waiting) as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise ConfigurationError(f"{shown(path)} is no ordinary file; nothing was started; name a {kind}")
        data = file.read(FILE_BYTES_MAX + 1)
        if len(data) > FILE_BYTES_MAX:
            raise ConfigurationError(
                f"{shown(path)} is longer than {FILE_BYTES_MAX} bytes, as no {kind} is; "
                f"nothing was started; name a {kind}"
            )
        return Found(data, stat.S_IMODE(status.st_mode))


def check_secret(path: Path, mode: int) -> None:
    """Raise `ConfigurationError` if others than its owner may read or change the secrets in a file."""
    if mode & 0o077:
        raise ConfigurationError(
            f"{shown(path)} holds secrets, and others than its owner may read or change it (mode {mode:04o}); "
            f"nothing was started; look who could have, then: chmod 600 {shown(path)}"
        )


def create_private(path: Path, data: bytes, mode: int) -> None:
    """Write a new file, durable on return. Raises `ConfigurationError` if there is one already; it is untouched."""
    with _explained(path, "was not written"), _folder_of(path) as folder, _aside(path, data, mode) as aside:
        try:
            os.link(aside, path)
        except FileExistsError:
            raise ConfigurationError(
                f"{shown(path)} is there already; nothing was overwritten; name another file, or move it away"
            ) from None
        os.fsync(folder)


def change_private(path: Path, change: Callable[[Found], Found]) -> None:
    """Replace what a file holds by what ``change`` makes of it, durable on return.

    Nothing is changed if ``change`` raises.
    """
    path = Path(os.path.realpath(path))
    with _explained(path, "was not changed"), _folder_of(path) as folder:
        changed = change(read_private(path))
        with _aside(path, changed.data, changed.mode) as aside:
            os.rename(aside, path)
            os.fsync(folder)


def shown(path: Path) -> str:
    """``path`` on one line."""
    return one_line(path)


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC)  # a pipe that nobody writes to would wait for ever


@contextlib.contextmanager
def _folder_of(path: Path) -> Iterator[int]:
    """The folder of ``path``, open and locked."""
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with contextlib.suppress(OSError):  # without locks, of two changes at once the later one counts
            fcntl.flock(folder, fcntl.LOCK_EX)
        yield folder
    finally:
        os.close(folder)


@contextlib.contextmanager
def _aside(path: Path, data: bytes, mode: int) -> Iterator[Path]:
    """A file beside ``path`` that holds ``data``, flushed. It is gone afterwards, or has another name by then."""
    aside = path.with_name(f".{path.name}.aside")
    with contextlib.suppress(FileNotFoundError):
        os.unlink(aside)  # of a change that was killed: the folder is locked, nobody writes it now
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        yield aside
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(aside)


@contextlib.contextmanager
def _explained(path: Path, outcome: str, make: str = MAKE_KEYS) -> Iterator[None]:
    """Turn the operating system's errors into ones that say what to do."""
    try:
        yield
    except FileNotFoundError as error:
        raise ConfigurationError(
            f"{shown(path)} {outcome}: there is no such file or folder; nothing was started; "
            f"name another, or make one: {make}"
        ) from error
    except (OSError, ValueError) as error:
        reason = one_line(getattr(error, "strerror", None) or error)
        raise ConfigurationError(f"{shown(path)} {outcome}: {reason}; nothing was started; correct that") from error
