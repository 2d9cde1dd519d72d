"""``cutpoint history``: how cuts went, and where the time of one has gone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from cutpoint_coordinator.commands.options import NUMBER, ask, coordinator_option, json_option

if TYPE_CHECKING:
    from cutpoint_coordinator.answers import CutAnswer, HistoryAnswer
    from cutpoint_coordinator.history.records import CutRecord, HourRecord

_BARS = "▁▂▃▄▅▆▇█"


@click.command()
@click.argument("cut", required=False, type=NUMBER)
@click.option("--limit", type=click.IntRange(0, 500), default=20, show_default=True, help="How many cuts to list.")
@click.option("--before", type=NUMBER, default=None, help="Only cuts with a lower number.")
@coordinator_option
@json_option
def history(cut: int | None, limit: int, before: int | None, coordinator_url: str, as_json: bool) -> None:
    """Say how cuts went, or with a number, where the time of that CUT has gone and who held it up."""
    from cutpoint_coordinator.commands.printing import print_json

    if cut is not None:
        one = ask(coordinator_url, lambda client: client.cut_state(cut))
        if as_json:
            print_json(one)
        else:
            _print_cut(one)
        return
    answer = ask(coordinator_url, lambda client: client.history(limit=limit, after=before))
    if as_json:
        print_json(answer)
    else:
        _print(answer)


def _print(answer: HistoryAnswer) -> None:
    from cutpoint_coordinator.commands.printing import duration, print_line, print_table

    told, budget = answer.figures, answer.figures.budget
    if not told.cuts:
        print_line("No cut has ended yet.")
        return
    print_line(f"{told.cuts} cuts since {told.since}: {told.published} published, {told.failed} failed")
    if told.wanted:
        print_line(f"  called off   {told.wanted}, for a recovery or a release; they do not count")
    if told.success_rate is not None:
        print_line(f"  success      {told.success_rate:.2%}, objective {budget.objective:.2%}")
        print_line(f"  budget       {_budget(budget.left, budget.allowed, budget.failed)}")
    if told.mean_seconds is not None:
        print_line(f"  duration     mean {duration(told.mean_seconds)}, {_spread(answer)}")
    print_line(f"  of the time  {told.share_of_time:.2%} with a cut open, {told.stall_share:.3%} stalled")
    if told.phases:
        print_line("  phases       " + ", ".join(f"{name} {duration(s)}" for name, s in told.phases.items()))
    if told.causes:
        print_line("  causes       " + ", ".join(f"{name} {count}" for name, count in told.causes.items()))
    if len(answer.hours) > 1:
        print_line(f"  by the hour  {sparkline(answer.hours)}  published, the newest on the right")
    print_table("Cuts, the newest first", ("cut#", "ended", "", "took#", "slowest#", ""), map(_row, answer.cuts))
    if answer.next is not None:
        print_line(f"older ones: cutpoint history --before {answer.next}")


def _budget(left: float, allowed: float, failed: int) -> str:
    spent = f"{failed} of {allowed:.1f} allowed failures"
    return f"{left:.0%} left, {spent}" if left > 0 else f"spent: {spent}"


def _spread(answer: HistoryAnswer) -> str:
    from cutpoint_coordinator.commands.printing import duration

    told = answer.figures
    known = (("median", told.p50_seconds), ("p95", told.p95_seconds), ("worst", told.worst_seconds))
    return ", ".join(f"{name} {duration(seconds)}" for name, seconds in known if seconds is not None)


def _row(record: CutRecord) -> tuple[object, ...]:
    from cutpoint_coordinator.commands.printing import duration

    story = record.story
    slowest = max(story.phases.items(), key=lambda phase: phase[1], default=None)
    state = "published" if story.published else f"abandoned ({story.cause})"
    held = f"{story.held_by[0].process}: {story.held_by[0].text}" if story.held_by else story.reason
    took = duration(story.seconds)
    return story.cut, record.ended, state, took, slowest[0] if slowest else "", held


def sparkline(hours: Sequence[HourRecord]) -> str:
    """How many cuts were published in each hour from the first to the last, as bars; ``!`` where one has failed."""
    by_hour = {hour.hour: hour for hour in hours}
    numbers = range(max(hours[0].hour, hours[-1].hour - 47), hours[-1].hour + 1)
    most = max(1, *(hour.published for hour in hours))
    bars = []
    for number in numbers:
        hour = by_hour.get(number)
        if hour is None:
            bars.append(" ")
        else:
            bars.append("!" if hour.failed else _BARS[(len(_BARS) - 1) * hour.published // most])
    return "".join(bars)


def _print_cut(found: CutAnswer) -> None:
    from cutpoint_coordinator.commands.printing import duration, print_line, print_table

    took = f" after {duration(found.seconds)}" if found.seconds is not None else ""
    print_line(f"cut {found.cut} is {found.state}{took}" + (f" ({found.cause})" if found.cause else ""))
    if found.began:
        print_line(f"  began        {found.began}, ended {found.ended}")
    if found.reason:
        print_line(f"  reason       {found.reason}")
    for name, seconds in found.phases.items():
        print_line(f"  {name:<12} {duration(seconds)}")
    for culprit in found.held_by:
        print_line(f"  held up by   {culprit.process}: {culprit.text}")
    if found.processes:
        rows = [
            (
                process.process,
                *("-" if s is None else duration(s) for s in (process.captured_seconds, process.stored_seconds)),
                duration(process.waited_seconds),
                duration(process.stall_seconds),
                process.fresh_bytes,
                process.in_flight,
            )
            for process in found.processes
        ]
        columns = ("process", "recorded#", "stored#", "waited for turns#", "stall#", "bytes written#", "in flight#")
        print_table("Processes, the slowest first", columns, rows)
