"""A part with everything that it holds in memory: for looking at it, not for restoring it.

A restore reads chunk by chunk (`cutpoint.store.reader`); oracles, pictures and tests want the whole.
"""

from __future__ import annotations

import msgspec

from cutpoint.errors import Damaged
from cutpoint.names import CutNumber, Incarnation, Life, ProcessName
from cutpoint.protocol.messages import PartSummary, SessionRecord
from cutpoint.store.backend import Backend
from cutpoint.store.chunks import Sealing
from cutpoint.store.heads import summarise
from cutpoint.store.manifests import ManifestPart
from cutpoint.store.reader import open_part


class WholeState(msgspec.Struct, frozen=True, kw_only=True):
    """One state: ``chunks`` one after the other are the content of its runs, oldest first."""

    name: str
    kind: str
    version: int
    format: str
    chunks: tuple[bytes, ...]

    @property
    def data(self) -> bytes:
        """The whole content of a state that is no table."""
        return b"".join(self.chunks)


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that one process recorded for one cut. ``summary``: what it reported, computed from the bytes."""

    process: ProcessName
    life: Life
    incarnation: Incarnation
    cut: CutNumber
    computation: str
    sessions: tuple[SessionRecord, ...]
    states: tuple[WholeState, ...]
    boundary: tuple[str, ...]
    summary: PartSummary


def read_part(backend: Backend, entry: ManifestPart, *, sealing: Sealing | None = None) -> Part:
    """Read and check every byte of the part that a manifest names. Raises `ObjectMissing`, `Damaged`."""
    if not entry.packs or entry.packs[-1].digest != entry.object:
        raise Damaged(f"the manifest names no packs for {entry.process}; recover to another recovery point")
    reader = open_part(backend, entry.packs[-1], sealing=sealing)
    head = reader.head
    return Part(
        process=head.process,
        life=head.life,
        incarnation=head.incarnation,
        cut=head.cut,
        computation=head.computation,
        sessions=reader.sessions(),
        states=tuple(
            WholeState(
                name=state.name,
                kind=state.kind,
                version=state.version,
                format=state.format,
                chunks=tuple(chunk for run in state.runs for chunk in reader.chunks(run)),
            )
            for state in head.states
        ),
        boundary=head.boundary,
        summary=summarise(reader.part, entry.stall_seconds),
    )
