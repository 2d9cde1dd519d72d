"""Keys of a policy that are sound alone and cannot be meant together.

Only what is written is judged, not what holds by default; a contradiction is told where the later of the two stands.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from cutpoint.policy.lines import Path
from cutpoint.policy.quantities import duration_text

Values = Mapping[tuple[str, str], Any]
Found = tuple[Path, str, str]

_WISHES = ("interval", "after_messages", "after_bytes")


def contradictions(values: Values, line_of: Callable[[Path], int]) -> Iterator[Found]:
    """Each as the path to tell it at, what is wrong, and what to do. ``values`` by section and attribute."""

    def later(*keys: Path) -> Path:
        return max(keys, key=line_of)

    def cut(key: str, suffix: str = "_seconds") -> Any:
        return values.get(("cuts", key + suffix))

    written = [key for key in _WISHES if cut(key) or cut(key, "")]
    waits = [key for key in ("minimum_pause", "quiet_below", "quiet_deadline") if cut(key) or cut(key, "")]
    interval, pause = cut("interval"), cut("minimum_pause")
    if cut("on_demand_only", ""):
        for key in (*written, *waits):
            place = later(("cuts", key), ("cuts", "on_demand_only"))
            yield place, f"on_demand_only contradicts {key}: no cut begins by itself", "take one of the two out"
    elif waits and not written:
        for key in waits:
            yield (
                ("cuts", key),
                f"{key} has no effect: no cut begins by itself",
                (f"add interval, after_messages or after_bytes, or take {key} out"),
            )
    if interval and pause and pause > interval:
        told = f"minimum_pause ({duration_text(pause)}) is longer than interval ({duration_text(interval)})"
        remedy = f"make minimum_pause {duration_text(interval)} at most, or interval longer"
        yield later(("cuts", "minimum_pause"), ("cuts", "interval")), told, remedy
    if cut("quiet_below", "") and not cut("quiet_deadline"):
        yield (
            ("cuts", "quiet_below"),
            "quiet_below without quiet_deadline could put cuts off for ever",
            ('add how long a cut may wait, such as quiet_deadline = "5m"'),
        )
    if cut("quiet_deadline") and not cut("quiet_below", ""):
        yield (
            ("cuts", "quiet_deadline"),
            "quiet_deadline has no effect without quiet_below",
            ("add below how many messages a second it is quiet, such as quiet_below = 50"),
        )
    yield from _retries(values, later, pause)


def _retries(values: Values, later: Callable[..., Path], pause: float | None) -> Iterator[Found]:
    first, longest = values.get(("retries", "first_seconds")), values.get(("retries", "longest_seconds"))
    if first and longest and first > longest:
        told = f"first ({duration_text(first)}) is longer than longest ({duration_text(longest)})"
        place = later(("retries", "first"), ("retries", "longest"))
        yield place, told, f"make first {duration_text(longest)} at most, or longest longer"
    if first and pause and first < pause:
        told = f"first ({duration_text(first)}) is shorter than cuts.minimum_pause ({duration_text(pause)})"
        remedy = f"make first {duration_text(pause)} at least, or minimum_pause shorter"
        yield later(("retries", "first"), ("cuts", "minimum_pause")), told, remedy
