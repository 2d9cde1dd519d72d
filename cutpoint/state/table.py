"""Keyed values of a process, used like a dict, captured in one short step and recorded as deltas.

A table is the same object for the life of the process: a restore replaces what is in it, so handlers may hold on
to it. It is not safe for use by several threads.

Between cuts its content is one dict; beside it a `Layer` takes down which keys change. `capture` keeps that layer and
begins the next one: what is captured is read later, in batches. If the full content is wanted, the dict is frozen for
that time and an `Overlay` takes the changes; `fold` moves them down again, between other work and in slices.

It does not watch its values. Who changes one in place says so before, by `touch` or `edit`: a cut that is being
written then keeps a copy. A value that is replaced or removed is copied for it without a word.
"""

from __future__ import annotations

from collections.abc import Callable, ItemsView, Iterable, Iterator, KeysView, Mapping, MutableMapping, ValuesView
from contextlib import contextmanager
from itertools import islice
from typing import Any, ClassVar, TypeVar, overload

import msgspec

from cutpoint.state.capture import TableCapture
from cutpoint.state.history import History
from cutpoint.state.layers import Layer
from cutpoint.state.overlay import ABSENT, Overlay, settle
from cutpoint.state.views import Items, Keys, Values

K = TypeVar("K")
V = TypeVar("V")
T = TypeVar("T")

FOLD_ENTRIES = 1000
"""So many changes are folded in one slice: it takes well under a millisecond."""

_AT_RELEASE = 200


class TableStatistics(msgspec.Struct, frozen=True, kw_only=True):
    """``changed``: keys that the next delta has since the last capture. ``captures``: how many can still be read.

    ``unfolded``: changes that wait for `Table.fold`. ``spared``: values kept for captures.
    """

    entries: int
    changed: int
    captures: int
    unfolded: int
    spared: int


