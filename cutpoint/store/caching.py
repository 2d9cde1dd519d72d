"""A store whose packs are also kept in a local folder, once they were read, so that they are read from afar only once.

Only objects below the given prefixes are kept: ones that never change under their name. Everything that asks whether an
object is there (`size`, `list`, `sizes`) asks the store itself. What is kept is as long and as sound as it was when it
was read, or it is thrown away and read again: its length is looked at each time, its checksum when it is first used.
The folder may be shared by processes and stores, may be deleted at any time, and never makes a read fail.

When more than ``bytes_max`` bytes are kept, what was not used for longest goes first. The first range that is asked of
an object is read as it is; whoever asks for a second one gets the whole object into the folder.

Whoever has to know what the store itself holds (to verify it, or to look at what was just written) takes `uncached`.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import struct
import threading
import time
import zlib
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from cutpoint.errors import ConfigurationError
from cutpoint.store.backend import Backend, check_range, too_long, too_short
from cutpoint.wire.checks import one_line

_HEADER = struct.Struct(">8sQI")
_MAGIC = b"cutcache"
_REMEMBERED_MAX = 4096


@dataclass(frozen=True, kw_only=True)
class CacheStatistics:
    """Reads answered from the folder, reads that were not, and what was thrown away because it was not sound."""

    hits: int = 0
    misses: int = 0
    unsound: int = 0


class _Remembered:
    """A number for each of the last few thousand names."""

    def __init__(self) -> None:
        self._numbers: OrderedDict[str, int] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, name: str) -> int | None:
        """The number of ``name``."""
        return self._numbers.get(name)

    def put(self, name: str, number: int) -> int | None:
        """Remember the number of ``name``; what it was before."""
        with self._lock:
            before = self._numbers.pop(name, None)
            self._numbers[name] = number
            if len(self._numbers) > _REMEMBERED_MAX:
                self._numbers.popitem(last=False)
            return before


class CachingBackend:
    """``inner``, with a folder of what was read from it. ``clock`` gives nanoseconds since 1970."""

    def __init__(
        self,
        inner: Backend,
        folder: str | os.PathLike[str],
        *,
        bytes_max: int = 1 << 30,
        prefixes: tuple[str, ...] = ("packs/",),
        clock: Callable[[], int] | None = None,
    ) -> None:
        """Raises `ConfigurationError` if there can be no such folder."""
        self.inner = inner
        self.url = inner.url
        self._folder = Path(os.path.abspath(folder))
        self._bytes_max = bytes_max
        self._prefixes = prefixes
        self._clock = clock or time.time_ns
        self._sound = _Remembered()
        self._asked = _Remembered()
        self._statistics = CacheStatistics()
        self._lock = threading.Lock()
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigurationError(
                f"there can be no cache in {one_line(self._folder)}: {one_line(error.strerror)}; nothing was read; "
                "name a folder that this user may write"
            ) from error

    def create(self, name: str, data: bytes) -> None:
        """Write a new object; it is durable on return. Raises `ObjectExists`, and then that object is durable."""
        self.inner.create(name, data)

    def read(self, name: str, *, bytes_max: int | None = None) -> bytes:
        """Read a whole object. Raises `ObjectMissing`; `StoreError` if it is longer than ``bytes_max``."""
        if not name.startswith(self._prefixes):
            return self.inner.read(name, bytes_max=bytes_max)
        kept = self._kept(name, 0, None)
        if kept is None:
            data = self.inner.read(name, bytes_max=bytes_max)
            self._keep(name, data)
            return data
        if bytes_max is not None and len(kept) > bytes_max:
            raise too_long(self.url, name, len(kept), bytes_max)
        return kept

    def read_range(self, name: str, start: int, length: int) -> bytes:
        """Read exactly ``length`` bytes from byte ``start``. Raises `ObjectMissing`; `Damaged` if it ends before."""
        check_range(name, start, length)
        if not name.startswith(self._prefixes):
            return self.inner.read_range(name, start, length)
        kept = self._kept(name, start, length)
        if kept is not None:
            return kept
        if self._asked.put(name, 1) is None:
            return self.inner.read_range(name, start, length)
        size = self.inner.size(name)
        if size is None or size > self._bytes_max or start + length > size:
            return self.inner.read_range(name, start, length)
        data = self.inner.read(name, bytes_max=size)
        self._keep(name, data)
        if start + length > len(data):
            raise too_short(self.url, name, len(data), start, length)
        return data[start : start + length]

    def size(self, name: str) -> int | None:
        """How long an object is, in bytes; ``None`` if there is none."""
        return self.inner.size(name)

    def list(self, prefix: str) -> tuple[str, ...]:
        """The names that begin with ``prefix``, ascending."""
        return self.inner.list(prefix)

    def sizes(self, prefix: str) -> tuple[tuple[str, int], ...]:
        """The names that begin with ``prefix``, ascending, each with how long its object is, in bytes."""
        return self.inner.sizes(prefix)

    def delete(self, name: str) -> None:
        """See to it that there is no such object, here or there."""
        self.inner.delete(name)
        self._drop(self._place(name))

    def check_writable(self) -> None:
        """Check the store under this one."""
        self.inner.check_writable()

    def statistics(self) -> CacheStatistics:
        """What happened so far."""
        return self._statistics

    def _place(self, name: str) -> Path:
        return self._folder / hashlib.sha256(f"{self.url}\n{name}".encode()).hexdigest()

    def _kept(self, name: str, start: int, length: int | None) -> bytes | None:
        """``length`` bytes (or all) of what is kept, if it is kept, sound and has so many."""
        place = self._place(name)
        try:
            with open(place, "rb") as file:
                found = _sound_part(file, start, length, sound=self._sound.get(place.name))
        except OSError:
            found = None
        except ValueError:
            self._drop(place)
            self._count(unsound=1)
            found = None
        if found is None:
            self._count(misses=1)
            return None
        data, file_number = found
        with contextlib.suppress(OSError):
            os.utime(place, ns=(self._clock(), self._clock()))
        self._sound.put(place.name, file_number)
        self._count(hits=1)
        return data

    def _keep(self, name: str, data: bytes) -> None:
        """Keep ``data`` if there is room for it. Never fails: then it is read from afar again."""
        if len(data) + _HEADER.size > self._bytes_max:
            return
        aside = self._folder / f"aside-{secrets.token_hex(16)}"
        with contextlib.suppress(OSError):
            try:
                with open(aside, "xb") as file:
                    file.write(_HEADER.pack(_MAGIC, len(data), zlib.crc32(data)))
                    file.write(data)
                os.utime(aside, ns=(self._clock(), self._clock()))
                self._make_room()
                os.replace(aside, self._place(name))
            finally:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(aside)

    def _make_room(self) -> None:
        """Throw away what was not used for longest, whoever has kept it, until the rest fits."""
        found = []
        with os.scandir(self._folder) as entries:
            for entry in entries:
                with contextlib.suppress(FileNotFoundError):
                    status = entry.stat(follow_symlinks=False)
                    found.append((status.st_mtime_ns, status.st_size, Path(entry.path)))
        surplus = sum(size for _, size, _ in found) - self._bytes_max
        for _, size, path in sorted(found):
            if surplus <= 0:
                return
            self._drop(path)
            surplus -= size

    def _drop(self, place: Path) -> None:
        with contextlib.suppress(OSError):
            os.unlink(place)

    def _count(self, *, hits: int = 0, misses: int = 0, unsound: int = 0) -> None:
        with self._lock:
            now = self._statistics
            self._statistics = replace(
                now, hits=now.hits + hits, misses=now.misses + misses, unsound=now.unsound + unsound
            )


def _sound_part(file: BinaryIO, start: int, length: int | None, *, sound: int | None) -> tuple[bytes, int] | None:
    """``length`` bytes of what is kept in ``file``, with the file's own number; None if there are fewer.

    Its checksum is looked at unless that number is ``sound``. Raises `ValueError` if it is not what was kept.
    """
    status = os.fstat(file.fileno())
    header = file.read(_HEADER.size)
    magic, bytes_kept, checksum = _HEADER.unpack(header) if len(header) == _HEADER.size else (b"", 0, 0)
    if magic != _MAGIC or status.st_size != _HEADER.size + bytes_kept:
        raise ValueError
    end = bytes_kept if length is None else start + length
    if end > bytes_kept:
        return None
    if status.st_ino != sound:
        whole = file.read()
        if zlib.crc32(whole) != checksum:
            raise ValueError
        part = whole if (start, end) == (0, bytes_kept) else whole[start:end]
    else:
        file.seek(_HEADER.size + start)
        part = file.read(end - start)
    return part, status.st_ino


def uncached(backend: Backend) -> Backend:
    """The store itself, for who has to know what it holds."""
    while isinstance(backend, CachingBackend):
        backend = backend.inner
    return backend
