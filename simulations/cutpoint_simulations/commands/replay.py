"""``cutpoint replay N``: open a recorded recovery point in the simulator and run futures from it.

Exit status 0 if every future is sound and all that come to rest end the same.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cutpoint.errors import CutpointError
from cutpoint_coordinator.commands.options import NUMBER, SECONDS, json_option, keys_option
from cutpoint_simulations.commands.string_hashes import fix_string_hashes

if TYPE_CHECKING:
    from cutpoint.store.keys import KeyRing
    from cutpoint_simulations.replay.future import Question
    from cutpoint_simulations.replay.point import RecordedPoint
    from cutpoint_simulations.replay.report import Report

LAST = "last"


class Point(click.IntRange):
    """The number of a recovery point, or `LAST`."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """`LAST` as it is, else a number. Fails as click's own types do."""
        if value == LAST:
            return value
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter:
            self.fail(f"{value!r} is neither the number of a recovery point, from 1 on, nor {LAST!r}", param, ctx)


@click.command()
@click.argument("point", type=Point(NUMBER.min, NUMBER.max), metavar="N")
@click.option(
    "--store",
    "store_url",
    metavar="URL",
    required=True,
    help="Where the recovery point is: a folder, or a bucket as s3://BUCKET/PREFIX. It is only read.",
)
@click.option(
    "--app", metavar="MODULE:FACTORY", required=True, help="The function that declares the services on a Cluster."
)
@click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True, help="The first seed.")
@click.option(
    "--seeds", type=click.IntRange(min=1), default=1, show_default=True, help="How many seeds, one after another."
)
@click.option("--jobs", type=click.IntRange(min=1), help="How many processes share the work.  [default: one a CPU]")
@click.option(
    "--until", type=SECONDS, help="End each future after so many virtual seconds, at rest or not.  [default: 300]"
)
@click.option(
    "--interval", type=SECONDS, help="Take a cut every so many virtual seconds.  [default: only one, at the end]"
)
@click.option(
    "--ignore",
    "ignored",
    multiple=True,
    metavar="STATE",
    help="A state in which futures may end differently, of every process or as PROCESS:STATE; may be repeated.",
)
@click.option("--messages", is_flag=True, help="Compare what was sent, too, when all futures end the same.")
@click.option(
    "--draw",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Draw the first future that went wrong, else the first, as .svg or .html.",
)
@keys_option
@json_option
def replay(
    point: int | str,
    store_url: str,
    app: str,
    seed: int,
    seeds: int,
    jobs: int | None,
    until: float | None,
    interval: float | None,
    ignored: tuple[str, ...],
    messages: bool,
    draw: Path | None,
    keys: KeyRing | None,
    as_json: bool,
) -> None:
    """Open recovery point N ("last": the last one) in the simulator and run futures from it, one for each seed."""
    fix_string_hashes()
    from cutpoint_simulations.replay.future import UNTIL_SECONDS, Question
    from cutpoint_simulations.replay.point import open_point
    from cutpoint_simulations.trace.diagram import check_diagram

    if draw is not None:
        check_diagram(draw)
    question = Question(app=app, until=UNTIL_SECONDS if until is None else until, interval=interval, ignored=ignored)
    recorded = open_point(store_url, None if isinstance(point, str) else point, keys)
    wanted = range(seed, seed + seeds)
    report = _replay(recorded, question, wanted, jobs=jobs or os.cpu_count() or 1, messages=messages, as_json=as_json)
    if draw is not None:
        _draw(recorded, report, draw)
    if report.failure:
        raise CutpointError(report.failure)


def _replay(
    recorded: RecordedPoint, question: Question, seeds: Sequence[int], *, jobs: int, messages: bool, as_json: bool
) -> Report:
    """Replay all seeds, and tell of them."""
    from cutpoint_coordinator.commands.printing import print_json, print_line, print_table
    from cutpoint_simulations.progress_bar import progress_bar
    from cutpoint_simulations.replay.inquiry import inquire
    from cutpoint_simulations.replay.report import COLUMNS, conclusions, heading, rows

    if not as_json:
        print_line(heading(recorded))
    with progress_bar(len(seeds), "futures") as advance:
        report = inquire(
            recorded,
            question,
            seeds,
            jobs=jobs,
            messages=messages,
            progress=lambda future: advance(bool(future.complaint)),
        )
    if as_json:
        print_json(report)
        return report
    print_table("Futures", COLUMNS, rows(report.futures))
    for line in conclusions(report):
        print_line(line)
    return report


def _draw(recorded: RecordedPoint, report: Report, path: Path) -> None:
    """Draw the future that should be looked at first."""
    from cutpoint_simulations.replay.inquiry import look
    from cutpoint_simulations.trace import write_diagram

    worst = report.verdict.worst
    seed = report.futures[0].seed if worst is None else worst
    write_diagram(look(recorded, report.question, seed).drawn, path)
