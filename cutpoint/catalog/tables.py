"""The content of a stored table, batch by batch: what is needed of it is read, and no more is in memory.

A table is its runs, oldest first, each a row of chunks; the bytes of the chunks, one after another, are batches. A
chunk holds whole batches, except that a longer batch lies in several chunks of full length. A `Segment` is the
smallest row of chunks that holds whole batches only: segments are read, skipped and compared as they are, by name.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from cutpoint.errors import Damaged, UsageError
from cutpoint.state.formats import Format, format_named
from cutpoint.store.chunks import CHUNK_RAW_MAX, ChunkRef, Run
from cutpoint.store.heads import StoredState
from cutpoint.store.reader import PartReader

GROUP_RAW_BYTES = 16 * 1024 * 1024
"""How much is asked of the store at a time where a table is read from its newest end."""

TABLE = "table"
_ENCODED_ONE_WAY = (str, bytes)
"""Types whose values equal nothing of another type, so that equal keys have equal bytes. (``1 == 1.0 == True``.)"""

_LENGTH_BYTES = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """Some changes in order: ``gone`` are removed, then each of ``keys`` gets the value at its place in ``values``."""

    gone: Sequence[Any]
    keys: Sequence[Any]
    values: Sequence[Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Segment:
    """Chunks of one run that hold whole batches. Two with equal ``name`` hold the same."""

    run: int
    chunks: tuple[ChunkRef, ...]

    @property
    def name(self) -> Hashable:
        """The names of the chunks."""
        return tuple(chunk.id for chunk in self.chunks)

    @property
    def raw_bytes(self) -> int:
        """How long the content is."""
        return sum(chunk.raw for chunk in self.chunks)


class StoredTable:
    """One table of one part. Nothing is read before it is asked for; all calls block."""

    def __init__(self, reader: PartReader, state: StoredState, where: str) -> None:
        """``where`` names the table in errors. Raises `UsageError` if it is none, or its keys cannot be read."""
        if state.kind != TABLE:
            raise UsageError(f"{where} is no table but a {state.kind}; nothing was read; leave the key out")
        self.format = readable_format(state, where)
        self.where = where
        self._reader = reader
        self.segments = tuple(
            segment for number, run in enumerate(state.runs) for segment in _segments(number, run.chunks)
        )

    def batches(self, segments: Iterable[Segment], *, about: Sequence[Any] = ()) -> Iterator[Batch]:
        """The batches of these segments, in their order. Raises `Damaged`, `ObjectMissing`.

        ``about``: leave out batches that say nothing of any of these keys, where that can be seen without decoding.
        """
        chunks = tuple(chunk for segment in segments for chunk in segment.chunks)
        if not chunks:
            return
        run = Run(kind="delta", chunks=chunks, entries=0, raw_bytes=sum(chunk.raw for chunk in chunks))
        signs = self._signs(about)
        for encoded in _encoded_batches(self._reader.chunks(run), self.where):
            if not signs or any(sign in encoded for sign in signs):
                yield _batch(self.format.decode(encoded, self.where), self.where)

    def _signs(self, keys: Sequence[Any]) -> tuple[bytes, ...]:
        """Bytes of which one is in every batch that says something of these keys; none if nothing is known."""
        if any(type(key) not in _ENCODED_ONE_WAY for key in keys):
            return ()
        return tuple(self.format.encode(key, self.where) for key in keys)

    def newest_first(self) -> Iterator[tuple[Segment, ...]]:
        """The segments in groups: the newest group first, in each the oldest segment first."""
        group: list[Segment] = []
        raw_bytes = 0
        for segment in reversed(self.segments):
            group.append(segment)
            raw_bytes += segment.raw_bytes
            if raw_bytes >= GROUP_RAW_BYTES:
                yield tuple(reversed(group))
                group, raw_bytes = [], 0
        if group:
            yield tuple(reversed(group))

    def items(self) -> Iterator[tuple[Any, Any]]:
        """Every key with its value, in the table's order. Only what the deltas changed is in memory at once."""
        base = tuple(segment for segment in self.segments if segment.run == 0)
        changed: dict[Any, Any] = {}
        gone: set[Any] = set()
        for batch in self.batches(segment for segment in self.segments if segment.run):
            for key in batch.gone:
                changed.pop(key, None)
                gone.add(key)
            changed.update(zip(batch.keys, batch.values, strict=True))
        for batch in self.batches(base):
            for key, value in zip(batch.keys, batch.values, strict=True):
                if key not in gone:
                    yield key, changed.pop(key) if key in changed else value
        yield from changed.items()


def readable_format(state: StoredState, where: str) -> Format:
    """How the state is read. Raises `UsageError` if reading it would run code, `ConfigurationError` if unknown."""
    found = format_named(state.format)
    if not found.safe:
        raise UsageError(
            f"{where} is kept as {state.format}, and reading that would run the code that its bytes name; nothing was "
            "read; replay the recovery point with the program that wrote it, or keep the state as msgpack"
        )
    return found


def content_of(reader: PartReader, state: StoredState, where: str) -> Any:
    """The decoded content of a state that is no table. Raises as `readable_format`, `Damaged`, `ObjectMissing`."""
    format_ = readable_format(state, where)
    return format_.decode(b"".join(chunk for run in state.runs for chunk in reader.chunks(run)), where)


def _segments(number: int, chunks: Iterable[ChunkRef]) -> Iterator[Segment]:
    open_chunks: list[ChunkRef] = []
    for chunk in chunks:
        open_chunks.append(chunk)
        if chunk.raw < CHUNK_RAW_MAX:
            yield Segment(run=number, chunks=tuple(open_chunks))
            open_chunks = []
    if open_chunks:
        yield Segment(run=number, chunks=tuple(open_chunks))


def _encoded_batches(chunks: Iterator[bytes], where: str) -> Iterator[bytes]:
    """The batches of these chunks, not decoded. What waits is never longer than one batch and one chunk."""
    rest = b""
    for chunk in chunks:
        data = rest + chunk if rest else chunk
        at = 0
        while len(data) - at >= _LENGTH_BYTES:
            end = at + _LENGTH_BYTES + int.from_bytes(data[at : at + _LENGTH_BYTES], "big")
            if end > len(data):
                break
            yield data[at + _LENGTH_BYTES : end]
            at = end
        rest = data[at:]
    if rest:
        raise _strange(where)


def _batch(content: Any, where: str) -> Batch:
    match content:
        case [list() as gone, list() as keys, list() as values] if len(keys) == len(values):
            try:
                for _ in map(hash, (*gone, *keys)):
                    pass
            except TypeError:
                raise _strange(where) from None
            return Batch(gone=gone, keys=keys, values=values)
    raise _strange(where)


def _strange(where: str) -> Damaged:
    return Damaged(f"{where} is not what a table stores; nothing was changed; take another recovery point")
