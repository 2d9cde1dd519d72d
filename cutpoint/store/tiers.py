"""Which runs of a table are worth merging, so that a restore reads few of them and little is written twice.

A table is stored as a base run and the delta runs after it. Runs of a similar length are merged into one, so each
change is written again about as often as its length doubles (O'Neil et al., "The log-structured merge-tree", 1996);
once the changes are half as long as the base, everything is written anew. Decides on lengths only, writes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cutpoint.store.chunks import Run

DELTAS_MIN = 4
"""Fewer delta runs than this are not worth merging."""

DELTAS_MAX = 32
"""With so many delta runs all of them are merged, whatever their lengths."""

BASE_SHARE = 0.5
"""The base is written anew once the changes have this share of its length."""

SIMILAR = 2.0
"""A run is taken into a merge while it is no longer than so many times what comes after it."""


@dataclass(frozen=True, kw_only=True)
class Merge:
    """Replace ``runs[first:last]`` by one run, which is the new base if ``first`` is 0."""

    first: int
    last: int


SMALL_BYTES = 1024 * 1024
"""A table that is no longer is written anew by a cut itself, not between cuts."""


def anew(runs: Sequence[Run]) -> bool:
    """Whether a cut had better write the whole table than its changes alone: it is small, and has changed a lot."""
    changed = sum(run.raw_bytes for run in runs[1:])
    return runs[0].raw_bytes <= SMALL_BYTES and changed >= BASE_SHARE * runs[0].raw_bytes


def merge_due(runs: Sequence[Run]) -> Merge | None:
    """The merge that is worth its while now, if there is one. ``runs``: a table's, oldest first."""
    deltas = [run.raw_bytes for run in runs[1:]]
    if not deltas:
        return None
    if sum(deltas) >= BASE_SHARE * runs[0].raw_bytes and len(deltas) >= DELTAS_MIN:
        return Merge(first=0, last=len(runs))
    if len(deltas) >= DELTAS_MAX:
        return Merge(first=1, last=len(runs))
    first, after = len(deltas) - 1, deltas[-1]
    while first > 0 and deltas[first - 1] <= SIMILAR * after:
        first -= 1
        after += deltas[first]
    return Merge(first=first + 1, last=len(runs)) if len(deltas) - first >= DELTAS_MIN else None
