"""Work on a table's entries in slices, between the service's own work.

Encoding needs the values and so the event loop's thread. A slice ends after `SLICE_SECONDS`, or after so many
entries, whatever it has got to, and everything else that is ready runs before the next.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator

from cutpoint.state import Batch

SLICE_SECONDS = 0.0004
"""How long a slice may hold the event loop."""

BATCH_ENTRIES = 128
"""The most entries that are encoded in one call. The clock is read between two calls."""


class Pace:
    """When a slice ends, and what comes after it.

    ``entries``: the most in a slice. ``rest``: after each slice, so many times its length belongs to others; 0: one
    round of the event loop. ``worst``: the longest slice so far, in seconds.
    """

    def __init__(self, *, entries: int, rest: float = 0.0) -> None:
        self.batch = min(entries, BATCH_ENTRIES)
        self.worst = 0.0
        self._entries = entries
        self._rest = rest
        self._done = 0
        self._began = time.perf_counter()

    def over(self, entries: int) -> bool:
        """Whether the slice is over, now that so many more entries were worked on."""
        self._done += entries
        return self._done >= self._entries or time.perf_counter() - self._began >= SLICE_SECONDS

    async def pause(self) -> None:
        """Let everything else run; then the next slice begins."""
        seconds = time.perf_counter() - self._began
        self.worst = max(self.worst, seconds)
        await asyncio.sleep(seconds * self._rest)
        self.go_on()

    def go_on(self) -> None:
        """The next slice begins now: something else was waited for."""
        self._done, self._began = 0, time.perf_counter()


async def in_slices(work: Iterator[int], pace: Pace) -> None:
    """Take ``work`` to its end; it says of each step how many entries that was."""
    pace.go_on()
    for entries in work:
        if pace.over(entries):
            await pace.pause()


async def encoded(
    batches: Iterable[Batch], encode: Callable[[Batch], bytes], pace: Pace, *, chunk_bytes: int
) -> AsyncIterator[tuple[list[bytes], int]]:
    """The chunks of a run, each as the encoded batches in it and the number of its entries.

    ``chunk_bytes``: a batch that makes a chunk this long is its last.
    """
    pieces: list[bytes] = []
    entries = size = 0
    pace.go_on()
    for batch in batches:
        data = encode(batch)
        count = len(batch.gone) + len(batch.keys)
        pieces.append(data)
        entries += count
        size += len(data)
        over = pace.over(count)
        if size >= chunk_bytes:
            yield pieces, entries
            pieces, entries, size = [], 0, 0
        if over:
            await pace.pause()
    if pieces:
        yield pieces, entries
