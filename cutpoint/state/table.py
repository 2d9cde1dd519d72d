"""Keyed values of a process, used like a dict and recorded in every cut.

A table is the same object for the life of the process: a restore replaces what is in it, so handlers may hold on
to it. A view or an iterator taken before a restore still shows what was there before. A table is not safe for
use by several threads, and it does not watch its values: one that is changed in place is reported by `Table.touch`.
"""

from __future__ import annotations

from collections.abc import ItemsView, Iterable, Iterator, KeysView, Mapping, MutableMapping, ValuesView
from typing import Any, ClassVar, TypeVar, overload

K = TypeVar("K")
V = TypeVar("V")
T = TypeVar("T")


class Table(MutableMapping[K, V]):
    """A dict by another name: same methods, same order, same errors."""

    kind: ClassVar[str] = "table"
    __slots__ = ("_items",)

    def __init__(self) -> None:
        self._items: dict[K, V] = {}

    def __getitem__(self, key: K) -> V:
        return self._items[key]

    def __setitem__(self, key: K, value: V) -> None:
        self._items[key] = value

    def __delitem__(self, key: K) -> None:
        del self._items[key]

    def __iter__(self) -> Iterator[K]:
        return iter(self._items)

    def __reversed__(self) -> Iterator[K]:
        return reversed(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __contains__(self, key: object) -> bool:
        return key in self._items

    @overload
    def get(self, key: K, /) -> V | None: ...
    @overload
    def get(self, key: K, /, default: V | T) -> V | T: ...
    def get(self, key: K, /, default: Any = None) -> Any:
        """The value of ``key``, or ``default``."""
        return self._items.get(key, default)

    def keys(self) -> KeysView[K]:
        """The keys, in the order in which they were put in."""
        return self._items.keys()

    def values(self) -> ValuesView[V]:
        """The values, in the order of their keys."""
        return self._items.values()

    def items(self) -> ItemsView[K, V]:
        """The pairs, in the order of their keys."""
        return self._items.items()

    def clear(self) -> None:
        """Remove everything."""
        self._items.clear()

    def popitem(self) -> tuple[K, V]:
        """Remove and return the pair that was put in last."""
        return self._items.popitem()

    def copy(self) -> dict[K, V]:
        """What is in the table now, as a plain dict; the values are shared."""
        return self._items.copy()

    def touch(self, key: K) -> None:
        """Say that the value of ``key`` was changed in place. Raises `KeyError` if there is none."""
        self._items[key]

    def __or__(self, other: Mapping[K, V]) -> dict[K, V]:
        if not isinstance(other, Mapping):
            return NotImplemented
        return {**self._items, **other}

    def __ror__(self, other: Mapping[K, V]) -> dict[K, V]:
        if not isinstance(other, Mapping):
            return NotImplemented
        return {**other, **self._items}

    def __ior__(self, other: Mapping[K, V] | Iterable[tuple[K, V]]) -> Table[K, V]:
        self.update(other)
        return self

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Table):
            return self._items == other._items
        return self._items == other if isinstance(other, dict) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Table({self._items!r})"

    def content(self) -> dict[K, V]:
        """The dict itself, to be encoded before anything else runs. Not for changing."""
        return self._items

    def replace(self, items: dict[K, V]) -> None:
        """Hold ``items`` from now on; the caller gives the dict away. Cannot fail."""
        self._items = items
