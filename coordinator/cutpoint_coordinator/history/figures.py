"""Figures from the history: the success rate, how long cuts take, their share of the time, the error budget.

A cut that was called off because somebody wanted something else (a recovery, a release) counts neither for nor against.
The error budget is the number of failures that the objective allows: with 99 % over a week in which 10 000 cuts ended,
a hundred may fail.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import msgspec

from cutpoint_coordinator.history.kept import HOUR_SECONDS, History
from cutpoint_coordinator.history.records import CutRecord, HourRecord


class Budget(msgspec.Struct, frozen=True, kw_only=True):
    """``objective``: the share of cuts that must be published, over the last ``window_seconds``.

    ``allowed``: how many failures that leaves; ``left``: the share of them that is not spent, below 0 if more failed.
    """

    objective: float
    window_seconds: float
    cuts: int
    failed: int
    allowed: float
    left: float


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """``since``: the window's beginning, ISO 8601. ``success_rate`` and the times are None where nothing ended.

    ``share_of_time``: the part of the window in which a cut was open; ``stall_share``: in which an event loop was held
    by one, at worst. ``p50_seconds`` and the like are of the published cuts that are told one by one.
    """

    since: str
    cuts: int
    published: int
    failed: int
    wanted: int
    success_rate: float | None
    mean_seconds: float | None
    p50_seconds: float | None
    p95_seconds: float | None
    worst_seconds: float | None
    share_of_time: float
    stall_share: float
    causes: dict[str, int]
    phases: dict[str, float]
    budget: Budget


def figures(history: History, *, now: float, window_seconds: float, objective: float) -> Figures:
    """Sum up what ended in the last ``window_seconds`` before ``now`` (seconds since 1970), to the hour."""
    first = int((now - window_seconds) // HOUR_SECONDS)
    hours = [hour for number, hour in history.hours.items() if number > first]
    total = _sum(hours)
    begin = max(now - window_seconds, hours[0].hour * HOUR_SECONDS) if hours else now
    recent = [record for record in history.cuts.values() if seconds_of(record.ended) >= begin]
    if recent and len(recent) == total.published + total.failed + total.wanted:
        begin = max(begin, seconds_of(recent[0].began))  # the first hour of all begins with the first cut
    span = max(now - begin, total.seconds, 1e-9)
    lasted = sorted(record.story.seconds for record in recent if record.story.published)
    counted = total.published + total.failed
    return Figures(
        since=datetime.fromtimestamp(begin, UTC).isoformat(timespec="seconds"),
        cuts=counted + total.wanted,
        published=total.published,
        failed=total.failed,
        wanted=total.wanted,
        success_rate=total.published / counted if counted else None,
        mean_seconds=total.published_seconds / total.published if total.published else None,
        p50_seconds=quantile(lasted, 0.5),
        p95_seconds=quantile(lasted, 0.95),
        worst_seconds=total.worst_seconds if total.published else None,
        share_of_time=total.seconds / span,
        stall_share=total.stall_seconds / span,
        causes=dict(sorted(total.causes.items())),
        phases=_phases(recent),
        budget=budget(total, objective=objective, window_seconds=window_seconds),
    )


def budget(total: HourRecord, *, objective: float, window_seconds: float) -> Budget:
    """What is left of the error budget. A single failure out of few cuts spends all of it."""
    counted = total.published + total.failed
    allowed = (1.0 - objective) * counted
    left = 1.0 if not total.failed else (1.0 - total.failed / allowed if allowed else float(-total.failed))
    return Budget(
        objective=objective,
        window_seconds=window_seconds,
        cuts=counted,
        failed=total.failed,
        allowed=allowed,
        left=left,
    )


def quantile(ascending: Sequence[float], share: float) -> float | None:
    """The value below which this share lies; None of nothing."""
    return ascending[min(len(ascending) - 1, int(share * len(ascending)))] if ascending else None


def seconds_of(moment: str) -> float:
    """An ISO 8601 moment as seconds since 1970."""
    return datetime.fromisoformat(moment).timestamp()


def _sum(hours: Iterable[HourRecord]) -> HourRecord:
    total = HourRecord(hour=0)
    for hour in hours:
        causes = dict(total.causes)
        for cause, count in hour.causes.items():
            causes[cause] = causes.get(cause, 0) + count
        total = HourRecord(
            hour=0,
            published=total.published + hour.published,
            failed=total.failed + hour.failed,
            wanted=total.wanted + hour.wanted,
            seconds=total.seconds + hour.seconds,
            published_seconds=total.published_seconds + hour.published_seconds,
            worst_seconds=max(total.worst_seconds, hour.worst_seconds),
            stall_seconds=total.stall_seconds + hour.stall_seconds,
            in_flight=total.in_flight + hour.in_flight,
            fresh_bytes=total.fresh_bytes + hour.fresh_bytes,
            causes=causes,
        )
    return total


def _phases(records: Sequence[CutRecord]) -> dict[str, float]:
    """The mean duration of each phase of the published cuts, in seconds."""
    published = [record.story for record in records if record.story.published and not record.story.found]
    sums: dict[str, float] = {}
    counts: dict[str, int] = {}
    for story in published:
        for phase, seconds in story.phases.items():
            sums[phase] = sums.get(phase, 0.0) + seconds
            counts[phase] = counts.get(phase, 0) + 1
    return {phase: total / counts[phase] for phase, total in sums.items()}
