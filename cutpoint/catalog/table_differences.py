"""What changed in one table between two recovery points: the keys, and no more reading than that takes.

Both tables are rows of runs. A run that both have, in the same order as all others that both have, can make no
difference by itself: a key that is in none of the other runs has the same value in both. So first the keys of the
runs that only one of the two has are collected. Then each table is read from its newest end, until it has
said of all of these keys what they are: after a usual cut that is its delta, and of the other table whatever holds
the old values. Values are compared by their encoded bytes, so ``1`` and ``True`` differ and ``nan`` is itself.

Where very much has changed, this is done in several passes, each for a part of the keys, so that memory is bounded.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any, Literal

from cutpoint.catalog.shown import shown
from cutpoint.catalog.tables import TableReader
from cutpoint.state import Format
from cutpoint.store.chunks import Run

PASS_RAW_BYTES = 64 * 1024 * 1024
"""How much of what differs is looked at in one pass, in bytes as they were encoded."""

COMPARED_TOGETHER = 256
"""How many values are compared at a time; most of them are the same."""

Change = Literal["added", "removed", "changed"]


class _Absent:
    """Stands for the value of a key that a table does not have."""

    def __repr__(self) -> str:
        return "absent"


ABSENT = _Absent()


@dataclass(frozen=True, kw_only=True)
class KeyChange:
    """One key whose value differs. ``before`` of an added one, ``after`` of a removed one is `ABSENT`."""

    key: Any
    change: Change
    before: Any
    after: Any


@dataclass(frozen=True, kw_only=True)
class TableDifference:
    """How many keys changed in which way, and the first of them, ordered by key."""

    added: int
    removed: int
    changed: int
    keys: tuple[KeyChange, ...]


def compare_tables(
    before: TableReader, after: TableReader, *, limit: int, pass_raw_bytes: int = PASS_RAW_BYTES
) -> TableDifference:
    """Compare two tables; at most ``limit`` keys are named. Raises `Damaged`, `ObjectMissing`."""
    shared = _shared(before.runs, after.runs)
    differing = (
        [run for run in before.runs if _name(run) not in shared],
        [run for run in after.runs if _name(run) not in shared],
    )
    raw_bytes = sum(run.raw_bytes for runs in differing for run in runs)
    passes = max(1, -(-raw_bytes // pass_raw_bytes))
    counts: dict[Change, int] = {"added": 0, "removed": 0, "changed": 0}
    first: list[KeyChange] = []
    for number in range(passes):
        mine = None if passes == 1 else partial(_is_mine, number, passes)
        keys = _keys(before, differing[0], mine) | _keys(after, differing[1], mine)
        for change in _changes(keys, _values(before, keys), _values(after, keys), before.format):
            counts[change.change] += 1
            first.append(change)
            if len(first) >= 2 * limit + 1000:
                first = heapq.nsmallest(limit, first, key=_order)
    return TableDifference(**counts, keys=tuple(heapq.nsmallest(limit, first, key=_order)))


def _name(run: Run) -> tuple[bytes, ...]:
    """Two runs of the same name say the same."""
    return tuple(chunk.id for chunk in run.chunks)


def _shared(before: Sequence[Run], after: Sequence[Run]) -> frozenset[tuple[bytes, ...]]:
    """The names of runs that can make no difference."""
    both = frozenset(map(_name, before)) & frozenset(map(_name, after))
    one, other = ([name for name in map(_name, runs) if name in both] for runs in (before, after))
    return both if one == other else frozenset()


def _is_mine(number: int, passes: int, key: Any) -> bool:
    return hash(key) % passes == number


def _keys(table: TableReader, runs: Sequence[Run], mine: Callable[[Any], bool] | None) -> dict[Any, None]:
    """The keys that these runs set or remove, in a fixed order; only those of this pass."""
    keys: dict[Any, None] = {}
    for batch in table.batches(runs):
        for some in (batch.gone, batch.keys):
            keys.update(dict.fromkeys(filter(mine, some) if mine is not None else some))
    return keys


def _values(table: TableReader, keys: dict[Any, None]) -> dict[Any, Any]:
    """The table's values of these keys, `ABSENT` where it has none; read from the newest end until all are known."""
    values: dict[Any, Any] = {}
    for run in reversed(table.runs):
        if len(values) == len(keys):
            break
        newer: dict[Any, Any] = {}
        for batch in table.batches((run,)):
            newer.update({key: ABSENT for key in batch.gone if key in keys})
            newer.update({key: v for key, v in zip(batch.keys, batch.values, strict=True) if key in keys})
        values = {**newer, **values}
    return values


def _changes(
    keys: dict[Any, None], before: dict[Any, Any], after: dict[Any, Any], format_: Format
) -> Iterator[KeyChange]:
    remaining = iter(keys)
    while some := list(islice(remaining, COMPARED_TOGETHER)):
        entries = [(key, before.get(key, ABSENT), after.get(key, ABSENT)) for key in some]
        for key, old, new in _differing(entries, format_):
            change: Change = "added" if old is ABSENT else "removed" if new is ABSENT else "changed"
            yield KeyChange(key=key, change=change, before=old, after=new)


def _differing(entries: list[tuple[Any, Any, Any]], format_: Format) -> Iterator[tuple[Any, Any, Any]]:
    """Those of keys, old and new values that differ; found by halving what is not the same as a whole."""
    pairs = [(old, new) for _, old, new in entries if not old is new is ABSENT]
    whole = all(old is not ABSENT and new is not ABSENT for old, new in pairs)
    columns = ([old for old, _ in pairs], [new for _, new in pairs])
    if whole and len({format_.encode_columns([column], "a value") for column in columns}) == 1:
        return
    if len(entries) == 1:
        yield entries[0]
        return
    half = len(entries) // 2
    yield from _differing(entries[:half], format_)
    yield from _differing(entries[half:], format_)


def _order(change: KeyChange) -> tuple[int, Any]:
    """Numbers by value, then texts, then the rest by how it is shown."""
    key = change.key
    if type(key) is int or (type(key) is float and key == key):
        return 0, key
    return (1, key) if type(key) is str else (2, shown(key))
