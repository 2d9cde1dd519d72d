"""Which keys changed between two cuts: a layer. The delta of a cut is one layer, or several after abandoned cuts.

A layer has no values. It knows what a delta needs so that a dict comes out the same, order included: a key that was
removed and put in again is in both parts of it, and the part of changed keys has its new keys in their order.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any


class Layer:
    """``changed``: keys that were set or changed in place, ``True`` if they were there when the layer began.

    ``gone``: keys that were there when the layer began and were removed since.
    """

    __slots__ = ("changed", "gone")

    def __init__(self, changed: dict[Any, bool] | None = None, gone: dict[Any, None] | None = None) -> None:
        self.changed: dict[Any, bool] = {} if changed is None else changed
        self.gone: dict[Any, None] = {} if gone is None else gone

    def __len__(self) -> int:
        return len(self.changed) + len(self.gone)

    def __contains__(self, key: object) -> bool:
        return key in self.changed or key in self.gone


def gone_keys(layers: Sequence[Layer]) -> Iterator[Any]:
    """The keys to remove first: those that were there when the first of ``layers`` began and were removed in any."""
    return iter(layers[0].gone) if len(layers) == 1 else _gone_keys(layers)


def _gone_keys(layers: Sequence[Layer]) -> Iterator[Any]:
    for index, layer in enumerate(layers):
        for key in layer.gone:
            if _was_there(layers[:index], key):
                yield key


def _was_there(earlier: Sequence[Layer], key: Any) -> bool:
    """Whether a key that is gone now was there at the beginning and is not told as gone yet."""
    for layer in earlier:
        if key in layer.gone:
            return False
        if key in layer.changed:
            return layer.changed[key]
    return True


def changed_keys(layers: Sequence[Layer]) -> Iterator[Any]:
    """The keys to set then, new ones in the order in which they were put in. All are there when the last layer ends."""
    return iter(layers[0].changed) if len(layers) == 1 else _changed_keys(layers)


def _changed_keys(layers: Sequence[Layer]) -> Iterator[Any]:
    for index, layer in enumerate(layers):
        later = layers[index + 1 :]
        earlier = layers[:index]
        for key, was_there in layer.changed.items():
            if later and any(key in other.gone for other in later):
                continue
            if was_there and earlier and any(key in other.changed for other in earlier):
                continue
            yield key


class Merger:
    """Makes one layer of several, a slice at a time, and leaves those as they are."""

    def __init__(self, layers: Sequence[Layer]) -> None:
        self.layers = tuple(layers)
        self.merged = Layer()
        self._steps = self._merge()
        self.done = False

    def advance(self, keys: int) -> int:
        """Take up at most so many ``keys``; how many it were. `done` when there are no more."""
        taken = 0
        for _ in self._steps:
            taken += 1
            if taken >= keys:
                return taken
        self.done = True
        return taken

    def _merge(self) -> Iterator[None]:
        for key in gone_keys(self.layers):
            self.merged.gone[key] = None
            yield
        for key in changed_keys(self.layers):
            self.merged.changed[key] = _flag(self.layers, key)
            yield


def _flag(layers: Sequence[Layer], key: Any) -> bool:
    """Whether ``key`` kept its place from the beginning on."""
    return not any(key in layer.gone for layer in layers) and next(
        layer.changed[key] for layer in layers if key in layer.changed
    )
