"""Writing one part: states run by run, then the in-flight messages, and last the head. Full packs are created at once.

A writer belongs to one cut of one process and to one thread at a time. What was there in the part that it builds on
is named again and not written again. What a writer wrote before it gave up or died is named by nothing and is
collected later; nothing that was published depends on it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from cutpoint.errors import UsageError
from cutpoint.names import BEGINNING, CutNumber, Incarnation, Life, ProcessName
from cutpoint.protocol.messages import PackRef, PartSummary, SessionRecord
from cutpoint.store.backend import Backend
from cutpoint.store.chunks import ChunkRef, Run, RunKind, Sealing
from cutpoint.store.heads import (
    KnownPart,
    PartHead,
    StoredSession,
    StoredState,
    check_record,
    encode_head,
    needed_bytes,
    summarise,
)
from cutpoint.store.in_flight import encode_messages
from cutpoint.store.packing import Packing, RunBuilder, moved

WORTH_KEEPING = 0.5
"""A chunk is written again if less than this share of its old pack is still needed, so that the pack can go."""


class LooseRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run that no part names yet; its chunks count the places of ``packs``."""

    run: Run
    packs: tuple[PackRef, ...]


class PartWriter:
    """One part on its way to the store; see the module's text. All calls block.

    ``era``: the last cut that is known to have ended. ``base``: the part of the recovery point on which this cut may
    build, as `written` was then or as it was read back. ``pack_bytes``: from how many on a pack is full; None:
    `PACK_BYTES`. After an error nothing more can be written.
    """

    def __init__(
        self,
        backend: Backend,
        *,
        process: ProcessName,
        life: Life,
        incarnation: Incarnation,
        cut: CutNumber,
        computation: str,
        era: CutNumber,
        base: KnownPart | None,
        sealing: Sealing | None = None,
        pack_bytes: int | None = None,
    ) -> None:
        if base is not None and (base.head.process, base.head.computation) != (process, computation):
            raise UsageError(f"a part of {process} cannot build on one of {base.head.process}; nothing was written")
        self._base = base
        self._head = PartHead(
            process=process,
            life=life,
            incarnation=incarnation,
            cut=cut,
            computation=computation,
            base=base.head.cut if base is not None else BEGINNING,
            sessions=(),
            messages=(),
            states=(),
            boundary=(),
            packs=(),
            kept=0,
        )
        known = base.packs if base is not None else ()
        self._known = len(known)
        self._packing = Packing(
            backend, era=era, sealing=sealing, pack_bytes=pack_bytes, known=known, chunks=self._base_chunks
        )
        self._states: list[StoredState] = []
        self._state: StoredState | None = None
        self._runs: list[Run] = []
        self._run: RunBuilder | None = None
        self._written: KnownPart | None = None

    def begin_state(self, name: str, kind: str, version: int, format_name: str) -> None:
        """What follows, up to `end_state`, is this state's."""
        self._packing.check()
        self._expect(self._state is None and self._written is None, "begin_state")
        self._state = StoredState(name=name, kind=kind, version=version, format=format_name, runs=())
        self._runs = []

    def keep_runs(self, runs: Sequence[Run], packs: Sequence[PackRef] | None = None) -> None:
        """Name ``runs`` again without writing them; ``packs`` is what their chunks count, the base's if it is None."""
        self._packing.check()
        self._expect(self._state is not None and self._run is None, "keep_runs")
        if packs is None:
            if self._base is None and runs:
                raise UsageError("runs can only be kept of a base, or with their packs; nothing was written")
            self._runs.extend(runs)
        else:
            places = [self._packing.place(pack) for pack in packs]
            self._runs.extend(moved(run, places) for run in runs)

    def begin_run(self, kind: RunKind) -> None:
        """What is added, up to `end_run`, is one run."""
        self._packing.check()
        self._expect(self._state is not None and self._run is None, "begin_run")
        self._run = RunBuilder(self._packing, kind)

    def add(self, raw: bytes | memoryview, entries: int = 0) -> None:
        """One chunk of a table's run, which sets or removes ``entries`` keys.

        It is written only if neither this part nor its base has it. What is longer than `CHUNK_RAW_MAX` becomes
        several chunks, and is read back as these. 256 KiB to 1 MiB is a good length: long enough to be worth its
        place in the head, and all work on it is done without the interpreter.
        """
        run = self._open_run("add")
        run.add(raw, entries)

    def add_content(self, raw: bytes) -> None:
        """The content of what is no table, cut into chunks. Outside a run, it is a base run of its own."""
        alone = self._run is None
        if alone:
            self.begin_run("base")
        self._open_run("add_content").add_content(raw)
        if alone:
            self.end_run()

    def end_run(self) -> Run:
        """The run that was added. Its chunks count places of this writer; `written` has it as the head has it."""
        run = self._open_run("end_run").end()
        self._run = None
        self._runs.append(run)
        return run

    def end_state(self) -> None:
        """The state is whole."""
        self._packing.check()
        self._expect(self._run is None, "end_state")
        if self._state is None:
            raise UsageError("end_state was called, and no state was begun; nothing was written")
        self._states.append(msgspec.structs.replace(self._state, runs=tuple(self._runs)))
        self._state = None

    def finish(self, sessions: Sequence[SessionRecord], boundary: tuple[str, ...], stall_seconds: float) -> PartSummary:
        """Write the head; everything is durable on return. `written` is what the next cut takes for its base.

        Raises `UsageError` for what could not be read back: too many or too long messages, names that are none.
        """
        self._packing.check()
        self._expect(self._state is None and self._written is None, "finish")
        try:
            self._written = self._finish(sessions, boundary)
        except BaseException:
            self.give_up()
            raise
        return summarise(self._written, stall_seconds)

    @property
    def written(self) -> KnownPart:
        """The part, once `finish` has returned."""
        if self._written is None:
            raise UsageError("the part is not written before finish() has returned")
        return self._written

    def give_up(self) -> None:
        """Nothing more will be written: other calls raise `CutAbandoned`. From any thread, any number of times."""
        self._packing.give_up()

    def _finish(self, sessions: Sequence[SessionRecord], boundary: tuple[str, ...]) -> KnownPart:
        for record in sessions:
            if complaint := check_record(record):
                raise UsageError(f"the part of {self._head.process} cannot be stored: {complaint}; it was given up")
        messages = RunBuilder(self._packing, "base")
        for piece in encode_messages(sessions):
            messages.add(piece, 0)
        head = msgspec.structs.replace(
            self._head,
            sessions=tuple(StoredSession(evidence=r.evidence, address=r.address) for r in sessions),
            messages=messages.end().chunks,
            states=tuple(self._states),
            boundary=boundary,
        )

        def complete(last: int) -> bytes:
            nonlocal head
            head = self._settled(head, last)
            return encode_head(head)

        pack = self._packing.end(complete)
        assert pack is not None
        return KnownPart(head=head, pack=pack)

    def _settled(self, head: PartHead, last: int) -> PartHead:
        """``head`` with the packs that are needed, in order, and its chunks counting these. ``last`` holds the head."""
        runs = [Run("base", head.messages, 0, 0), *(run for state in head.states for run in state.runs)]
        used = sorted({chunk.pack for run in runs for chunk in run.chunks} - {last})
        places = list(range(len(self._packing.packs)))
        packs: dict[PackRef, int] = {}
        for place in used:
            if place >= len(places) or (pack := self._packing.packs[place]) is None:
                raise UsageError(f"a run names pack {place}, and there is none; the part was given up")
            places[place] = packs.setdefault(pack, len(packs))
        places[last] = len(packs)
        moves = any(places[place] != place for place in (*used, last))
        states = head.states
        if moves:
            states = tuple(
                msgspec.structs.replace(state, runs=tuple(moved(run, places) for run in state.runs))
                for state in head.states
            )
        return msgspec.structs.replace(
            head,
            messages=moved(runs[0], places).chunks,
            states=states,
            packs=tuple(packs),
            kept=sum(place < self._known for place in used),
        )

    def _base_chunks(self) -> Mapping[bytes, ChunkRef]:
        """The chunks of the base that are worth naming again."""
        if self._base is None:
            return {}
        worth = [
            needed >= WORTH_KEEPING * pack.bytes
            for needed, pack in zip(needed_bytes(self._base), self._base.packs, strict=True)
        ]
        runs = [run for state in self._base.head.states for run in state.runs]
        return {chunk.id: chunk for run in runs for chunk in run.chunks if worth[chunk.pack]}

    def _open_run(self, call: str) -> RunBuilder:
        self._packing.check()
        if self._run is None:
            raise UsageError(f"{call} was called, and no run was begun; nothing was written")
        return self._run

    def _expect(self, right: bool, call: str) -> None:
        if not right:
            raise UsageError(f"{call} was called out of turn; nothing was written")


class RunWriter:
    """One run beside any part, for tables that are merged between cuts; see `PartWriter.keep_runs`."""

    def __init__(
        self, backend: Backend, *, era: CutNumber, sealing: Sealing | None = None, pack_bytes: int | None = None
    ) -> None:
        self._packing = Packing(backend, era=era, sealing=sealing, pack_bytes=pack_bytes)
        self._run: RunBuilder | None = None

    def add(self, raw: bytes | memoryview, entries: int = 0) -> None:
        """As `PartWriter.add`."""
        self._run = self._run or RunBuilder(self._packing, "base")
        self._run.add(raw, entries)

    def finish(self, kind: RunKind = "base") -> LooseRun:
        """The run; its packs are durable on return."""
        self._packing.end()
        run = self._run.end() if self._run else Run(kind, (), 0, 0)
        packs = tuple(pack for pack in self._packing.packs if pack is not None)
        return LooseRun(run=msgspec.structs.replace(run, kind=kind), packs=packs)

    def give_up(self) -> None:
        """As `PartWriter.give_up`."""
        self._packing.give_up()
