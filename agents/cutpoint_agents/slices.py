"""Work on a table's entries in slices, between the service's own work.

Encoding needs the values and so the event loop's thread. A slice ends after `SLICE_SECONDS`, or after so many
entries, whatever it has got to, and everything else that is ready runs before the next.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator

from cutpoint.state import Batch
from cutpoint_agents.chunks import Buffers, Chunk

SLICE_SECONDS = 0.0004
"""How long a slice may hold the event loop."""

MANY_CHUNKS = 64
"""After so many chunks of a run, those that follow are `LONGER`."""

LONGER = 4

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
        self._began = self._seen = time.perf_counter()

    def over(self, entries: int) -> bool:
        """Whether the slice is over, now that so many more entries were worked on: another step might be too long."""
        now = time.perf_counter()
        step, self._seen = now - self._seen, now
        self._done += entries
        return self._done >= self._entries or now + step - self._began >= SLICE_SECONDS

    async def pause(self) -> None:
        """Let everything else run; then the next slice begins."""
        seconds = time.perf_counter() - self._began
        self.worst = max(self.worst, seconds)
        await asyncio.sleep(seconds * self._rest)
        self.go_on()

    def go_on(self) -> None:
        """The next slice begins now: something else was waited for."""
        self._done = 0
        self._began = self._seen = time.perf_counter()


async def in_slices(work: Iterator[int], pace: Pace) -> None:
    """Take ``work`` to its end; it says of each step how many entries that was."""
    pace.go_on()
    for entries in work:
        if pace.over(entries):
            await pace.pause()


async def encoded(
    batches: Iterable[Batch], encode: Callable[[Batch], bytes], pace: Pace, *, chunk_bytes: int
) -> AsyncIterator[Chunk]:
    """The chunks of a run. ``chunk_bytes``: a batch that makes a chunk this long is its last.

    The chunks of a long run are longer, so that there are not too many to be told and looked through.
    """
    buffers = Buffers()
    chunk = Chunk(buffers)
    made = 0
    pace.go_on()
    for batch in batches:
        count = len(batch.gone) + len(batch.keys)
        chunk.add(encode(batch), count)
        over = pace.over(count)
        if chunk.size >= chunk_bytes:
            yield chunk
            chunk = Chunk(buffers)
            made += 1
            if made == MANY_CHUNKS:
                chunk_bytes *= LONGER
        if over:
            await pace.pause()
    if chunk.size:
        yield chunk
