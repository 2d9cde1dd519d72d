"""A store that lives and dies with the process: for tests, simulations and a first try. Nothing is durable."""

from __future__ import annotations

import threading

from cutpoint.store.backend import check_name, check_prefix, check_range, exists, missing, too_long, too_short


class MemoryBackend:
    """Objects in a dict, under one lock."""

    def __init__(self, name: str = "unnamed") -> None:
        self.url = f"memory:{name}"
        self._objects: dict[str, bytes] = {}
        self._lock = threading.Lock()

    def create(self, name: str, data: bytes) -> None:
        """Keep a copy of ``data``. Raises `ObjectExists`."""
        check_name(name)
        with self._lock:
            if name in self._objects:
                raise exists(self.url, name)
            self._objects[name] = bytes(data)

    def read(self, name: str, *, bytes_max: int | None = None) -> bytes:
        """Read a whole object. Raises `ObjectMissing`; `StoreError` if it is longer than ``bytes_max``."""
        check_name(name)
        with self._lock:
            data = self._objects.get(name)
        if data is None:
            raise missing(self.url, name)
        if bytes_max is not None and len(data) > bytes_max:
            raise too_long(self.url, name, len(data), bytes_max)
        return data

    def read_range(self, name: str, start: int, length: int) -> bytes:
        """Read exactly ``length`` bytes from byte ``start``. Raises `ObjectMissing`; `Damaged` if it ends before."""
        check_range(name, start, length)
        data = self.read(name)
        if start + length > len(data):
            raise too_short(self.url, name, len(data), start, length)
        return data[start : start + length]

    def size(self, name: str) -> int | None:
        """How long an object is, in bytes; ``None`` if there is none."""
        check_name(name)
        with self._lock:
            data = self._objects.get(name)
        return None if data is None else len(data)

    def list(self, prefix: str) -> tuple[str, ...]:
        """The names that begin with ``prefix``, ascending."""
        check_prefix(prefix)
        with self._lock:
            return tuple(sorted(name for name in self._objects if name.startswith(prefix)))

    def sizes(self, prefix: str) -> tuple[tuple[str, int], ...]:
        """The names that begin with ``prefix``, ascending, each with how long its object is, in bytes."""
        check_prefix(prefix)
        with self._lock:
            return tuple(sorted((name, len(data)) for name, data in self._objects.items() if name.startswith(prefix)))

    def delete(self, name: str) -> None:
        """See to it that there is no such object."""
        check_name(name)
        with self._lock:
            self._objects.pop(name, None)

    def check_writable(self) -> None:
        """Memory can always be written."""
