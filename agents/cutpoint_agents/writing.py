"""One part on its way to the store, from the record until it is durable, while the service goes on.

What was captured in the record block is encoded in slices on the event loop and compressed, hashed and written on
threads. A table is written as what changed since its process's last recovery point, where the coordinator says that
this is what the cut builds on; everything else in full.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from functools import partial

from cutpoint.errors import CutpointError
from cutpoint.names import CutNumber
from cutpoint.protocol.effects import PersistPart
from cutpoint.protocol.messages import PartSummary
from cutpoint.state import CapturedState, CapturedTable, Recorded
from cutpoint.store import KnownPart, PartWriter, RunKind, StoredState, anew
from cutpoint_agents.feed import Feed
from cutpoint_agents.lookout import Lookout
from cutpoint_agents.merging import Merged, with_merged
from cutpoint_agents.settings import Settings
from cutpoint_agents.slices import Pace, encoded


class Writing:
    """The part of ``cut``. ``base``: the part that it may build on. ``merged``: runs that were merged meanwhile.

    ``hopeless``: the tables to be written anew. ``changes`` says how many entries changed since the record.
    """

    def __init__(
        self,
        *,
        cut: CutNumber,
        recorded: Recorded,
        base: KnownPart | None,
        merged: dict[str, Merged],
        hopeless: Collection[str],
        pace: Pace,
        changes: Callable[[], int],
        settings: Settings,
    ) -> None:
        self.cut = cut
        self.recorded = recorded
        self.pace = pace
        self.part: KnownPart | None = None
        states = () if base is None else base.head.states
        self._states = {state.name: state for state in states if state.name not in hopeless}
        self._base = base
        self._merged = merged
        self._changes = changes
        self._settings = settings
        self._feed = Feed(settings.chunk_bytes)
        self._channels: asyncio.Future[PersistPart] = asyncio.get_running_loop().create_future()

    @property
    def bytes(self) -> int:
        """How many bytes were handed on to be written so far."""
        return self._feed.bytes

    def channels_known(self, effect: PersistPart) -> None:
        """All channels are closed: what was in flight is known, and the part can be finished."""
        if not self._channels.done():
            self._channels.set_result(effect)

    async def write(self, writer: PartWriter, stall: Callable[[], float]) -> PartSummary:
        """Write everything; durable on return. Raises `CutpointError` or `OSError`, and then nothing names it."""
        with Lookout(self._check_limits):
            return await self._write(writer, stall)

    async def _write(self, writer: PartWriter, stall: Callable[[], float]) -> PartSummary:
        try:
            for state in self.recorded.states:
                if isinstance(state, CapturedTable):
                    await self._write_table(writer, state)
                else:
                    await self._write_value(writer, state)
            effect = await self._channels
            summaries: list[PartSummary] = []

            def finish() -> None:
                summaries.append(writer.finish(effect.sessions, effect.boundary, max(stall(), self.pace.worst)))

            self._feed.put(finish)
            await self._feed.drain()
        except BaseException:
            writer.give_up()
            raise
        self.part = writer.written
        return summaries[0]

    async def _write_value(self, writer: PartWriter, state: CapturedState) -> None:
        self._feed.put(partial(writer.begin_state, state.name, state.kind, state.version, state.format))
        self._feed.put(partial(writer.add_content, state.data), len(state.data))
        self._feed.put(writer.end_state)
        if self._feed.full:
            await self._feed.pass_on()

    async def _write_table(self, writer: PartWriter, state: CapturedTable) -> None:
        self._feed.put(partial(writer.begin_state, state.name, "table", state.version, state.format))
        capture = state.capture
        base = self._built_on(state)
        if base is None:
            await self._write_run(writer, state, "base")
        else:
            assert self._base is not None
            for runs, packs in with_merged(base, self._base, self._merged.get(state.name), self.cut):
                self._feed.put(partial(writer.keep_runs, runs, packs))
            if capture.changes:
                await self._write_run(writer, state, "delta")
        self._feed.put(writer.end_state)

    def _built_on(self, state: CapturedTable) -> StoredState | None:
        """What is stored of the table already, if its changes since are to be written alone."""
        stored = self._states.get(state.name)
        if stored is None or (stored.kind, stored.version, stored.format) != ("table", state.version, state.format):
            return None
        return None if anew(stored.runs, self._settings.tiers) else stored

    async def _write_run(self, writer: PartWriter, state: CapturedTable, kind: RunKind) -> None:
        self._feed.put(partial(writer.begin_run, kind))
        capture = state.capture
        batches = capture.full(self.pace.batch) if kind == "base" else capture.delta(self.pace.batch)
        chunks = encoded(batches, state.encode, self.pace, chunk_bytes=self._settings.chunk_bytes)
        async for chunk in chunks:
            self._feed.put(partial(chunk.write, writer), chunk.size)
            if self._feed.full:
                await self._feed.pass_on()
                self.pace.go_on()
            self._check_limits()
        self._feed.put(writer.end_run)

    def _check_limits(self) -> None:
        if (changed := self._changes()) > (most := self._settings.cut_changes_max):
            raise CutpointError(
                f"{changed} entries changed while cut {self.cut} was being written, and {most} are kept apart "
                f"meanwhile; {self._feed.bytes} bytes of it had been encoded; the service goes on and nothing is lost; "
                "give it a faster store, or raise cut_changes_max"
            )
