"""All states of a process as they were at one cut: values as bytes, tables as captures that are still to be read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

import msgspec

from cutpoint.state.batches import encode_batch
from cutpoint.state.capture import Batch, TableCapture
from cutpoint.state.checking import Checker
from cutpoint.state.formats import Format


class CapturedState(msgspec.Struct, frozen=True, kw_only=True):
    """One state as it was at the record: ``data`` is its content in ``format``, of schema ``version``."""

    name: str
    kind: str
    version: int
    format: str
    data: bytes


@dataclass(frozen=True, kw_only=True)
class CapturedTable:
    """A table as it was at the record: ``capture`` is read in batches, ``encode`` makes bytes of them."""

    kind: ClassVar[str] = "table"
    name: str
    version: int
    capture: TableCapture
    encoding: Format
    checker: Checker | None = None

    @property
    def format(self) -> str:
        """The name of its format."""
        return self.encoding.name

    def encode(self, batch: Batch) -> bytes:
        """The frames of ``batch`` (see `batches`). Call it before anything else runs after the batch was read.

        Raises `ConfigurationError` that names the state and the key.
        """
        frames = encode_batch(self.encoding, batch, f"state {self.name!r}")
        if self.checker is not None:
            self.checker.writing(self.capture, batch)
        return frames


RecordedState = CapturedState | CapturedTable


class Recorded:
    """``states``: what was recorded, in the order of declaration. One of `published` and `abandoned` must be called."""

    def __init__(self, states: Iterable[RecordedState]) -> None:
        self.states = tuple(states)

    @property
    def tables(self) -> tuple[CapturedTable, ...]:
        """Those of the states that are tables."""
        return tuple(state for state in self.states if isinstance(state, CapturedTable))

    def published(self) -> None:
        """The cut is a recovery point. The tables can be read until they are released."""
        for table in self.tables:
            table.capture.published()

    def abandoned(self) -> None:
        """The cut is none; releases the tables."""
        for table in self.tables:
            table.capture.abandoned()

    def release(self) -> None:
        """The tables will not be read any more. May come before the outcome is known."""
        for table in self.tables:
            table.capture.release()
