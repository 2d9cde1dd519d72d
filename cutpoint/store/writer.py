"""Writing one part: states run by run, sessions, and last the head. Full packs are created at once.

A writer belongs to one cut of one process and to one thread at a time. What it wrote before it gave up or died is
named by nothing and is collected later.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from cutpoint.errors import UsageError
from cutpoint.names import CutNumber, Incarnation, Life, ProcessName
from cutpoint.protocol.messages import PackRef, PartSummary, SessionRecord
from cutpoint.store.backend import Backend
from cutpoint.store.chunks import Run, Sealing
from cutpoint.store.heads import KnownPart

_LATER = UsageError("this writer does not write yet")


class LooseRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run that no part names yet; its chunks count the places of ``packs``."""

    run: Run
    packs: tuple[PackRef, ...]


class PartWriter:
    """One part on its way to the store; see the module's text. All calls block."""

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
    ) -> None: ...

    def begin_state(self, name: str, kind: str, version: int, format_name: str) -> None:
        """What follows, up to `end_state`, is this state's."""
        raise _LATER

    def keep_runs(self, runs: Sequence[Run], packs: Sequence[PackRef] | None = None) -> None:
        """Name ``runs`` again without writing them. ``packs`` is what they count, the base's if there is none."""
        raise _LATER

    def begin_run(self, kind: Literal["base", "delta"]) -> None:
        """What is added, up to `end_run`, is one run."""
        raise _LATER

    def add(self, raw: bytes, entries: int = 0) -> None:
        """One chunk of a table's run. One longer than `CHUNK_RAW_MAX` is read back as several."""
        raise _LATER

    def add_content(self, raw: bytes) -> None:
        """The content of what is no table, cut into chunks."""
        raise _LATER

    def end_run(self) -> Run:
        """The run that was added."""
        raise _LATER

    def end_state(self) -> None:
        """The state is whole."""
        raise _LATER

    def finish(self, sessions: Sequence[SessionRecord], boundary: tuple[str, ...], stall_seconds: float) -> PartSummary:
        """Write the head; everything is durable on return. `written` is what the next cut takes for its base."""
        raise _LATER

    @property
    def written(self) -> KnownPart:
        """The part, once `finish` has returned."""
        raise _LATER

    def give_up(self) -> None:
        """Nothing more will be written. May be called at any time, from any thread, and more than once."""


class RunWriter:
    """One run beside any part, for tables that are merged between cuts; see `PartWriter.keep_runs`."""

    def __init__(
        self, backend: Backend, *, era: CutNumber, known: KnownPart | None = None, sealing: Sealing | None = None
    ) -> None: ...

    def add(self, raw: bytes, entries: int = 0) -> None:
        """As `PartWriter.add`."""
        raise _LATER

    def finish(self, kind: Literal["base", "delta"] = "base") -> LooseRun:
        """The run; its packs are durable on return."""
        raise _LATER

    def give_up(self) -> None:
        """As `PartWriter.give_up`."""
