"""A store whose user dies after a chosen number of operations: for trying every moment at which a crash can come.

`every_crash` runs something again and again, each time in a fresh store, and lets it die before its first operation,
before its second, and so on until it comes to its end. What was done is done, durably; everything after is as if the
power were off. A crash within an operation is the backend's own affair, tested beside it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from cutpoint.store.backend import Backend

CRASHES_MAX = 100_000
"""How many operations something may take before it counts as endless."""


class Died(BaseException):
    """The process is dead. It is no `Exception`, so that nothing goes on after having caught it by accident."""


class InterruptedBackend:
    """``inner``, of which only the first ``operations`` operations happen; with ``None``, all do, and are counted.

    ``writes_only``: reading does not count, because between two writes all moments leave the same behind. For what
    writes from several threads at once, ``done`` tells how many had come through.
    """

    def __init__(self, inner: Backend, operations: int | None = None, *, writes_only: bool = True) -> None:
        self.inner = inner
        self.url = inner.url
        self.done = 0
        self.dead = False
        self._operations = operations
        self._writes_only = writes_only
        self._lock = threading.Lock()

    def create(self, name: str, data: bytes) -> None:
        """Write a new object, if there is life enough."""
        self._live(writes=True)
        self.inner.create(name, data)

    def read(self, name: str, *, bytes_max: int | None = None) -> bytes:
        """Read a whole object."""
        self._live()
        return self.inner.read(name, bytes_max=bytes_max)

    def read_range(self, name: str, start: int, length: int) -> bytes:
        """Read a part of an object."""
        self._live()
        return self.inner.read_range(name, start, length)

    def size(self, name: str) -> int | None:
        """How long an object is, in bytes."""
        self._live()
        return self.inner.size(name)

    def list(self, prefix: str) -> tuple[str, ...]:
        """The names that begin with ``prefix``."""
        self._live()
        return self.inner.list(prefix)

    def sizes(self, prefix: str) -> tuple[tuple[str, int], ...]:
        """The names that begin with ``prefix``, each with a length in bytes."""
        self._live()
        return self.inner.sizes(prefix)

    def delete(self, name: str) -> None:
        """Delete an object, if there is life enough."""
        self._live(writes=True)
        self.inner.delete(name)

    def check_writable(self) -> None:
        """Ask the store behind."""
        self._live()
        self.inner.check_writable()

    def _live(self, *, writes: bool = False) -> None:
        with self._lock:
            counts = writes or not self._writes_only
            if self.dead or (counts and self.done == self._operations):
                self.dead = True
                raise Died(f"dead after {self.done} operations")
            self.done += counts


@dataclass(frozen=True, kw_only=True)
class Crash:
    """What one run left behind: ``store`` after ``operations`` operations; ``finished``: it came to its end."""

    store: Backend
    operations: int
    finished: bool


def every_crash(
    fresh: Callable[[], Backend], run: Callable[[Backend], object], *, writes_only: bool = True
) -> Iterator[Crash]:
    """Let ``run`` die before each of its operations in turn, each time in a store that ``fresh`` makes.

    The last crash is none: ``run`` has finished. Raises what ``run`` raises, and `AssertionError` if it never ends.
    """
    for operations in range(CRASHES_MAX):
        store = fresh()
        interrupted = InterruptedBackend(store, operations, writes_only=writes_only)
        finished = True
        try:
            run(interrupted)
        except Died:
            finished = False
        yield Crash(store=store, operations=interrupted.done, finished=finished and not interrupted.dead)
        if finished and not interrupted.dead:
            return
    raise AssertionError(f"it has not come to its end within {CRASHES_MAX} operations")
