"""A table's runs as a store gives them back."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from typing import Any

from cutpoint.state import Batch, CapturedTable, States, Table, chunked


@dataclasses.dataclass(frozen=True)
class Stored:
    """``frames`` in chunks of ``chunk_bytes``, which is no help to the reader."""

    frames: list[bytes]
    name: str = "t"
    kind: str = "table"
    version: int = 1
    format: str = "msgpack"
    chunk_bytes: int = 20

    def chunks(self) -> Iterator[bytes]:
        return chunked(self.frames, self.chunk_bytes)


def declared(**options: Any) -> tuple[States, Table[Any, Any]]:
    """A process with one table, ``t``."""
    states = States()
    return states, states.table("t", **options)


def encoded(table: CapturedTable, batches: Iterable[Batch]) -> list[bytes]:
    """The frames of all these batches."""
    return [table.encode(batch) for batch in batches]


def publish(states: States, full: bool = False) -> list[bytes]:
    """A whole cut of ``t``: what is written of it."""
    recorded = states.record(full=("t",) if full else ())
    (table,) = recorded.tables
    frames = encoded(table, table.capture.full() if full or not table.capture.incremental else table.capture.delta())
    recorded.published()
    recorded.release()
    return frames
