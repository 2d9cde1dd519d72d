"""Chunks on their way into packs: each is written once, a full pack is created at once.

Packs have places here: first those that were there before, in the order in which they were made known, then those
that are filled now. The pack that is being filled has a place before it has a name. About two packs are in memory at
most: the one being filled, and its bytes in one piece while they are created. Nothing here knows what a part is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from cutpoint.errors import CutAbandoned, UsageError
from cutpoint.names import CutNumber
from cutpoint.protocol.messages import PackRef
from cutpoint.store.backend import Backend
from cutpoint.store.chunks import CHUNK_RAW_MAX, ChunkRef, Run, RunKind, Sealing, chunk_id, cut_content
from cutpoint.store.compression import Compressor
from cutpoint.store.packs import PackBuilder, create_pack


class Packing:
    """Chunks for one part or one run. All calls block; `give_up` alone may come from another thread."""

    def __init__(
        self,
        backend: Backend,
        *,
        era: CutNumber,
        sealing: Sealing | None,
        pack_bytes: int | None = None,
        known: tuple[PackRef, ...] = (),
        chunks: Callable[[], Mapping[bytes, ChunkRef]] = dict,
    ) -> None:
        self._backend = backend
        self._era = era
        self._sealing = sealing
        self._pack_bytes = pack_bytes
        self._compressor = Compressor()
        self._builder: PackBuilder | None = None
        self._filling = 0
        self._given_up = False
        self._chunks: dict[bytes, ChunkRef] | None = None
        self._known_chunks = chunks
        self._places = {pack.name(): place for place, pack in enumerate(known)}
        self.packs: list[PackRef | None] = list(known)

    def place(self, pack: PackRef) -> int:
        """Where ``pack``, which is in the store, has its place; it is given one if it has none."""
        self.check()
        name = pack.name()
        if name not in self._places:
            self._places[name] = len(self.packs)
            self.packs.append(pack)
        return self._places[name]

    def add(self, raw: bytes | memoryview) -> ChunkRef:
        """Keep ``raw``, at most `CHUNK_RAW_MAX` long and not empty: where it is, now or since earlier."""
        self.check()
        if self._chunks is None:
            self._chunks = dict(self._known_chunks())
        name = chunk_id(raw)
        ref = self._chunks.get(name)
        if ref is None:
            ref = self._chunks[name] = self._write(raw, name)
        return ref

    def add_long(self, raw: bytes | memoryview) -> Iterable[ChunkRef]:
        """Keep ``raw`` of any length, as one chunk if it is short enough for one."""
        if 0 < len(raw) <= CHUNK_RAW_MAX:
            return (self.add(raw),)
        return map(self.add, cut_content(bytes(raw)))

    def add_content(self, raw: bytes) -> Iterable[ChunkRef]:
        """Keep ``raw``, cut where its content says so."""
        return map(self.add, cut_content(raw))

    def end(self, head: Callable[[int], bytes] | None = None) -> PackRef | None:
        """Create what is left; the last pack, or None if there was nothing left to create.

        ``head`` is told the place of the last pack and makes the head that becomes its last chunk.
        """
        self.check()
        if head is not None:
            builder = self._open()
            raw = head(self._filling)
            builder.add(raw, chunk_id(raw))
        return self._create(head=head is not None) if self._builder is not None else None

    def give_up(self) -> None:
        """Whatever is asked for from now on raises `CutAbandoned`."""
        self._given_up = True

    def check(self) -> None:
        """Raise `CutAbandoned` if it was given up."""
        if self._given_up:
            raise CutAbandoned("what was being written was given up; what is in the store of it is collected later")

    def _open(self) -> PackBuilder:
        if self._builder is None:
            self._builder = PackBuilder(self._compressor, self._sealing, bytes_wanted=self._pack_bytes)
            self._filling = len(self.packs)
            self.packs.append(None)
        return self._builder

    def _write(self, raw: bytes | memoryview, name: bytes) -> ChunkRef:
        builder = self._open()
        offset, stored = builder.add(raw, name)
        ref = ChunkRef(self._filling, offset, stored, len(raw), name)
        if builder.full:
            self._create(head=False)
        return ref

    def _create(self, *, head: bool) -> PackRef:
        assert self._builder is not None
        builder, self._builder = self._builder, None
        try:
            pack, data = builder.finish(self._era, head=head)
            create_pack(self._backend, pack, data)
        except BaseException:
            self.give_up()
            raise
        self.packs[self._filling] = pack
        self._places[pack.name()] = self._filling
        return pack


class RunBuilder:
    """One run that is being written."""

    def __init__(self, packing: Packing, kind: RunKind) -> None:
        self._packing = packing
        self._kind = kind
        self._chunks: list[ChunkRef] = []
        self._entries = 0
        self._raw_bytes = 0

    def add(self, raw: bytes | memoryview, entries: int) -> None:
        """See `PartWriter.add`."""
        if entries < 0:
            raise UsageError(f"a chunk cannot set or remove {entries} keys; nothing was written")
        self._keep(self._packing.add_long(raw), raw)
        self._entries += entries

    def add_content(self, raw: bytes) -> None:
        """See `PartWriter.add_content`."""
        self._keep(self._packing.add_content(raw), raw)

    def end(self) -> Run:
        """The run, whose chunks count the places of the packing."""
        return Run(self._kind, tuple(self._chunks), self._entries, self._raw_bytes)

    def _keep(self, chunks: Iterable[ChunkRef], raw: bytes | memoryview) -> None:
        self._chunks.extend(chunks)
        self._raw_bytes += len(raw)


def moved(run: Run, places: list[int]) -> Run:
    """``run`` with every chunk in the place that ``places`` holds for its old one."""
    chunks = tuple([ChunkRef(places[c.pack], c.offset, c.stored, c.raw, c.id) for c in run.chunks])
    return Run(run.kind, chunks, run.entries, run.raw_bytes)
