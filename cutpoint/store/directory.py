"""A store in a folder: one file an object, on a local disk or anything that keeps POSIX's promises.

Every object is written to ``tmp/<random>``, flushed to the disk, and only then linked under its name: `os.link`
refuses to overwrite, so create-only holds between threads, processes and machines, and whoever sees an object
sees all of it. A crash between any two lines leaves at most a file in ``tmp/``; those older than a day are removed
when the store is next opened. Every folder is flushed after a name was made in it.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from cutpoint.errors import ConfigurationError, StoreError
from cutpoint.store.backend import (
    check_name,
    check_prefix,
    check_range,
    exists,
    is_object_name,
    missing,
    too_long,
    too_short,
)
from cutpoint.wire.checks import one_line

STALE_SECONDS = 24 * 60 * 60
"""How old a file in ``tmp/`` must be before it cannot belong to a writer that still runs."""

_REMEDIES = {
    errno.ENOSPC: "the disk is full: free some space",
    errno.EDQUOT: "the quota is used up: free some space",
    errno.EROFS: "the file system is mounted read-only: mount it for writing, or take another folder",
    errno.EACCES: "this user may not: give it access, or take another folder",
    errno.EPERM: "this user may not, or the file system has no hard links: take another folder",
    errno.EOPNOTSUPP: "the file system has no hard links: take a folder on another one",
    errno.ENOTDIR: "there is a file where a folder should be: move it away, or take another folder",
    errno.EEXIST: "there is a file where a folder should be: move it away, or take another folder",
    errno.EISDIR: "there is a folder where an object should be: move it away",
    errno.EIO: "the disk reports errors: look after it",
    errno.ENOENT: "the store's folder has vanished: mount or restore it",
}


class DirectoryBackend:
    """Objects as files below ``root``. The folder is made by the first write; reading never makes anything."""

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self.root = Path(os.path.abspath(root))
        self.url = self.root.as_uri()
        self._tmp = self.root / "tmp"
        self._durable: set[Path] = set()
        self._lock = threading.Lock()
        self._remove_stale()

    def create(self, name: str, data: bytes) -> None:
        """Write a new object; it is durable on return. Raises `ObjectExists`, and then that object is durable."""
        check_name(name)
        final = self.root / name
        with self._explained(f"object {name} was not written"):
            self._make_durable(self._tmp)
            self._make_durable(final.parent)
            if final.is_dir():
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(final))
            if final.exists():  # also where the disk is full, and nothing could be written aside
                _flush_folder(final.parent)
                raise exists(self.url, name)
            aside = self._tmp / secrets.token_hex(16)
            try:
                _write(aside, data)
                try:
                    os.link(aside, final)
                except FileExistsError:
                    _flush_folder(final.parent)
                    raise exists(self.url, name) from None
            finally:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(aside)
            _flush_folder(final.parent)

    def read(self, name: str, *, bytes_max: int | None = None) -> bytes:
        """Read a whole object. Raises `ObjectMissing`; `StoreError` if it is longer than ``bytes_max``."""
        check_name(name)
        with self._explained(f"object {name} was not read"):
            try:
                with open(self.root / name, "rb") as file:
                    bytes_found = os.fstat(file.fileno()).st_size
                    if bytes_max is not None and bytes_found > bytes_max:
                        raise too_long(self.url, name, bytes_found, bytes_max)
                    return file.read()
            except FileNotFoundError:
                raise missing(self.url, name) from None

    def read_range(self, name: str, start: int, length: int) -> bytes:
        """Read exactly ``length`` bytes from byte ``start``. Raises `ObjectMissing`; `Damaged` if it ends before."""
        check_range(name, start, length)
        with self._explained(f"object {name} was not read"):
            try:
                with open(self.root / name, "rb") as file:
                    bytes_found = os.fstat(file.fileno()).st_size
                    if start + length > bytes_found:
                        raise too_short(self.url, name, bytes_found, start, length)
                    file.seek(start)
                    data = file.read(length)
            except FileNotFoundError:
                raise missing(self.url, name) from None
        if len(data) != length:
            raise too_short(self.url, name, start + len(data), start, length)
        return data

    def size(self, name: str) -> int | None:
        """How long an object is, in bytes; ``None`` if there is none."""
        check_name(name)
        with self._explained(f"object {name} was not read"):
            try:
                status = (self.root / name).stat()
            except FileNotFoundError:
                return None
            if stat.S_ISDIR(status.st_mode):
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), name)
            return status.st_size

    def list(self, prefix: str) -> tuple[str, ...]:
        """The names that begin with ``prefix``, ascending."""
        check_prefix(prefix)
        folder, _, _ = prefix.rpartition("/")
        with self._explained("the store was not listed"):
            return tuple(sorted(name for name in self._names(folder) if name.startswith(prefix)))

    def sizes(self, prefix: str) -> tuple[tuple[str, int], ...]:
        """The names that begin with ``prefix``, ascending, each with how long its object is, in bytes."""
        found = ((name, self.size(name)) for name in self.list(prefix))
        return tuple((name, size) for name, size in found if size is not None)

    def delete(self, name: str) -> None:
        """See to it that there is no such object."""
        check_name(name)
        final = self.root / name
        with self._explained(f"object {name} was not deleted"), contextlib.suppress(FileNotFoundError):
            os.unlink(final)
            _flush_folder(final.parent)

    def check_writable(self) -> None:
        """Go through everything that `create` does, aside. Raises `ConfigurationError` that says what to do."""
        aside = self._tmp / secrets.token_hex(16)
        linked = aside.with_suffix(".link")
        try:
            with self._explained("the store cannot be used"):
                self._make_durable(self._tmp)
                try:
                    _write(aside, b"cutpoint")
                    os.link(aside, linked)
                    _flush_folder(self._tmp)
                finally:
                    for path in (aside, linked):
                        with contextlib.suppress(FileNotFoundError):
                            os.unlink(path)
        except StoreError as error:
            raise ConfigurationError(str(error)) from error

    def _names(self, folder: str) -> Iterator[str]:
        """The names of the objects below ``folder``."""

        def fail(error: OSError) -> None:
            if not isinstance(error, FileNotFoundError):
                raise error

        for path, _folders, files in os.walk(self.root / folder, onerror=fail):
            inside = Path(path).relative_to(self.root)
            for file in files:
                name = (inside / file).as_posix()
                if is_object_name(name):
                    yield name

    def _make_durable(self, folder: Path) -> None:
        """Make ``folder`` and its parents where they are missing, and flush each one's entry; once per folder."""
        if folder in self._durable:
            return
        with self._lock:
            chain = [folder]
            while chain[-1] != self.root:
                chain.append(chain[-1].parent)
            missing_above = [path for path in self.root.parents if not path.exists()]
            for path in (*reversed(missing_above), *reversed(chain)):
                if path not in self._durable:
                    path.mkdir(exist_ok=True)
                    inside = path.is_relative_to(self.root) and path != self.root
                    with contextlib.nullcontext() if inside else contextlib.suppress(PermissionError):
                        _flush_folder(path.parent)  # a parent of the root may not be ours to open
                    self._durable.add(path)

    def _remove_stale(self) -> None:
        """Remove what crashed writers left behind. Never fails: the next opening tries again."""
        with contextlib.suppress(OSError):
            for path in sorted(self._tmp.iterdir()):
                with contextlib.suppress(OSError):
                    if path.stat().st_mtime < time.time() - STALE_SECONDS:
                        path.unlink()

    @contextlib.contextmanager
    def _explained(self, outcome: str) -> Iterator[None]:
        """Turn the operating system's errors into ones that say what to do."""
        try:
            yield
        except OSError as error:
            remedy = _REMEDIES.get(error.errno or 0, "look after the file system")
            reason = one_line(error.strerror or str(error))
            at = f" at {one_line(error.filename)}" if error.filename else ""
            raise StoreError(
                f"{outcome} in {self.url}: {reason}{at}; nothing half-written is visible; {remedy}"
            ) from error


def _write(path: Path, data: bytes) -> None:
    """Write a new file and flush it to the disk."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    with os.fdopen(descriptor, "wb", buffering=0) as file:
        view = memoryview(data)
        while view:
            view = view[file.write(view) :]
        os.fsync(file.fileno())


def _flush_folder(path: Path) -> None:
    """Flush a folder's entries to the disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
