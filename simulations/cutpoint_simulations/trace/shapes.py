"""Path data that drawings share: the smooth line of a cut, and the marks that stand on a process's line.

A mark's path is relative, so that ``M{x} {y}`` before it places it.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise


def smooth(points: Sequence[tuple[float, float]]) -> str:
    """A smooth line through ``points`` (x, y) from top to bottom, upright at each of them."""
    (x, y), *_ = points
    d = f"M{x:g} {y:g}"
    for (x0, y0), (x1, y1) in pairwise(points):
        half = (y1 - y0) / 2
        d += f" C{x0:g} {y0 + half:g} {x1:g} {y1 - half:g} {x1:g} {y1:g}"
    return d


MARKS = {
    "start": "m-3 -7 l9 7 l-9 7 z",
    "end": "m-6 -6 l12 12 m0 -12 l-12 12",
    "record": "m-6 0 a6 6 0 1 0 12 0 a6 6 0 1 0 -12 0 z",
    "publish": "m-7 -7 h14 v14 h-14 z m3 7 l3 3 l5 -6",
    "abandon": "m-7 -7 h14 v14 h-14 z m3.5 3.5 l7 7 m0 -7 l-7 7",
    "restore": "m0 -8 l8 8 l-8 8 l-8 -8 z",
    "fault": "m2 -9 l-8 11 h5 l-2 8 l8 -11 h-5 z",
    "note": "m0 -4 l4 4 l-4 4 l-4 -4 z",
}
"""By the kind of the entry. Shapes differ, so that nobody needs to see colours."""

DOT = "m-2 0 a2 2 0 1 0 4 0 a2 2 0 1 0 -4 0 z"
"""Where a message was sent or received."""
STUB = "m-3 0 a3 3 0 1 0 6 0 a3 3 0 1 0 -6 0 z"
"""The end of a message that nobody received, or the beginning of one that was sent before the trace begins."""
