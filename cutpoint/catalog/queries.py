"""What a recovery point says of one key, or of one state: an answer as of then, with nothing restored.

A table is read from its newest end, and reading ends where the key was last set or removed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cutpoint.catalog.reading import PointReader
from cutpoint.catalog.tables import TableReader, content_of
from cutpoint.errors import UsageError
from cutpoint.names import CutNumber, ProcessName, is_process_name
from cutpoint.state import Batch
from cutpoint.store.backend import Backend
from cutpoint.store.heads import TABLE
from cutpoint.wire.checks import one_line

if TYPE_CHECKING:
    from cutpoint.store.keys import KeyRing


@dataclass(frozen=True, kw_only=True)
class StateName:
    """Which state of which process is meant: ``ledger/balances``."""

    process: ProcessName
    state: str

    @classmethod
    def parse(cls, text: str) -> StateName:
        """Read ``SERVICE/STATE``. Raises `UsageError`."""
        process, _, state = text.partition("/")
        if not is_process_name(process) or not is_process_name(state.removeprefix("@")):
            raise UsageError(f"{one_line(repr(text))} names no state; nothing was read; write SERVICE/STATE")
        return cls(process=ProcessName(process), state=state)


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One key of a table with its value then."""

    key: Any
    value: Any


class Query:
    """One state of one recovery point, open for questions. All calls block."""

    def __init__(self, backend: Backend, cut: CutNumber, name: StateName, keys: KeyRing | None = None) -> None:
        """Raises `ObjectMissing` or `UsageError` if there is no such point, process or state; `Damaged`."""
        point = PointReader(backend, cut, keys)
        self._state = point.state(name.process, name.state)
        self._reader = point.part(name.process)
        self.where = point.where(name.process, name.state)

    @property
    def is_table(self) -> bool:
        """Whether it has keys."""
        return self._state.kind == TABLE

    def find(self, keys: Sequence[Any]) -> Entry | None:
        """The first of ``keys`` that the table has, with its value; None if it has none of them.

        Raises `UsageError` if it is no table, or reading it would run code; `Damaged`, `ObjectMissing`.
        """
        return find_entry(TableReader(self._reader, self._state, self.where), keys)

    def entries(self) -> Iterator[Entry]:
        """The whole table, in its order. Raises as `find`, while it is read."""
        for key, value in TableReader(self._reader, self._state, self.where).items():
            yield Entry(key=key, value=value)

    def value(self) -> Any:
        """The content of a state that is no table. Raises `UsageError` if it is one, or reading it would run code."""
        if self.is_table:
            raise UsageError(f"{self.where} is a table; nothing was read; name a key, or say --all for the whole of it")
        return content_of(self._reader, self._state, self.where)


def find_entry(table: TableReader, keys: Sequence[Any]) -> Entry | None:
    """The first of ``keys`` that ``table`` has, with its value; None if it has none of them. Raises as `Query.find`."""
    said: dict[Any, Entry | None] = {}
    for run in reversed(table.runs):
        newer: dict[Any, Entry | None] = {}
        wanted = [key for key in keys if key not in said]
        for batch in table.batches((run,), about=wanted):
            newer.update(_said(batch, wanted))
        said.update(newer)
        if all(key in said for key in keys) or (keys[0] in said and said[keys[0]] is not None):
            break
    found = (said.get(key) for key in keys)
    return next((entry for entry in found if entry is not None), None)


def _said(batch: Batch, keys: Sequence[Any]) -> dict[Any, Entry | None]:
    """What the batch says of these keys: the value, or None where it removes one."""
    said: dict[Any, Entry | None] = {}
    for wanted in keys:
        if wanted in batch.gone:
            said[wanted] = None
        if wanted in batch.keys:
            place = batch.keys.index(wanted)
            said[wanted] = Entry(key=batch.keys[place], value=batch.values[place])
    return said
