"""Any sequence of parts, each built on any one before it, is read back exactly, and nothing is written twice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cutpoint.names import CutNumber
from cutpoint.protocol.messages import SessionRecord
from cutpoint.store import MemoryBackend, packs
from cutpoint.store.chunks import RunKind
from cutpoint.store.heads import KnownPart, needed_bytes
from cutpoint.store.packs import read_index, read_pack
from cutpoint.store.reader import open_part
from cutpoint.store.writer import WORTH_KEEPING, LooseRun, PartWriter, RunWriter

from .part_samples import contents, finish, put_value, writer
from .samples import ORDERS, PAYMENTS, messages, payloads, session

POOL = tuple(bytes([n]) * 30 + bytes(range(n, n + 60)) for n in range(12))
"""Chunks to draw from: few, so that they come again."""

chunks = st.lists(st.sampled_from(POOL), max_size=4)


@dataclass
class Written:
    """A part, and what is known to be in it."""

    part: KnownPart
    states: dict[str, list[bytes]]
    sessions: tuple[SessionRecord, ...]


@dataclass
class History:
    """One store, and the parts of one process in it."""

    draw: st.DataObject
    backend: MemoryBackend = field(default_factory=MemoryBackend)
    parts: list[Written] = field(default_factory=list)
    beside: set[str] = field(default_factory=set)
    """The packs of runs that were merged beside any part."""

    cut: int = 0

    def take(self) -> None:
        """Another cut, on any base, which may be given up half-way."""
        self.cut += 1
        base = self.draw.draw(st.sampled_from([None, *self.parts]), label="base")
        one = writer(self.backend, self.cut, base=base.part if base else None)
        states: dict[str, list[bytes]] = {}
        for name in self.draw.draw(st.lists(st.sampled_from(["a", "b", "c"]), unique=True)):
            states[name] = self.table(one, name, base)
        for name in self.draw.draw(st.lists(st.sampled_from(["v", "w"]), unique=True)):
            states[name] = [self.draw.draw(st.sampled_from([b"", *POOL]))]
            put_value(one, name, states[name][0])
        if self.draw.draw(st.integers(0, 4), label="given up") == 1:
            one.give_up()
            return
        sessions = self.sessions()
        finish(one, *sessions)
        self.check_thrift(one.written, base.part if base else None)
        self.parts.append(Written(one.written, states, sessions))

    def table(self, one: PartWriter, name: str, base: Written | None) -> list[bytes]:
        """A table: runs of the base's table of that name, or merged beside, or new; then changes."""
        one.begin_state(name, "table", 1, "msgpack")
        found: list[bytes] = []
        way = self.draw.draw(st.sampled_from(["new", "keep", "merge"]))
        if way == "keep" and base and name in base.states:
            state = next(state for state in base.part.head.states if state.name == name)
            kept = self.draw.draw(st.integers(1, len(state.runs)))
            one.keep_runs(state.runs[:kept])
            found += base.states[name][:kept]
        elif way == "merge":
            loose, content = self.merged()
            one.keep_runs([loose.run], loose.packs)
            found.append(content)
        for _ in range(self.draw.draw(st.integers(0 if found else 1, 2))):
            found.append(self.run(one, "delta" if found else "base"))
        one.end_state()
        return found

    def run(self, one: PartWriter, kind: RunKind) -> bytes:
        one.begin_run(kind)
        drawn = self.draw.draw(chunks)
        for chunk in drawn:
            one.add(chunk, 1)
        one.end_run()
        return b"".join(drawn)

    def merged(self) -> tuple[LooseRun, bytes]:
        beside = RunWriter(self.backend, era=CutNumber(self.cut - 1))
        drawn = self.draw.draw(chunks)
        for chunk in drawn:
            beside.add(chunk, 1)
        loose = beside.finish()
        self.beside.update(pack.name() for pack in loose.packs)
        return loose, b"".join(drawn)

    def sessions(self) -> tuple[SessionRecord, ...]:
        sent, got = self.draw.draw(st.lists(payloads, max_size=2)), self.draw.draw(st.lists(payloads, max_size=2))
        return (session(ORDERS, PAYMENTS, messages(6, *sent), messages(4, *got)),) if sent else ()

    def check_thrift(self, part: KnownPart, base: KnownPart | None) -> None:
        """No chunk was written that was there, none twice, and none that nobody needs."""
        there = set(worth_naming(base)) if base else set()
        head = part.head
        refs = [*head.messages, *(chunk for state in head.states for run in state.runs for chunk in run.chunks)]
        assert base is None or set(head.packs[: head.kept]) <= set(base.packs)
        written: list[bytes] = []
        for place, pack in enumerate(part.packs):
            if place < head.kept or pack.name() in self.beside:
                continue
            assert pack.era == head.cut - 1
            index, _ = read_index(read_pack(self.backend, pack), None, "it")
            needed = {ref.offset for ref in refs if ref.pack == place}
            assert set(index.entries) == needed | ({index.head} if index.head is not None else set())
            written += [entry.id for offset, entry in index.entries.items() if offset != index.head]
        assert len(written) == len(set(written))
        assert not there & set(written)


def worth_naming(part: KnownPart) -> Iterator[bytes]:
    worth = [n >= WORTH_KEEPING * pack.bytes for n, pack in zip(needed_bytes(part), part.packs, strict=True)]
    for state in part.head.states:
        yield from (chunk.id for run in state.runs for chunk in run.chunks if worth[chunk.pack])


@settings(max_examples=150)
@given(st.data(), st.sampled_from([300, 1000, 100_000]))
def test_any_sequence_of_parts_is_read_back_exactly(draw: st.DataObject, pack_bytes: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(packs, "PACK_BYTES", pack_bytes)
        history = History(draw)
        for _ in range(draw.draw(st.integers(1, 6))):
            history.take()
        for written in history.parts:
            reader = open_part(history.backend, written.part.pack)
            assert reader.part == written.part
            assert contents(reader) == written.states
            assert reader.sessions() == written.sessions