class Table(MutableMapping[K, V]):
    """A dict by another name: same methods, same order, same errors."""

    kind: ClassVar[str] = "table"
    __slots__ = ("_captures", "_changed", "_edits", "_epoch", "_gone", "_history", "_items", "_label", "_restores")

    def __init__(self, label: str = "a table") -> None:
        self._label = label
        self._items: dict[Any, Any] | Overlay = {}
        self._changed: dict[Any, bool] | None = None  # None: nothing to build a delta on, so nothing is taken down
        self._gone: dict[Any, None] = {}
        self._history = History()
        self._captures = self._history.captures
        self._edits: list[Any] = []
        self._epoch = 0
        self._restores = 0

    # ------------------------------------------------------------------------------------------------------- as a dict

    def __getitem__(self, key: K) -> V:
        return self._items[key]  # type: ignore[no-any-return]

    def __setitem__(self, key: K, value: V) -> None:
        changed = self._changed
        items = self._items
        if changed is not None and key not in changed:
            was_there = key in items
            if was_there and self._captures:
                self._spare(key, items[key])
            changed[key] = was_there
        items[key] = value

    def __delitem__(self, key: K) -> None:
        self._removed(key, self._items.pop(key))

    def __iter__(self) -> Iterator[K]:
        return self._walk(iter)

    def __reversed__(self) -> Iterator[K]:
        return self._walk(reversed)

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

    @overload
    def pop(self, key: K, /) -> V: ...
    @overload
    def pop(self, key: K, /, default: V | T) -> V | T: ...
    def pop(self, key: K, /, default: Any = ABSENT) -> Any:
        """Remove ``key`` and return its value, or ``default``."""
        if default is not ABSENT and key not in self._items:
            return default
        value = self._items.pop(key)
        self._removed(key, value)
        return value

    def popitem(self) -> tuple[K, V]:
        """Remove and return the pair that was put in last."""
        key, value = self._items.popitem()
        self._removed(key, value)
        return key, value

    def clear(self) -> None:
        """Remove everything."""
        changed = self._changed
        if changed is not None:
            if self._captures:
                for key, value in self._items.items():
                    if key not in changed:
                        self._spare(key, value)
            was_there = (key for key in self._items if changed.get(key, True)) if changed else self._items
            self._gone.update(dict.fromkeys(was_there))
            changed.clear()
        self._items.clear()

    def keys(self) -> KeysView[K]:
        """The keys, in the order in which they were put in."""
        return Keys(self, self._walk)

    def values(self) -> ValuesView[V]:
        """The values, in the order of their keys."""
        return Values(self, self._walk)

    def items(self) -> ItemsView[K, V]:
        """The pairs, in the order of their keys."""
        return Items(self, self._walk)

    def copy(self) -> dict[K, V]:
        """What is in the table now, as a plain dict; the values are shared."""
        return self._items.copy()

    def __or__(self, other: Mapping[K, V]) -> dict[K, V]:
        if not isinstance(other, Mapping):
            return NotImplemented
        return {**self.copy(), **other}

    def __ror__(self, other: Mapping[K, V]) -> dict[K, V]:
        if not isinstance(other, Mapping):
            return NotImplemented
        return {**other, **self.copy()}

    def __ior__(self, other: Mapping[K, V] | Iterable[tuple[K, V]]) -> Table[K, V]:
        self.update(other)
        return self

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Table):
            return self.content() == other.content()
        return self.content() == other if isinstance(other, dict) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Table({self.content()!r})"

    def _walk(self, begin: Callable[[Any], Iterator[T]]) -> Iterator[T]:
        """An iterator over the content, as over a dict's, whatever is captured and folded meanwhile."""
        return self._walked(begin, len(self._items), self._restores)

    def _walked(self, begin: Callable[[Any], Iterator[T]], size: int, restores: int) -> Iterator[T]:
        seen = 0
        while True:
            if self._restores != restores:
                raise RuntimeError("the table was restored during iteration")
            if len(self._items) != size:
                raise RuntimeError("dictionary changed size during iteration")
            epoch = self._epoch
            for item in islice(begin(self._items), seen, None):
                seen += 1
                yield item
                if self._epoch != epoch:
                    break
            else:
                return

    # ------------------------------------------------------------------------------------------------ changes in place

    def touch(self, key: K) -> None:
        """Say that the value of ``key`` is about to be changed in place. Raises `KeyError` if there is none."""
        value = self._items[key]
        changed = self._changed
        if changed is not None and key not in changed:
            self._spare(key, value)
            changed[key] = True

    @contextmanager
    def edit(self, key: K) -> Iterator[V]:
        """Change the value of ``key`` in place: ``with table.edit(key) as value: value.append(1)``.

        A cut that is taken before the end, while the caller awaits something, has the value of that moment. Raises
        `KeyError` if there is none.
        """
        self.touch(key)
        self._edits.append(key)
        try:
            yield self._items[key]
        finally:
            self._edits.remove(key)

    def _removed(self, key: Any, value: Any) -> None:
        changed = self._changed
        if changed is None:
            return
        if self._captures and key not in changed:
            self._spare(key, value)
        if changed.pop(key, True):
            self._gone[key] = None

    def _spare(self, key: Any, value: Any) -> None:
        for capture in self._captures:
            capture.spare(key, value)

    # ------------------------------------------------------------------------------------------------------- captures

    def capture(self, *, full: bool = False) -> TableCapture:
        """Capture what is in the table now, in a time that does not depend on how much it is.

        With ``full``, or if there is nothing that a delta can build on, its full content can be read. Its outcome must
        be told, and it must be released. Raises `UsageError` while the outcome of the capture before is open.
        """
        self._history.refuse_open(self._label)
        live = Layer(self._changed, self._gone)
        layers = self._history.layers_with(live)
        entries = len(self._items)
        capture = TableCapture(
            label=self._label,
            entries=entries,
            layers=layers,
            frozen=self._freeze() if full or layers is None else None,
            lookup=self.__getitem__,
            on_outcome=self._resolve,
            on_release=self._release,
        )
        self._history.add(capture)
        self._changed, self._gone = {}, {}
        for key in self._edits:
            if key in self._items:
                self.touch(key)
        return capture

    def _freeze(self) -> dict[Any, Any] | Overlay:
        items = self._items
        if type(items) is Overlay and not items.over and not items.new:
            return items.below
        self._items = Overlay(items)
        self._epoch += 1
        return items

    def _resolve(self, capture: TableCapture) -> None:
        self._history.resolve(capture)
        if not self._history.base:
            self._history.let_go(self._changed or {}, self._gone)
            self._changed, self._gone = None, {}

    def _release(self, capture: TableCapture) -> None:
        self._history.release(capture)
        self.fold(_AT_RELEASE)

    def fold(self, entries: int = FOLD_ENTRIES) -> bool:
        """Tidy up behind captures, ``entries`` at most in this step; whether something is left to do.

        Nothing hangs on it but memory and speed: call it between other work until it returns ``False``.
        """
        before = self._items
        held = self._history.held
        spent: list[dict[Any, Any]] = []
        self._items, left = settle(before, held[-1] if held else None, entries, spent)
        if left != entries or self._items is not before:
            self._epoch += 1
        self._history.let_go(*spent)
        return self._history.tidy(left) == 0

    # ------------------------------------------------------------------------------------------------------- restoring

    def content(self) -> dict[K, V]:
        """What is in the table, as a dict that is not for changing and not for keeping."""
        return self._items if isinstance(self._items, dict) else self._items.copy()

    def replace(self, items: dict[K, V], *, base: bool = False) -> None:
        """Hold ``items`` from now on; the caller gives the dict away. Cannot fail. All captures are ended.

        ``base``: these are the very entries that a recovery point has, so the next delta can build on it.
        """
        self._history.restored(base=base)
        self._items = items
        self._changed, self._gone = ({} if base else None), {}
        self._epoch += 1
        self._restores += 1

    # -------------------------------------------------------------------------------------------------- looking inside

    def changed_keys(self) -> Iterator[K]:
        """The keys that were set or touched since the last capture."""
        return iter(self._changed or ())

    def is_noted(self, key: object) -> bool:
        """Whether the next delta, or one whose cut has no outcome yet, contains ``key``."""
        changed = self._changed
        return changed is not None and (key in changed or key in self._gone or self._history.is_unpublished(key))

    def statistics(self) -> TableStatistics:
        """How the table is at this moment."""
        unfolded = 0
        content = self._items
        while isinstance(content, Overlay):
            unfolded += content.pending
            content = content.below
        return TableStatistics(
            entries=len(self._items),
            changed=len(self._changed or ()) + len(self._gone),
            captures=len(self._captures),
            unfolded=unfolded,
            spared=sum(len(capture.spared) for capture in self._captures),
        )

    def check(self) -> None:
        """Raise `AssertionError` if what the table keeps about itself does not fit together."""
        present = list(self._items)
        assert len(present) == len(self._items)
        assert self._changed is not None or not self._gone
        changed = self._changed or {}
        assert all(key in self._items for key in changed)
        assert all(key in changed or key not in self._items for key in self._gone)
        assert all(changed[key] is False for key in self._gone if key in changed)
        assert len(self._history.held) == sum(capture.frozen is not None for capture in self._captures)
