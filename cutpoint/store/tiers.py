"""Which runs of a table are worth merging, so that a restore reads few of them and little is written twice.

A table is stored as a base run and the delta runs after it. Runs of a similar length are merged into one, so each
change is written again about as often as its length doubles (O'Neil et al., "The log-structured merge-tree", 1996);
once the changes are half as long as the base, everything is written anew. Decides on lengths only, writes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cutpoint.store.chunks import Run


@dataclass(frozen=True, kw_only=True)
class Tiers:
    """What is worth merging.

    ``deltas_min``: fewer delta runs than this are not. ``deltas_max``: with so many all of them are merged, whatever
    their lengths. ``base_share``: the base is written anew once the changes have this share of its length.
    ``similar``: a run is taken into a merge while it is no longer than so many times what comes after it.
    ``small_bytes``: a table that is no longer is written anew by a cut itself, not between cuts.
    """

    deltas_min: int = 4
    deltas_max: int = 32
    base_share: float = 0.5
    similar: float = 2.0
    small_bytes: int = 1024 * 1024


TIERS = Tiers()
"""What suits services."""


@dataclass(frozen=True, kw_only=True)
class Merge:
    """Replace ``runs[first:last]`` by one run, which is the new base if ``first`` is 0."""

    first: int
    last: int


def anew(runs: Sequence[Run], tiers: Tiers = TIERS) -> bool:
    """Whether a cut had better write the whole table than its changes alone: it is small, and has changed a lot."""
    changed = sum(run.raw_bytes for run in runs[1:])
    return runs[0].raw_bytes <= tiers.small_bytes and changed >= tiers.base_share * runs[0].raw_bytes


def merge_due(runs: Sequence[Run], tiers: Tiers = TIERS) -> Merge | None:
    """The merge that is worth its while now, if there is one. ``runs``: a table's, oldest first."""
    deltas = [run.raw_bytes for run in runs[1:]]
    if not deltas:
        return None
    if sum(deltas) >= tiers.base_share * runs[0].raw_bytes and len(deltas) >= tiers.deltas_min:
        return Merge(first=0, last=len(runs))
    if len(deltas) >= tiers.deltas_max:
        return Merge(first=1, last=len(runs))
    first, after = len(deltas) - 1, deltas[-1]
    while first > 0 and deltas[first - 1] <= tiers.similar * after:
        first -= 1
        after += deltas[first]
    return Merge(first=first + 1, last=len(runs)) if len(deltas) - first >= tiers.deltas_min else None
