"""An archive as a store that can only be read: whatever reads a recovery point from a store reads it from an archive.

Nothing is unpacked. The file's shape was checked completely when it was opened (`archive_format`); an object's bytes
are believed only after they were compared with their digest, each time.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator
from types import TracebackType

from cutpoint.catalog.archive_format import ArchivedObject, read_index
from cutpoint.errors import ConfigurationError, Damaged, StoreError, UsageError
from cutpoint.store.backend import check_name, check_prefix, check_range, missing, too_long, too_short
from cutpoint.store.digests import digest_of
from cutpoint.wire.checks import one_line


class Archive:
    """The store inside an archive file. Use it as a context manager; safe for several threads."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Open the file and check its shape. Raises `ConfigurationError` if there is none, `Damaged`."""
        self.path = os.path.abspath(path)
        self.url = f"archive:{self.path}"
        self._lock = threading.Lock()
        try:
            self._file = open(self.path, "rb")  # noqa: SIM115 - closed by `close`
        except OSError as error:
            raise ConfigurationError(
                f"the archive {one_line(self.path)} cannot be read ({error.strerror}); nothing was imported; name a "
                "file that `cutpoint export` wrote"
            ) from error
        try:
            with self._explained():
                self.bytes = os.fstat(self._file.fileno()).st_size
                self.index, self._offsets = read_index(self._file, self.bytes, f"the file {one_line(self.path)}")
        except BaseException:
            self._file.close()
            raise
        self._objects = {found.name: found for found in self.index.objects}

    def __enter__(self) -> Archive:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def create(self, name: str, data: bytes) -> None:
        """Refuse: an archive is not written to."""
        raise UsageError(f"object {name} was not written: {self.url} is an archive; import it into a store first")

    def read(self, name: str, *, bytes_max: int | None = None) -> bytes:
        """Read a whole object and compare it with its digest. Raises `ObjectMissing`, `Damaged`."""
        found = self._found(name)
        if bytes_max is not None and found.bytes > bytes_max:
            raise too_long(self.url, name, found.bytes, bytes_max)
        data = self._bytes(name, 0, found.bytes)
        if digest_of(data) != found.digest:
            raise Damaged(
                f"object {name} in {self.url} is not what its digest says; nothing was imported; "
                "fetch the archive again, or export it anew"
            )
        return data

    def read_range(self, name: str, start: int, length: int) -> bytes:
        """Read ``length`` bytes from ``start`` on; the reader compares them with a digest. Raises `Damaged`."""
        check_range(name, start, length)
        found = self._found(name)
        if start + length > found.bytes:
            raise too_short(self.url, name, found.bytes, start, length)
        return self._bytes(name, start, length)

    def size(self, name: str) -> int | None:
        """How long an object is, in bytes; ``None`` if there is none."""
        check_name(name)
        found = self._objects.get(name)
        return None if found is None else found.bytes

    def list(self, prefix: str) -> tuple[str, ...]:
        """The names that begin with ``prefix``, ascending."""
        check_prefix(prefix)
        return tuple(sorted(name for name in self._objects if name.startswith(prefix)))

    def sizes(self, prefix: str) -> tuple[tuple[str, int], ...]:
        """The names that begin with ``prefix``, ascending, each with how long its object is, in bytes."""
        return tuple((name, self._objects[name].bytes) for name in self.list(prefix))

    def delete(self, name: str) -> None:
        """Refuse: nothing is taken out of an archive."""
        raise UsageError(f"object {name} was not deleted: {self.url} is an archive; delete the file as a whole")

    def check_writable(self) -> None:
        """Refuse: an archive is not written to."""
        raise ConfigurationError(f"{self.url} is an archive and cannot be written to; import it into a store first")

    def _found(self, name: str) -> ArchivedObject:
        check_name(name)
        if (found := self._objects.get(name)) is None:
            raise missing(self.url, name)
        return found

    def _bytes(self, name: str, start: int, length: int) -> bytes:
        with self._lock, self._explained():
            self._file.seek(self._offsets[name] + start)
            data = self._file.read(length)
        if len(data) != length:
            raise Damaged(f"object {name} in {self.url} ends too soon; the file has changed while it was read")
        return data

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StoreError(
                f"the archive {one_line(self.path)} cannot be read: {one_line(error.strerror or error)}; nothing was "
                "imported; look after the file system"
            ) from error
