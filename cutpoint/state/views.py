"""What `Table.keys`, `values` and `items` return: views that show the table as it is whenever they are looked at."""

from __future__ import annotations

from collections.abc import Callable, ItemsView, Iterator, KeysView, Mapping, ValuesView
from typing import Any, TypeVar

K = TypeVar("K")
V = TypeVar("V")

Walk = Callable[[Callable[[Any], Iterator[Any]]], Iterator[Any]]
"""Walks over a table's content, given how an iterator over a dict is made."""


class Keys(KeysView[K]):
    """As of a dict."""

    __slots__ = ("_walk",)

    def __init__(self, table: Mapping[K, Any], walk: Walk) -> None:
        super().__init__(table)
        self._walk = walk

    def __iter__(self) -> Iterator[K]:
        return self._walk(iter)

    def __reversed__(self) -> Iterator[K]:
        return self._walk(reversed)


class Values(ValuesView[V]):
    """As of a dict."""

    __slots__ = ("_walk",)

    def __init__(self, table: Mapping[Any, V], walk: Walk) -> None:
        super().__init__(table)
        self._walk = walk

    def __iter__(self) -> Iterator[V]:
        return self._walk(lambda content: iter(content.values()))

    def __reversed__(self) -> Iterator[V]:
        return self._walk(lambda content: (content[key] for key in reversed(content)))


class Items(ItemsView[K, V]):
    """As of a dict."""

    __slots__ = ("_walk",)

    def __init__(self, table: Mapping[K, V], walk: Walk) -> None:
        super().__init__(table)
        self._walk = walk

    def __iter__(self) -> Iterator[tuple[K, V]]:
        return self._walk(lambda content: iter(content.items()))

    def __reversed__(self) -> Iterator[tuple[K, V]]:
        return self._walk(lambda content: ((key, content[key]) for key in reversed(content)))
