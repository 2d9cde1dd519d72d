"""One recovery point in detail: for each part its states, their runs, and where their bytes are.

Read from the manifest and from the head of each part; no content is read. A part whose head cannot be read is told
with the reason.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import msgspec

from cutpoint.catalog.points import CatalogPoint, describe_point, lineage
from cutpoint.catalog.reading import PointReader
from cutpoint.errors import StoreError
from cutpoint.names import CutNumber, ProcessName
from cutpoint.store.backend import Backend
from cutpoint.store.chunks import ChunkRef
from cutpoint.store.heads import PartHead, StoredState

if TYPE_CHECKING:
    from cutpoint.store.keys import KeyRing


class RunDetail(msgspec.Struct, frozen=True, kw_only=True):
    """One run: a base or the changes after it. ``entries``: keys that it sets or removes, 0 for what is no table."""

    kind: str
    entries: int
    chunks: int
    raw_bytes: int
    stored_bytes: int
    fresh_bytes: int


class StateDetail(msgspec.Struct, frozen=True, kw_only=True):
    """One state. ``raw_bytes``: of all runs; ``stored_bytes``: in the store, each chunk once; ``fresh_bytes``: of
    that, what this cut has written. ``packs``: how many it lies in.
    """

    name: str
    kind: str
    version: int
    format: str
    digest: str
    entries: int
    raw_bytes: int
    stored_bytes: int
    fresh_bytes: int
    packs: int
    runs: tuple[RunDetail, ...]


class PackDetail(msgspec.Struct, frozen=True, kw_only=True):
    """One pack that a part needs. ``fresh``: written by this cut."""

    name: str
    bytes: int
    fresh: bool


class PartDetail(msgspec.Struct, frozen=True, kw_only=True):
    """One part. ``base``: the recovery point whose part this one builds on, 0: none. ``complaint``: why the rest is
    not known.
    """

    process: str
    base: int = 0
    life: str = ""
    bytes: int
    fresh_bytes: int
    in_flight: int
    stall_seconds: float
    states: tuple[StateDetail, ...] = ()
    packs: tuple[PackDetail, ...] = ()
    complaint: str = ""


class PointDetail(msgspec.Struct, frozen=True, kw_only=True):
    """One recovery point. ``lineage``: what it descends from, its parent first, as far as the store still has it."""

    point: CatalogPoint
    lineage: tuple[int, ...]
    parts: tuple[PartDetail, ...]


def detail_point(backend: Backend, cut: CutNumber, keys: KeyRing | None = None) -> PointDetail:
    """Look into recovery point ``cut``. Raises `ObjectMissing` if there is none, `Damaged` if its manifest is bad."""
    reader = PointReader(backend, cut, keys)
    return PointDetail(
        point=describe_point(backend, cut, keys),
        lineage=lineage(backend, cut, keys),
        parts=tuple(_part(reader, process) for process in reader.entries),
    )


def _part(reader: PointReader, process: ProcessName) -> PartDetail:
    entry = reader.entries[process]
    told = PartDetail(
        process=process,
        base=entry.base,
        bytes=entry.bytes,
        fresh_bytes=entry.fresh_bytes,
        in_flight=entry.in_flight_messages,
        stall_seconds=entry.stall_seconds,
    )
    try:
        head = reader.part(process).head
    except StoreError as error:
        return msgspec.structs.replace(told, complaint=str(error))
    digests = {state.name: state.digest for state in entry.states}
    return msgspec.structs.replace(
        told,
        life=head.life,
        states=tuple(_state(head, state, digests.get(state.name, "")) for state in head.states),
        packs=tuple(
            PackDetail(name=pack.name(), bytes=pack.bytes, fresh=number >= head.kept)
            for number, pack in enumerate(entry.packs)
        ),
    )


def _state(head: PartHead, state: StoredState, digest: str) -> StateDetail:
    chunks = [chunk for run in state.runs for chunk in run.chunks]
    return StateDetail(
        name=state.name,
        kind=state.kind,
        version=state.version,
        format=state.format,
        digest=digest,
        entries=sum(run.entries for run in state.runs),
        raw_bytes=sum(run.raw_bytes for run in state.runs),
        stored_bytes=_stored(chunks),
        fresh_bytes=_stored(chunk for chunk in chunks if chunk.pack >= head.kept),
        packs=len({chunk.pack for chunk in chunks}),
        runs=tuple(
            RunDetail(
                kind=run.kind,
                entries=run.entries,
                chunks=len(run.chunks),
                raw_bytes=run.raw_bytes,
                stored_bytes=_stored(run.chunks),
                fresh_bytes=_stored(chunk for chunk in run.chunks if chunk.pack >= head.kept),
            )
            for run in state.runs
        ),
    )


def _stored(chunks: Iterable[ChunkRef]) -> int:
    """How many bytes these chunks take in the store, each counted once."""
    return sum({(chunk.pack, chunk.offset): chunk.stored for chunk in chunks}.values())
