"""Which captures of a table there are, what the next delta must contain, and what is left to tidy up.

A table has at most one capture whose outcome is open (cuts are taken one after the other), and any number that are
published and still being read. What changed before an abandoned cut is told again by the next one.

Everything that takes time in proportion to the number of changes is done by `tidy`, in slices: moving changes down
(see `overlay`), merging the layers of abandoned cuts, letting go of large dicts.
"""

from __future__ import annotations

from typing import Any

from cutpoint.errors import UsageError
from cutpoint.state.capture import RESTORED, TableCapture
from cutpoint.state.layers import Layer, Merger

_AT_ONCE = 1000
"""A dict of so many entries is let go of in one step."""


class History:
    """The captures of one table. ``base``: whether there is content that a delta can build on."""

    __slots__ = ("_merger", "_open", "_spent", "_unpublished", "base", "captures", "held")

    def __init__(self) -> None:
        self.base = False
        self.captures: list[TableCapture] = []
        """Those that are not released, oldest first."""
        self.held: list[object] = []
        """The contents that they read, oldest first: each lies below the next one, or is the same."""
        self._open: TableCapture | None = None
        self._unpublished: tuple[Layer, ...] = ()
        self._merger: Merger | None = None
        self._spent: list[dict[Any, Any]] = []

    @property
    def spent(self) -> int:
        """So many entries are still to be let go of."""
        return sum(map(len, self._spent))

    def is_unpublished(self, key: object) -> bool:
        """Whether ``key`` changed before a capture, and no capture since was published."""
        layers = self._unpublished if self._open is None else self._open.layers
        return any(key in layer for layer in layers)

    def refuse_open(self, label: str) -> None:
        """Raise `UsageError` while the outcome of a capture is open."""
        if self._open is not None:
            raise UsageError(
                f"{label} is captured already and the cut was neither published nor abandoned; "
                "end that capture first; nothing was changed"
            )

    def layers_with(self, live: Layer) -> tuple[Layer, ...] | None:
        """What a delta consists of if the table is captured now; ``None`` if there can be none."""
        return (*self._unpublished, live) if self.base else None

    def add(self, capture: TableCapture) -> None:
        """``capture`` was made. Its outcome is open now."""
        self._open = capture
        self.captures.append(capture)
        if capture.frozen is not None:
            self.held.append(capture.frozen)

    def resolve(self, capture: TableCapture) -> None:
        """The outcome of ``capture`` is known."""
        assert capture is self._open
        self._open = None
        if capture.outcome == "published":
            self.base = True
            self._unpublished = ()
            self._merger = None
            if capture.released:
                self._let_go_of_layers(capture.layers)
        else:
            self._unpublished = capture.layers

    def release(self, capture: TableCapture) -> None:
        """``capture`` will not be read any more."""
        self.captures.remove(capture)
        if capture.frozen is not None:
            index = next(i for i, held in enumerate(self.held) if held is capture.frozen)
            del self.held[index]
        self.let_go(capture.spared)
        capture.frozen, capture.spared = None, {}
        if capture.outcome == "published":
            self._let_go_of_layers(capture.layers)

    def _let_go_of_layers(self, layers: tuple[Layer, ...]) -> None:
        for layer in layers:
            self.let_go(layer.changed, layer.gone)

    def let_go(self, *dicts: dict[Any, Any]) -> None:
        """These dicts are needed no more; large ones are emptied in slices."""
        self._spent += (one for one in dicts if len(one) > _AT_ONCE)

    def restored(self, *, base: bool) -> None:
        """The table has other content now. ``base``: whether a delta can build on it."""
        if self._open is not None:
            self._open.end(RESTORED)
        for capture in self.captures:
            capture.end(RESTORED)
        self.captures.clear()
        self.held.clear()
        self._spent.clear()
        self._open, self._unpublished, self._merger, self.base = None, (), None, base

    def tidy(self, changes: int) -> int:
        """Empty dicts and merge layers, ``changes`` at most; returns what is left of them when nothing is to do."""
        while self._spent and changes > 0:
            last = self._spent[-1]
            for _ in range(min(changes, len(last))):
                last.popitem()
                changes -= 1
            if not last:
                self._spent.pop()
        if self._open is None and len(self._unpublished) > 1 and changes > 0:
            changes = self._merge(changes)
        return changes

    def _merge(self, changes: int) -> int:
        if self._merger is None:
            self._merger = Merger(self._unpublished)
        merger = self._merger
        changes -= merger.advance(changes)
        if merger.done:
            self._let_go_of_layers(merger.layers)
            self._unpublished = (merger.merged, *self._unpublished[len(merger.layers) :])
            self._merger = None
        return changes
