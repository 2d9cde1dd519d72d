"""A recovery point in a store, as monitors are given it: what is asked for is read, and no more.

States are decoded when they are first asked for. A table is a mapping whose items are read in a stream, so a sum over
millions of entries takes little memory; a table that is asked for single keys again and again is read into memory as a
whole. States in a format that runs code are decoded only if keys that verify have vouched for every byte.
"""

from __future__ import annotations

from collections.abc import Callable, ItemsView, Iterator, Mapping, Sequence, ValuesView
from typing import TYPE_CHECKING, Any, overload

import msgspec

from cutpoint.catalog.queries import find_entry
from cutpoint.catalog.reading import PointReader
from cutpoint.catalog.tables import TableReader, content_of
from cutpoint.errors import Damaged
from cutpoint.monitors.recorded import InFlight, Recorded, under_way
from cutpoint.names import CutNumber, ProcessName
from cutpoint.protocol.certificate import Certificate
from cutpoint.store.backend import Backend
from cutpoint.store.heads import TABLE
from cutpoint.wire.checks import one_line

if TYPE_CHECKING:
    from cutpoint.store.keys import KeyRing

SINGLE_READS_MAX = 16
"""So many single keys are looked up in the store; who asks for more gets the whole table into memory."""


def stored_point(backend: Backend, cut: CutNumber, keys: KeyRing | None = None) -> Recorded:
    """Recovery point ``cut``; its states and messages are read while it is looked at, and that may block and raise.

    Raises `ObjectMissing` if there is none, `Damaged`, and `NotAuthentic` with ``keys`` that verify; so does whatever
    is read later.
    """
    reader = PointReader(backend, cut, keys)
    vouched = keys is not None and bool(keys.trusted)
    manifest = reader.manifest
    try:
        certificate = msgspec.convert(manifest.certificate, Certificate) if manifest.certificate else None
    except msgspec.ValidationError as error:
        raise Damaged(
            f"the certificate of recovery point {cut} is none: {one_line(error)}; take another recovery point"
        ) from error
    return Recorded(
        cut=int(cut),
        states=_Lazily({str(process): _part(reader, process, vouched) for process in reader.entries}),
        in_flight=_UnderWay(reader),
        created=manifest.created,
        incarnation=int(manifest.incarnation),
        certificate=certificate,
        boundary=manifest.boundary,
    )


class _Lazily(Mapping[str, Any]):
    """What each name stands for is made when it is first asked for, once."""

    def __init__(self, make: Mapping[str, Callable[[], Any]]) -> None:
        self._make = make
        self._made: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._made:
            self._made[name] = self._make[name]()
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._make)

    def __len__(self) -> int:
        return len(self._make)

    def __contains__(self, name: object) -> bool:
        return name in self._make

    def __repr__(self) -> str:
        return f"<{', '.join(self._make)}>"


def _part(reader: PointReader, process: ProcessName, vouched: bool) -> Callable[[], Mapping[str, Any]]:
    def opened() -> Mapping[str, Any]:
        part = reader.part(process)
        return _Lazily({state.name: _state(reader, process, state.name, vouched) for state in part.head.states})

    return opened


def _state(reader: PointReader, process: ProcessName, name: str, vouched: bool) -> Callable[[], Any]:
    def decoded() -> Any:
        state, where = reader.state(process, name), reader.where(process, name)
        if state.kind == TABLE:
            return StoredTable(TableReader(reader.part(process), state, where, vouched=vouched))
        return content_of(reader.part(process), state, where, vouched=vouched)

    return decoded


class StoredTable(Mapping[Any, Any]):
    """A table of a recovery point. Iterating reads it in a stream."""

    def __init__(self, table: TableReader) -> None:
        self._table = table
        self._singly = 0
        self._length: int | None = None
        self._whole: dict[Any, Any] | None = None

    def __getitem__(self, key: Any) -> Any:
        hash(key)
        if self._whole is None and self._singly < SINGLE_READS_MAX:
            self._singly += 1
            entry = find_entry(self._table, (key,))
            if entry is None:
                raise KeyError(key)
            return entry.value
        if self._whole is None:
            self._whole = dict(self._table.items())
        return self._whole[key]

    def pairs(self) -> Iterator[tuple[Any, Any]]:
        """Every key with its value, in the table's order."""
        if self._whole is not None:
            yield from self._whole.items()
            return
        length = 0
        for pair in self._table.items():
            length += 1
            yield pair
        self._length = length

    def __iter__(self) -> Iterator[Any]:
        return (key for key, _ in self.pairs())

    def __len__(self) -> int:
        if self._length is None:
            self._length = sum(1 for _ in self.pairs())
        return self._length

    def items(self) -> ItemsView[Any, Any]:
        """Every key with its value, in a stream."""
        return _Items(self)

    def values(self) -> ValuesView[Any]:
        """Every value, in a stream."""
        return _Values(self)

    def __repr__(self) -> str:
        return f"<{self._table.where}>"


class _Items(ItemsView[Any, Any]):
    def __iter__(self) -> Iterator[tuple[Any, Any]]:
        table: StoredTable = self._mapping  # type: ignore[attr-defined]
        return table.pairs()


class _Values(ValuesView[Any]):
    def __iter__(self) -> Iterator[Any]:
        table: StoredTable = self._mapping  # type: ignore[attr-defined]
        return (value for _, value in table.pairs())


class _UnderWay(Sequence[InFlight]):
    """The messages in flight, by process and channel, in order; read when they are first asked for."""

    def __init__(self, reader: PointReader) -> None:
        self._reader = reader
        self._read: tuple[InFlight, ...] | None = None

    def _messages(self) -> tuple[InFlight, ...]:
        if self._read is None:
            reader = self._reader
            busy = [process for process, entry in reader.entries.items() if entry.in_flight_messages]
            self._read = tuple(m for process in busy for m in under_way(process, reader.part(process).sessions()))
        return self._read

    @overload
    def __getitem__(self, index: int) -> InFlight: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[InFlight]: ...
    def __getitem__(self, index: int | slice) -> InFlight | Sequence[InFlight]:
        return self._messages()[index]

    def __len__(self) -> int:
        return len(self._messages())
