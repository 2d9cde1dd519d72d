"""The head of a part: what one process contributed to one cut, with references in place of the bytes.

A head is the last chunk of the last pack that a cut of a process writes. It names every pack that the part needs,
so a part is found, checked and counted from its head alone. Nothing here reads or writes a store.
"""

from __future__ import annotations

import msgspec

from cutpoint.names import CutNumber, Incarnation, Life, ProcessName
from cutpoint.protocol.messages import PackRef, SessionEvidence
from cutpoint.store.chunks import ChunkRef, Run


class StoredState(msgspec.Struct, frozen=True, kw_only=True):
    """One state: its content is that of its runs, oldest first, in ``format`` and of schema ``version``.

    A table has a base run and any number of delta runs, everything else exactly one base run.
    """

    name: str
    kind: str
    version: int
    format: str
    runs: tuple[Run, ...]


class StoredSession(msgspec.Struct, frozen=True, kw_only=True):
    """One session without its in-flight messages; ``address`` as in `cutpoint.protocol.messages.SessionRecord`."""

    evidence: SessionEvidence
    address: str = ""


class PartHead(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that one process recorded for one cut, by reference.

    ``base``: the recovery point on whose part this one builds, 0: none. ``packs``: every *other* pack that is needed;
    the first ``kept`` of them were needed by the base too, the rest is fresh, as is the pack that holds the head.
    ``messages``: the in-flight messages of all sessions. ``boundary``: open channels that lie outside the cut.
    """

    process: ProcessName
    life: Life
    incarnation: Incarnation
    cut: CutNumber
    computation: str
    base: CutNumber
    sessions: tuple[StoredSession, ...]
    messages: tuple[ChunkRef, ...]
    states: tuple[StoredState, ...]
    boundary: tuple[str, ...]
    packs: tuple[PackRef, ...]
    kept: int


class KnownPart(msgspec.Struct, frozen=True, kw_only=True):
    """A part that is durable: its head, and the pack whose last chunk the head is."""

    head: PartHead
    pack: PackRef

    @property
    def packs(self) -> tuple[PackRef, ...]:
        """Every pack that the part needs; `ChunkRef.pack` counts them in this order."""
        return (*self.head.packs, self.pack)
