"""Reading one part back: the head first, then what is asked for, chunk by chunk, every one checked against its name.

Whatever is not what was written ends in `Damaged` that names the object. Nothing is believed before its digest was
compared, and nothing takes more memory than what was written did. Chunks that lie beside each other are read in one
go, at most a pack's length at a time, and are handed out one by one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cutpoint.errors import ConfigurationError, Damaged, UsageError
from cutpoint.protocol.messages import PackRef, SessionRecord
from cutpoint.store.backend import Backend
from cutpoint.store.chunks import ChunkRef, Run, Seal, Sealing
from cutpoint.store.heads import KnownPart, PartHead, check_record, decode_head
from cutpoint.store.in_flight import decode_messages
from cutpoint.store.packs import (
    HEADER_BYTES_MAX,
    PACK_BYTES,
    IndexEntry,
    location,
    open_chunk,
    read_index,
    read_pack,
    read_seal,
)
from cutpoint.wire.checks import one_line

GAP_BYTES = 64 * 1024
"""So much between two chunks is read along rather than asked for separately."""


class PartReader:
    """One part that is in the store. All calls block; threads may share a reader, each with iterators of its own.

    ``last`` is what its last pack holds, all of it, and ``seal`` that pack's cipher; see `open_part`.
    """

    def __init__(
        self, backend: Backend, part: KnownPart, last: bytes, *, sealing: Sealing | None, seal: Seal | None
    ) -> None:
        self.part = part
        self._backend = backend
        self._last = memoryview(last)
        self._sealing = sealing
        self._seals: dict[int, Seal | None] = {len(part.head.packs): seal}

    @property
    def head(self) -> PartHead:
        """What the part is, by reference."""
        return self.part.head

    def sessions(self) -> tuple[SessionRecord, ...]:
        """The sessions with their in-flight messages. Raises `Damaged`, `ObjectMissing`."""
        stored = self.head.sessions
        try:
            messages = iter(decode_messages(self._read(self.head.messages), [s.evidence for s in stored]))
        except ValueError as error:
            raise self._strange_messages(one_line(error)) from error
        records = tuple(
            SessionRecord(
                evidence=session.evidence,
                outgoing_in_flight=outgoing,
                incoming_in_flight=incoming,
                address=session.address,
            )
            for session, outgoing, incoming in zip(stored, messages, messages, strict=True)
        )
        for record in records:
            if complaint := check_record(record):
                raise self._strange_messages(complaint)
        return records

    def _strange_messages(self, complaint: str) -> Damaged:
        return Damaged(
            f"{location(self._backend, self.part.pack)} names in-flight messages that are none: {complaint}; "
            "recover to another recovery point"
        )

    def chunks(self, run: Run) -> Iterator[bytes]:
        """The raw chunks of ``run``, in order, each checked. Raises `Damaged`, `ObjectMissing`."""
        return self._read(run.chunks)

    def content(self, runs: Sequence[Run], *, bytes_max: int) -> bytes:
        """The whole content of a state that is no table. Raises `UsageError` if it is longer than ``bytes_max``."""
        length = sum(run.raw_bytes for run in runs)
        if length > bytes_max:
            raise UsageError(f"the content has {length} bytes, {bytes_max} are allowed; it was not read")
        return b"".join([chunk for run in runs for chunk in self.chunks(run)])

    def _read(self, chunks: Sequence[ChunkRef]) -> Iterator[bytes]:
        for beside in _beside_each_other(chunks):
            first, last = beside[0], beside[-1]
            pack = self.part.packs[first.pack]
            data = self._bytes(first.pack, first.offset, last.offset + last.stored - first.offset)
            seal = self._seal(first.pack)
            where = location(self._backend, pack)
            for chunk in beside:
                start = chunk.offset - first.offset
                stored = data[start : start + chunk.stored]
                entry = IndexEntry(stored=chunk.stored, raw=chunk.raw, id=chunk.id)
                try:
                    raw = open_chunk(stored, chunk.offset, entry, seal, where)
                except Damaged:
                    self._demand_key(first.pack)
                    raise
                yield raw

    def _bytes(self, place: int, start: int, length: int) -> memoryview:
        if place == len(self.head.packs):
            return self._last[start : start + length]
        return memoryview(self._backend.read_range(self.head.packs[place].name(), start, length))

    def _seal(self, place: int) -> Seal | None:
        if place not in self._seals:
            self._seals[place] = None if self._sealing is None else self._read_seal(place)
        return self._seals[place]

    def _read_seal(self, place: int) -> Seal | None:
        pack = self.part.packs[place]
        header = self._bytes(place, 0, min(HEADER_BYTES_MAX, pack.bytes))
        try:
            return read_seal(header, self._sealing, location(self._backend, pack))[1]
        except ConfigurationError:
            read_pack(self._backend, pack)  # a header that was damaged may name any key: that is no wrong key file
            raise

    def _demand_key(self, place: int) -> None:
        """Without any key a sealed pack looks damaged: raise `ConfigurationError` if the one at ``place`` is sealed."""
        if self._sealing is None:
            self._read_seal(place)


def open_part(backend: Backend, pack: PackRef, *, sealing: Sealing | None = None) -> PartReader:
    """Read, check and decode the head at the end of ``pack``.

    Raises `ObjectMissing`, or `Damaged` that names it; `ConfigurationError` if it is sealed and the key is not there.
    """
    where = location(backend, pack)
    data = read_pack(backend, pack)
    index, seal = read_index(data, sealing, where)
    if index.head is None:
        raise Damaged(f"{where} ends without the head of a part; recover to another recovery point")
    entry = index.entries[index.head]
    raw = open_chunk(memoryview(data)[index.head : index.head + entry.stored], index.head, entry, seal, where)
    part = KnownPart(head=decode_head(raw, where=where), pack=pack)
    if complaint := unlisted(part, len(part.head.packs), index.entries):
        raise Damaged(f"{where}: {complaint}; recover to another recovery point")
    return PartReader(backend, part, data, sealing=sealing, seal=seal)


def unlisted(part: KnownPart, place: int, entries: dict[int, IndexEntry]) -> str:
    """Complain of a chunk that ``part`` needs of the pack at ``place`` and that the pack's index does not list."""
    runs = [run.chunks for state in part.head.states for run in state.runs]
    for chunk in (chunk for chunks in (part.head.messages, *runs) for chunk in chunks if chunk.pack == place):
        entry = entries.get(chunk.offset)
        if entry is None or (entry.stored, entry.raw, entry.id) != (chunk.stored, chunk.raw, chunk.id):
            return f"the chunk that the part needs at byte {chunk.offset} is not in the pack's index"
    return ""


def _beside_each_other(chunks: Sequence[ChunkRef]) -> Iterator[list[ChunkRef]]:
    """``chunks`` in order, in groups that are worth one read each."""
    group: list[ChunkRef] = []
    for chunk in chunks:
        if group:
            first, last = group[0], group[-1]
            gap = chunk.offset - last.offset - last.stored
            short = chunk.offset + chunk.stored - first.offset <= PACK_BYTES
            if chunk.pack != last.pack or not 0 <= gap <= GAP_BYTES or not short:
                yield group
                group = []
        group.append(chunk)
    if group:
        yield group
