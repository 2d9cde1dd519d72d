"""Finds values that a program changed in place without a word (see `Table.touch`): memory against what was stored.

A checker keeps a digest of every entry as it was stored. After a cut, and after a restore, it goes through the table in
slices and compares: an entry that is not the same and of which no change was told is named, and is taken into the
next delta. What changed between a record and the moment when the entry was written would tear the cut; this it finds
while the batch is encoded.

It is for tests and for a service that is new to Cutpoint. Every entry is encoded once more when it is recorded and once
when it is compared, the record block encodes what changed since the last one, and there are some 100 bytes more in
memory for each entry. It refuses nothing: a cut with such an entry is published as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from cutpoint.errors import ConfigurationError
from cutpoint.state.capture import Batch, TableCapture
from cutpoint.state.formats import Format
from cutpoint.state.overlay import ABSENT
from cutpoint.state.table import Table
from cutpoint.wire.checks import one_line


class Checker:
    """Of one table. What it finds is told once, by `compare`."""

    def __init__(self, table: Table[Any, Any], format_: Format, where: str) -> None:
        self._table = table
        self._format = format_
        self._where = where
        self._stored: dict[Any, int] = {}
        self._at_record: dict[Any, int] = {}
        self._torn: list[Any] = []

    def _digest(self, value: Any) -> int:
        """Equal as long as the value is; in this process only."""
        return hash(self._format.encode(value, self._where))

    def recording(self) -> None:
        """The table is captured in this step: look at what changed since the last capture."""
        self._at_record = {}
        for key in self._table.changed_keys():
            try:
                self._at_record[key] = self._digest(self._table[key])
            except ConfigurationError:  # told when the batch is encoded
                continue

    def writing(self, capture: TableCapture, batch: Batch) -> None:
        """``batch`` was read from ``capture`` and is stored. One of an older cut says nothing about the present."""
        if capture.outcome:
            return
        for key in batch.gone:
            self._stored.pop(key, None)
        for key, value in zip(batch.keys, batch.values, strict=True):
            digest = self._stored[key] = self._digest(value)
            if key not in capture.spared and self._at_record.get(key, digest) != digest:
                self._torn.append(key)

    def restored(self, content: dict[Any, Any]) -> None:
        """The table holds ``content`` from now on, as it was stored."""
        self._at_record, self._torn = {}, []
        self._stored = {key: self._digest(value) for key, value in content.items()}

    def compare(self, entries: int) -> Iterator[tuple[str, ...]]:
        """Compare so many ``entries`` at each step; complaints, one for each entry; they show keys and no values.

        Other work may be done between two steps. It ends when every entry was compared.
        """
        keys = iter(list(self._stored))
        while some := list(islice(keys, entries)):
            yield tuple(self._complaints(some))

    def _complaints(self, keys: Iterable[Any]) -> Iterator[str]:
        torn, self._torn = self._torn, []
        for key in torn:
            yield self._complaint(key, "after a cut was recorded and before it was written, so the cut has it torn")
        for key in keys:
            stored = self._stored.get(key)
            value = self._table.get(key, ABSENT)
            if stored is None or value is ABSENT or self._table.is_noted(key) or self._is_same(value, stored):
                continue
            self._table.touch(key)
            yield self._complaint(key, "and the store does not have that; the next cut will")

    def _is_same(self, value: Any, stored: int) -> bool:
        try:
            return self._digest(value) == stored
        except ConfigurationError:
            return False

    def _complaint(self, key: Any, what: str) -> str:
        return (
            f"{self._where}, key {one_line(repr(key))}: its value was changed in place without a word, {what}; "
            "call touch(key) before the change, or make it in edit(key)"
        )
