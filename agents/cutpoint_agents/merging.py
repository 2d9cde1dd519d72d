"""Runs of a table merged into one, between cuts and beside the service's own work.

A merge makes nothing new: what it writes holds just what the runs hold that it replaces, so a later part may name
either. Changes are read back and put together; a whole table is written from what was captured for the recovery point
that it stands for. What was merged too long ago to be named is written for nothing and collected.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from cutpoint.errors import CutpointError
from cutpoint.names import CutNumber
from cutpoint.protocol.messages import PackRef
from cutpoint.state import Batch, CapturedTable, Changes, decode_batches
from cutpoint.store import (
    ERA_SPAN,
    KnownPart,
    LooseRun,
    Merge,
    PartReader,
    Run,
    RunKind,
    RunWriter,
    StoredState,
    Tiers,
    anew,
    merge_due,
)
from cutpoint_agents.feed import Feed
from cutpoint_agents.settings import Settings
from cutpoint_agents.slices import Pace, encoded, in_slices

REST = 4.0
"""After each slice of a merge, so many times its length belongs to everything else."""

LATE_MAX = 3
"""After so many merges in a row that came too late, the next cut writes the table anew."""

Content = tuple[tuple[bytes, ...], ...]
"""What some runs hold: the names of their chunks, run by run."""


@dataclass(frozen=True, kw_only=True)
class Merged:
    """``run`` holds what ``replaced`` hold, in their order. ``cut``: the recovery point that they were found in."""

    replaced: Content
    run: LooseRun
    cut: CutNumber


def content_of(runs: Sequence[Run]) -> Content:
    """What ``runs`` hold."""
    return tuple(tuple(chunk.id for chunk in run.chunks) for run in runs)


def with_merged(
    stored: StoredState, base: KnownPart, merged: Merged | None, cut: CutNumber
) -> list[tuple[Sequence[Run], Sequence[PackRef]]]:
    """The runs of ``stored`` for a part of ``cut``, with ``merged`` in place of what it replaces if that may be."""
    everything: list[tuple[Sequence[Run], Sequence[PackRef]]] = [(stored.runs, base.packs)]
    if merged is None or cut > merged.cut + ERA_SPAN:
        return everything
    content, length = content_of(stored.runs), len(merged.replaced)
    for first in range(len(content) - length + 1):
        if content[first : first + length] == merged.replaced:
            before, after = stored.runs[:first], stored.runs[first + length :]
            return [(before, base.packs), ((merged.run.run,), merged.run.packs), (after, base.packs)]
    return everything


def has_come(merged: Merged, stored: StoredState) -> bool:
    """Whether ``merged`` took the place of what it replaces in ``stored``, which was written after it was there."""
    content, length = content_of(stored.runs), len(merged.replaced)
    return merged.replaced not in (content[first : first + length] for first in range(len(content) - length + 1))


def rewritten(part: KnownPart, tiers: Tiers) -> tuple[str, ...]:
    """The tables that the next cut, or a merge after it, writes anew: all of them must be captured."""
    tables = [state for state in part.head.states if state.kind == "table"]
    return tuple(state.name for state in tables if anew(state.runs, tiers) or _whole(merge_due(state.runs, tiers)))


def _whole(merge: Merge | None) -> bool:
    return merge is not None and merge.first == 0


class Merger:
    """Merges for one process, one at a time. ``busy``: whether a cut is being written, which goes first.

    A merge that comes too late to be named was for nothing; the next one of that table has less rest.
    """

    def __init__(
        self,
        *,
        spawn: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]],
        busy: Callable[[], bool],
        failed: Callable[[CutpointError | OSError], None],
        pace: Callable[[float], Pace],
        settings: Settings,
    ) -> None:
        self.merged: dict[str, Merged] = {}
        self._late: dict[str, int] = {}
        self._spawn = spawn
        self._busy = busy
        self._failed = failed
        self._pace = pace
        self._settings = settings
        self._task: asyncio.Task[None] | None = None

    def forget(self) -> None:
        """What was merged belongs to a state that is no longer the present one."""
        self.merged.clear()
        self._late.clear()
        if self._task is not None:
            self._task.cancel()

    @property
    def hopeless(self) -> frozenset[str]:
        """The tables that had better be written anew by a cut."""
        return frozenset(name for name, late in self._late.items() if late >= LATE_MAX)

    def consider(
        self,
        part: KnownPart,
        tables: Sequence[CapturedTable],
        read: Callable[[], PartReader],
        writer: Callable[[], RunWriter],
    ) -> None:
        """``part`` is a recovery point's: merge what is due of it. Releases the captures that it does not need."""
        due: list[tuple[CapturedTable, StoredState, Merge]] = []
        tiers = self._settings.tiers
        stored = {state.name: state for state in part.head.states}
        for table in tables:
            state = stored.get(table.name)
            if state is not None:
                self._look_back(state, part.head.cut)
            merge = merge_due(state.runs, tiers) if state is not None and not anew(state.runs, tiers) else None
            if _whole(merge) and table.capture.frozen is None:
                merge = None  # the next cut captures all of it
            idle = self._task is None or self._task.done()
            if state is not None and merge is not None and idle and not due:
                due.append((table, state, merge))
            else:
                table.capture.release()
        for table, state, merge in due:
            self._task = self._spawn(self._merge(part, table, state, merge, read, writer))

    def _look_back(self, state: StoredState, cut: CutNumber) -> None:
        """What became of the last merge of this table, in ``cut``, which is a recovery point now."""
        merged = self.merged.get(state.name)
        if len(state.runs) == 1 or (merged is not None and has_come(merged, state)):
            self._late.pop(state.name, None)
            self.merged.pop(state.name, None)
        elif merged is not None and cut >= merged.cut + ERA_SPAN:
            self._late[state.name] = self._late.get(state.name, 0) + 1
            del self.merged[state.name]

    async def _merge(
        self,
        part: KnownPart,
        table: CapturedTable,
        state: StoredState,
        merge: Merge,
        read: Callable[[], PartReader],
        open_writer: Callable[[], RunWriter],
    ) -> None:
        runs = state.runs[merge.first : merge.last]
        try:
            writer = await asyncio.to_thread(open_writer)
            if merge.first == 0:
                run = await self._write_all(writer, table)
            else:
                table.capture.release()
                run = await self._write_changes(writer, table, runs, await asyncio.to_thread(read))
        except (CutpointError, OSError) as error:
            self._failed(error)
            return
        finally:
            table.capture.release()
        self.merged[table.name] = Merged(replaced=content_of(runs), run=run, cut=part.head.cut)

    async def _write_all(self, writer: RunWriter, table: CapturedTable) -> LooseRun:
        pace = self._pace_of(table)
        return await self._write(writer, table, table.capture.full(pace.batch), "base", pace)

    def _pace_of(self, table: CapturedTable) -> Pace:
        return self._pace(REST / 4 ** self._late.get(table.name, 0))

    async def _write_changes(
        self, writer: RunWriter, table: CapturedTable, runs: Sequence[Run], reader: PartReader
    ) -> LooseRun:
        """Read the delta runs back, put them together, and write them as one."""
        changes, where = Changes(), f"state {table.name!r}"
        pace = self._pace_of(table)
        for one in runs:
            chunks = await asyncio.to_thread(_all_chunks, reader, one)
            await in_slices(map(changes.add, decode_batches(table.encoding, chunks, where)), pace)
        run = await self._write(writer, table, changes.batches(pace.batch), "delta", pace)
        await in_slices(iter(partial(changes.empty, pace.batch), 0), pace)
        return run

    async def _write(
        self, writer: RunWriter, table: CapturedTable, batches: Iterable[Batch], kind: RunKind, pace: Pace
    ) -> LooseRun:
        chunk_bytes = self._settings.chunk_bytes
        feed = Feed(chunk_bytes)
        try:
            async for chunk in encoded(batches, table.encode, pace, chunk_bytes=chunk_bytes):
                feed.put(partial(chunk.write, writer), chunk.size)
                if feed.full:
                    await feed.pass_on()
                    pace.go_on()
                while self._busy():
                    await asyncio.sleep(0.02)
                    pace.go_on()
            finished: list[LooseRun] = []
            feed.put(lambda: finished.append(writer.finish(kind)))
            await feed.drain()
        except BaseException:
            writer.give_up()
            raise
        return finished[0]


def _all_chunks(reader: PartReader, run: Run) -> list[bytes]:
    return list(reader.chunks(run))
