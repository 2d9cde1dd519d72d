"""Content that must stay as it is while a cut reads it, with the changes since then laid over it.

While somebody reads the full content of a table, nobody may change the dict that holds it. Changes go into an
`Overlay` instead, which looks like a dict of the changed content, in the order that a dict would have. Later `drain`
moves the changes down, a slice at a time: first what was overwritten or removed, then what was added. At every moment
in between the overlay shows the same content in the same order, so nobody has to wait for it.

An overlay refuses nothing: that what is below does not change under it, except by `drain`, is the duty of its table.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any, Final

ABSENT: Final[Any] = object()
"""In the place of a value: there is none."""

_GONE: Final[Any] = object()
_AHEAD = 16


class Overlay:
    """``below`` with changes: ``over`` has the new value (or the mark of a removed one) of keys that are below,
    ``new`` has the keys that were added behind it, in their order."""

    __slots__ = (
        *("_backwards", "_front", "_met", "_moved", "_moved_over", "_moving", "_unmet"),
        *("below", "new", "over", "size", "spent"),
    )

    def __init__(self, below: dict[Any, Any] | Overlay) -> None:
        self.below = below
        self.over: dict[Any, Any] = {}
        self.new: dict[Any, Any] = {}
        self.spent: dict[Any, Any] = {}
        self.size = len(below)
        self._moving: Iterator[None] | None = None
        self._moved_over = 0
        self._moved = 0
        self._met: list[Any] = []
        self._front = 0
        self._unmet: Iterator[Any] | None = None
        self._backwards: Iterator[Any] | None = None

    # ------------------------------------------------------------------------------------------------- as a dict

    def __len__(self) -> int:
        return self.size

    def get(self, key: Any, default: Any = None) -> Any:
        """As of a dict."""
        value = self.over.get(key, ABSENT)
        if value is ABSENT:
            value = self.new.get(key, ABSENT)
            return self.below.get(key, default) if value is ABSENT else value
        return self.new.get(key, default) if value is _GONE else value

    def __getitem__(self, key: Any) -> Any:
        value = self.over.get(key, ABSENT)
        if value is ABSENT:
            new = self.new
            return new[key] if new and key in new else self.below[key]
        return self.new[key] if value is _GONE else value

    def __contains__(self, key: Any) -> bool:
        value = self.over.get(key, ABSENT)
        if value is ABSENT:
            return key in self.new or key in self.below
        return value is not _GONE or key in self.new

    def __setitem__(self, key: Any, value: Any) -> None:
        before = self.over.get(key, ABSENT)
        if before is not ABSENT and before is not _GONE:
            self.over[key] = value
        elif key in self.new:
            self.new[key] = value
        elif before is ABSENT and key in self.below:
            self.over[key] = value
        else:
            self.new[key] = value
            self.size += 1

    def pop(self, key: Any) -> Any:
        """Remove ``key`` and return its value. Raises `KeyError`."""
        value = self.over.get(key, ABSENT)
        if value is _GONE or (value is ABSENT and key in self.new):
            value = self.new.pop(key)
        else:
            value = self.below[key] if value is ABSENT else value
            self.over[key] = _GONE
        self.size -= 1
        return value

    def popitem(self) -> tuple[Any, Any]:
        """Remove and return the last pair. Raises `KeyError` if there is none."""
        if self.new:
            self.size -= 1
            return self.new.popitem()
        for key in self._from_the_end():
            if self.over.get(key) is not _GONE:
                return key, self.pop(key)
        raise KeyError("popitem(): dictionary is empty")

    def _from_the_end(self) -> Iterator[Any]:
        """The keys below that may be there still, backwards: those that were taken from the end are not met again."""
        if type(self.below) is Overlay:
            return reversed(self.below)
        if self._backwards is None:
            self._backwards = reversed(self.below)
        return self._backwards

    def clear(self) -> None:
        """Remove everything."""
        self.over.update(dict.fromkeys(self.below, _GONE))
        self.new.clear()
        self.size = 0

    def copy(self) -> dict[Any, Any]:
        """As a plain dict."""
        return dict(self.items())

    def items(self) -> Iterator[tuple[Any, Any]]:
        """The pairs in their order. Raises `RuntimeError` if keys come or go meanwhile."""
        return ((key, self.get(key)) for key in self)

    def values(self) -> Iterator[Any]:
        """The values in the order of their keys."""
        return (self.get(key) for key in self)

    def __iter__(self) -> Iterator[Any]:
        size, over = self.size, self.over
        for key in self.below if self._moving is not None or type(self.below) is Overlay else self._forwards():
            if over.get(key) is not _GONE:
                yield key
                self._refuse_other_size(size)
        for key in islice(self.new, self._moved, None):
            yield key
            self._refuse_other_size(size)

    def _forwards(self) -> Iterator[Any]:
        """The keys of the dict below: those that were taken from the front are not met again.

        Only what was gone through once is remembered, so that to look at the first key takes no time.
        """
        if self._unmet is None:
            self._unmet = iter(self.below)
        while self._front < len(self._met) and self.over.get(self._met[self._front]) is _GONE:
            self._front += 1
        at = self._front
        while True:
            if at == len(self._met):
                self._met += islice(self._unmet, _AHEAD)
                if at == len(self._met):
                    return
            yield self._met[at]
            at += 1

    def __reversed__(self) -> Iterator[Any]:
        size, over = self.size, self.over
        for key in islice(reversed(self.new), len(self.new) - self._moved):
            yield key
            self._refuse_other_size(size)
        for key in reversed(self.below):
            if over.get(key) is not _GONE:
                yield key
                self._refuse_other_size(size)

    def _refuse_other_size(self, size: int) -> None:
        if self.size != size:
            raise RuntimeError("dictionary changed size during iteration")

    # -------------------------------------------------------------------------------------------------- moving down

    @property
    def pending(self) -> int:
        """So many changes are still to be moved down."""
        return len(self.over) + len(self.new) - self._moved - self._moved_over

    def drain(self, changes: int) -> int:
        """Move at most so many ``changes`` down; how many it were. From the first on, nothing else may change this.

        When none are `pending`, what is below shows what the overlay shows.
        """
        if self._moving is None:
            self._moving = self._move()
        return sum(1 for _ in islice(self._moving, changes))

    def _move(self) -> Iterator[None]:
        for key, value in self.over.items():
            if value is _GONE:
                self.below.pop(key)
            else:
                self.below[key] = value
            self._moved_over += 1
            yield
        self.spent, self.over, self._moved_over = self.over, {}, 0
        for key, value in self.new.items():
            self.below[key] = value
            self._moved += 1
            yield


def settle(
    top: dict[Any, Any] | Overlay, held: object, changes: int, spent: list[dict[Any, Any]]
) -> tuple[dict[Any, Any] | Overlay, int]:
    """Move ``changes`` of the overlays above ``held`` down, the lowest first; what is held must not change.

    ``held``: ``None`` if nothing is. Returns what shows the content from now on, and what is left of ``changes``.
    Dicts that are needed no more are put to ``spent``.
    """
    while changes > 0:
        above = _overlays(top, held)
        if not above:
            break
        lowest = above[-1]
        if lowest is top and lowest.pending > changes:
            top = Overlay(lowest)
            above.insert(0, top)
        changes -= lowest.drain(changes)
        if lowest.pending:
            break
        if lowest is top:
            top = lowest.below
        else:
            above[-2].below = lowest.below
        spent += (lowest.over, lowest.new, lowest.spent)
    return top, changes


def _overlays(top: dict[Any, Any] | Overlay, held: object) -> list[Overlay]:
    """Those that can be moved down, from the top. The lowest above what is held cannot: it has nowhere to go."""
    above: list[Overlay] = []
    content = top
    while type(content) is Overlay and content is not held:
        above.append(content)
        content = content.below
    return above[:-1] if content is held else above
