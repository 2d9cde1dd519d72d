"""A table as it was at one moment, to be read in batches while the table is written on.

It is taken in one short step, however large the table is. It remembers which keys changed; what it needs of a value
that leaves the table, or is about to be changed in place, is put aside for it (`TableCapture.spare`). A batch is read
at the moment when it is asked for and must be encoded before anything else runs.

Its duties are its owner's: to tell whether the cut was `published` or `abandoned`, and to `release` it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, NamedTuple

from cutpoint.errors import ConfigurationError, UsageError
from cutpoint.state.copies import UNCHANGING, NotCopied, isolated
from cutpoint.state.layers import Layer, changed_keys, gone_keys
from cutpoint.state.overlay import ABSENT, Overlay
from cutpoint.wire.checks import one_line

BATCH_ENTRIES = 1000
"""So many changes are in one batch: to encode them takes well under a millisecond."""


RESTORED = "was ended by a restore"
"""What a capture is told when its table gets other content; what becomes of its cut no longer matters."""


class Batch(NamedTuple):
    """Changes of a table, to be applied in this order: remove ``gone``, then set each of ``keys`` to its value."""

    gone: list[Any]
    keys: list[Any]
    values: list[Any]


class TableCapture:
    """What a table held when it was captured. Made by `Table.capture`.

    ``entries``: how many there were. ``incremental``: whether `delta` may be asked; ``changes``: how many changes it
    has at most. What else is public (``layers``, ``frozen``, ``spared``) is for its table.
    """

    __slots__ = (
        *("_ended", "_label", "_lookup", "_on_outcome", "_on_release"),
        *("changes", "entries", "frozen", "incremental", "layers", "outcome", "spared"),
    )

    def __init__(
        self,
        *,
        label: str,
        entries: int,
        layers: tuple[Layer, ...] | None,
        frozen: dict[Any, Any] | Overlay | None,
        lookup: Callable[[Any], Any],
        on_outcome: Callable[[TableCapture], None],
        on_release: Callable[[TableCapture], None],
    ) -> None:
        self._label = label
        self._lookup = lookup
        self._on_outcome = on_outcome
        self._on_release = on_release
        self._ended = ""
        self.layers = layers or ()
        self.frozen = frozen
        self.spared: dict[Any, Any] = {}
        self.incremental = layers is not None
        self.entries = entries
        self.changes = sum(map(len, self.layers))
        self.outcome = ""

    @property
    def released(self) -> bool:
        """Whether it cannot be read any more."""
        return bool(self._ended)

    # ------------------------------------------------------------------------------------------------------ reading

    def full(self, entries: int = BATCH_ENTRIES) -> Iterator[Batch]:
        """Everything the table held, in its order, ``entries`` at most in a batch.

        Raises `UsageError` if the table was captured for its delta only, or if the capture was released.
        """
        if self.frozen is None:
            raise UsageError(f"{self._label} was captured for its delta only; capture it with full=True")
        self._refuse_ended()
        return self._read_full(self.frozen, entries)

    def _read_full(self, frozen: dict[Any, Any] | Overlay, entries: int) -> Iterator[Batch]:
        pairs = iter(frozen.items())
        while True:
            self._refuse_ended()
            some = list(islice(pairs, entries))
            if not some:
                return
            keys = [key for key, _value in some]
            values = [value for _key, value in some]
            yield Batch([], keys, self._put_aside(keys, values) if self.spared else values)

    def _put_aside(self, keys: list[Any], values: list[Any]) -> list[Any]:
        kept = list(map(self.spared.get, keys, values))
        for key, value in zip(keys, kept, strict=True):
            self._refuse_not_copied(key, value)
        return kept

    def delta(self, entries: int = BATCH_ENTRIES) -> Iterator[Batch]:
        """What turns the content at the last published capture (or restore) into this one.

        Raises `UsageError` if there is none, so that only the full content will do, or if the capture was released.
        """
        if not self.incremental:
            raise UsageError(f"{self._label} was never published before, so there is no delta; take its full content")
        self._refuse_ended()
        return self._read_delta(entries)

    def _read_delta(self, entries: int) -> Iterator[Batch]:
        gone, changed = gone_keys(self.layers), changed_keys(self.layers)
        while True:
            self._refuse_ended()
            first = list(islice(gone, entries))
            keys = list(islice(changed, entries - len(first)))
            if not first and not keys:
                return
            yield Batch(first, keys, self._values(keys))

    def _values(self, keys: list[Any]) -> list[Any]:
        if self.spared:
            return list(map(self._value, keys))
        return list(map(self._lookup if self.frozen is None else self.frozen.__getitem__, keys))

    def _value(self, key: Any) -> Any:
        value = self.spared.get(key, ABSENT)
        if value is ABSENT:
            return self._lookup(key) if self.frozen is None else self.frozen[key]
        self._refuse_not_copied(key, value)
        return value

    def _refuse_not_copied(self, key: Any, value: Any) -> None:
        if type(value) is NotCopied:
            raise ConfigurationError(
                f"{self._label}, key {one_line(repr(key))}: its value was changed while a cut was written and cannot "
                f"be copied for the cut: {one_line(value.reason)}; the cut is abandoned, nothing was lost; "
                "make it a class that copy.deepcopy can copy"
            )

    def _refuse_ended(self) -> None:
        if self._ended:
            raise UsageError(f"{self._label}: this capture {self._ended}; its content cannot be read any more")

    # ------------------------------------------------------------------------------------------------------ keeping

    def spare(self, key: Any, value: Any) -> None:
        """``value`` leaves the table or is changed in place after this: keep it as it is, if it may still be read."""
        if key in self.spared:
            return
        if self.frozen is None:
            if any(key in layer.changed for layer in self.layers):
                self.spared[key] = isolated(value)
        elif type(value) not in UNCHANGING and self.frozen.get(key, ABSENT) is value:
            self.spared[key] = isolated(value)

    # ------------------------------------------------------------------------------------------------------- ending

    def published(self) -> None:
        """The cut is a recovery point: the next delta builds on it. It can be read until it is released."""
        self._resolve("published")

    def abandoned(self) -> None:
        """The cut is none: what changed before it goes into the next delta. Releases it too."""
        self._resolve("abandoned")
        self.release()

    def _resolve(self, outcome: str) -> None:
        if self._ended == RESTORED:
            return
        if self.outcome:
            raise UsageError(f"{self._label}: this capture was {self.outcome} before and cannot be {outcome} now")
        self.outcome = outcome
        self._on_outcome(self)

    def release(self) -> None:
        """It will not be read any more. Once is enough; it may come before the outcome is known."""
        if not self._ended:
            self.end("was released")
            self._on_release(self)

    def end(self, reason: str) -> None:
        """Reading raises from now on. Of its table: what holds the content frozen, and what was put aside."""
        self._ended = reason
