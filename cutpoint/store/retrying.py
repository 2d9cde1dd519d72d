"""A store that is asked again when that may help: pauses grow exponentially, and each is drawn anew (full jitter).

Only `StoreUnavailable` is tried again; what will not change by waiting is raised at once. Everything a backend does may
be done twice, except a create: it may have succeeded although its answer was lost, and a second one would then be told
that the name is taken. So after a create that failed, what is there is read back. The very bytes that were to be
written: it has succeeded. Other bytes: somebody else was first. Nothing: it is sent again.

Nothing is tried again once ``deadline_seconds`` are over; one attempt may still be running then, for as long as the
store under this one lets a request take.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from cutpoint.errors import ObjectExists, ObjectMissing, StoreUnavailable
from cutpoint.store.backend import Backend, exists

T = TypeVar("T")

FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 10.0


@dataclass(frozen=True, kw_only=True)
class RetryStatistics:
    """``retries``: attempts after the first; ``settled``: creates found done by reading back; ``given_up``: calls."""

    retries: int = 0
    settled: int = 0
    given_up: int = 0


class RetryingBackend:
    """``inner``, with patience. ``chance`` gives numbers from 0 to 1; clock and sleep count in seconds."""

    def __init__(
        self,
        inner: Backend,
        *,
        deadline_seconds: float = 60.0,
        clock: Callable[[], float] | None = None,
        sleep: Callable[[float], None] | None = None,
        chance: Callable[[], float] | None = None,
    ) -> None:
        self.inner = inner
        self.url = inner.url
        self._deadline_seconds = deadline_seconds
        self._clock, self._sleep = clock or time.monotonic, sleep or time.sleep
        self._chance = chance or random.random
        self._statistics = RetryStatistics()
        self._lock = threading.Lock()

    def create(self, name: str, data: bytes) -> None:
        """Write a new object; it is durable on return. Raises `ObjectExists`, and then that object is durable.

        `StoreUnavailable` leaves open whether it was written, or will yet be; then read it back.
        """
        failure: StoreUnavailable | None = None

        def attempt() -> None:
            nonlocal failure
            if failure is not None:
                try:
                    if self._is_there(name, data):
                        return
                except StoreUnavailable:
                    raise failure from None
            try:
                self.inner.create(name, data)
            except StoreUnavailable as error:
                failure = error
                raise
            except ObjectExists:
                if failure is None or not self._is_there(name, data):
                    raise

        self._patiently(attempt)

    def read(self, name: str, *, bytes_max: int | None = None) -> bytes:
        """Read a whole object. Raises `ObjectMissing`; `StoreError` if it is longer than ``bytes_max``."""
        return self._patiently(lambda: self.inner.read(name, bytes_max=bytes_max))

    def read_range(self, name: str, start: int, length: int) -> bytes:
        """Read exactly ``length`` bytes from byte ``start``. Raises `ObjectMissing`; `Damaged` if it ends before."""
        return self._patiently(lambda: self.inner.read_range(name, start, length))

    def size(self, name: str) -> int | None:
        """How long an object is, in bytes; ``None`` if there is none."""
        return self._patiently(lambda: self.inner.size(name))

    def list(self, prefix: str) -> tuple[str, ...]:
        """The names that begin with ``prefix``, ascending."""
        return self._patiently(lambda: self.inner.list(prefix))

    def sizes(self, prefix: str) -> tuple[tuple[str, int], ...]:
        """The names that begin with ``prefix``, ascending, each with how long its object is, in bytes."""
        return self._patiently(lambda: self.inner.sizes(prefix))

    def delete(self, name: str) -> None:
        """See to it that there is no such object."""
        self._patiently(lambda: self.inner.delete(name))

    def check_writable(self) -> None:
        """Check the store under this one, once: whoever starts something wants to know now."""
        self.inner.check_writable()

    def statistics(self) -> RetryStatistics:
        """What happened so far."""
        return self._statistics

    def _is_there(self, name: str, data: bytes) -> bool:
        """Whether the object is what a create that failed was to write. Raises `ObjectExists` if it is another."""
        size = self.inner.size(name)
        if size is None:
            return False
        try:
            same = size == len(data) and self.inner.read(name, bytes_max=size) == data
        except ObjectMissing:
            return False
        if not same:
            raise exists(self.url, name)
        self._count(settled=1)
        return True

    def _patiently(self, attempt: Callable[[], T]) -> T:
        began = self._clock()
        retries = 0
        while True:
            try:
                return attempt()
            except StoreUnavailable as error:
                longest = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2 ** min(retries, 30))
                elapsed = self._clock() - began
                pause = min(self._chance() * longest, self._deadline_seconds - elapsed)
                if elapsed >= self._deadline_seconds:
                    self._count(given_up=1)
                    raise StoreUnavailable(f"{error} (tried {retries + 1} times in {elapsed:.1f} s)") from error
            self._sleep(pause)
            retries += 1
            self._count(retries=1)

    def _count(self, *, retries: int = 0, settled: int = 0, given_up: int = 0) -> None:
        with self._lock:
            self._statistics = replace(
                self._statistics,
                retries=self._statistics.retries + retries,
                settled=self._statistics.settled + settled,
                given_up=self._statistics.given_up + given_up,
            )
