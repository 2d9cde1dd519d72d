"""A store that is not asked for more than so many bytes and operations a second, so that others get their share.

Each limit is a bucket of tokens: it fills at the rate, holds one second's worth, and is drawn from by each call. A call
that draws more than there is goes on once the bucket would be full enough; those that come after wait behind it. The
bytes of a read are not known before it was made, so the next call waits for them.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from cutpoint.errors import UsageError
from cutpoint.store.backend import Backend


class TokenBucket:
    """At most ``per_second`` of something, on the long run; one second's worth at once. May be shared by threads."""

    def __init__(
        self,
        per_second: float,
        *,
        clock: Callable[[], float] | None = None,
        sleep: Callable[[float], None] | None = None,
    ) -> None:
        if not per_second > 0:
            raise UsageError(f"a limit of {per_second} a second allows nothing; nothing was changed")
        self._per_second = per_second
        self._clock, self._sleep = clock or time.monotonic, sleep or time.sleep
        self._tokens = per_second
        self._filled_at = self._clock()
        self._lock = threading.Lock()

    def take(self, count: float) -> None:
        """Wait until ``count`` may be had, and take it."""
        wait = self._draw(count)
        if wait > 0:
            self._sleep(wait)

    def owe(self, count: float) -> None:
        """Take ``count`` now; whoever comes next waits for it."""
        self._draw(count)

    def _draw(self, count: float) -> float:
        """How many seconds it is until what was drawn is there."""
        with self._lock:
            now = self._clock()
            filled = self._tokens + (now - self._filled_at) * self._per_second
            self._tokens = min(self._per_second, filled) - count
            self._filled_at = now
            return -self._tokens / self._per_second


class LimitingBackend:
    """``inner``, at most so fast. ``None`` is no limit; clock and sleep count in seconds."""

    def __init__(
        self,
        inner: Backend,
        *,
        bytes_per_second: float | None = None,
        operations_per_second: float | None = None,
        clock: Callable[[], float] | None = None,
        sleep: Callable[[float], None] | None = None,
    ) -> None:
        self.inner = inner
        self.url = inner.url
        self._bytes = TokenBucket(bytes_per_second, clock=clock, sleep=sleep) if bytes_per_second else None
        self._operations = (
            TokenBucket(operations_per_second, clock=clock, sleep=sleep) if operations_per_second else None
        )

    def create(self, name: str, data: bytes) -> None:
        """Write a new object; it is durable on return. Raises `ObjectExists`, and then that object is durable."""
        self._wait(len(data))
        self.inner.create(name, data)

    def read(self, name: str, *, bytes_max: int | None = None) -> bytes:
        """Read a whole object. Raises `ObjectMissing`; `StoreError` if it is longer than ``bytes_max``."""
        self._wait(0)
        data = self.inner.read(name, bytes_max=bytes_max)
        if self._bytes is not None:
            self._bytes.owe(len(data))
        return data

    def read_range(self, name: str, start: int, length: int) -> bytes:
        """Read exactly ``length`` bytes from byte ``start``. Raises `ObjectMissing`; `Damaged` if it ends before."""
        self._wait(0)
        data = self.inner.read_range(name, start, length)
        if self._bytes is not None:
            self._bytes.owe(len(data))
        return data

    def size(self, name: str) -> int | None:
        """How long an object is, in bytes; ``None`` if there is none."""
        self._wait(0)
        return self.inner.size(name)

    def list(self, prefix: str) -> tuple[str, ...]:
        """The names that begin with ``prefix``, ascending."""
        self._wait(0)
        return self.inner.list(prefix)

    def sizes(self, prefix: str) -> tuple[tuple[str, int], ...]:
        """The names that begin with ``prefix``, ascending, each with how long its object is, in bytes."""
        self._wait(0)
        return self.inner.sizes(prefix)

    def delete(self, name: str) -> None:
        """See to it that there is no such object."""
        self._wait(0)
        self.inner.delete(name)

    def check_writable(self) -> None:
        """Check the store under this one, without waiting."""
        self.inner.check_writable()

    def _wait(self, length: int) -> None:
        """Wait until one operation with ``length`` bytes may be made, and until the bytes of those before are paid."""
        if self._operations is not None:
            self._operations.take(1)
        if self._bytes is not None:
            self._bytes.take(length)
