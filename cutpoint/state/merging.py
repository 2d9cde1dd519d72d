"""Changes of a table put together: several batches as the fewest that do the same."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

from cutpoint.state.capture import Batch


class Changes:
    """What batches do one after the other, order of the keys included."""

    def __init__(self) -> None:
        self._gone: dict[Any, None] = {}
        self._set: dict[Any, Any] = {}

    def add(self, batch: Batch) -> int:
        """``batch`` comes next. How many entries it has."""
        for key in batch.gone:
            self._set.pop(key, None)
            self._gone[key] = None
        self._set.update(zip(batch.keys, batch.values, strict=True))
        return len(batch.gone) + len(batch.keys)

    def batches(self, entries: int) -> Iterator[Batch]:
        """The same in batches of at most ``entries``: first what is gone, then what is set."""
        gone = iter(self._gone)
        while some := list(islice(gone, entries)):
            yield Batch(some, [], [])
        pairs = iter(self._set.items())
        while found := list(islice(pairs, entries)):
            yield Batch([], [key for key, _ in found], [value for _, value in found])

    def empty(self, entries: int) -> int:
        """Let go of ``entries`` at most; how many it were. To drop millions in one step takes long."""
        some = self._gone or self._set
        dropped = min(entries, len(some))
        for _ in range(dropped):
            some.popitem()
        return dropped
