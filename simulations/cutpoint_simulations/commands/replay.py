"""``cutpoint replay N``: open a recorded recovery point in the simulator and run futures from it.

Exit status 0 if every future is sound and all that come to rest end the same.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from cutpoint.errors import CutpointError
from cutpoint_coordinator.commands.options import NUMBER, SECONDS, json_option

LAST = "last"


class Point(click.IntRange):
    """The number of a recovery point, or `LAST`."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """`LAST` as it is, else a number. Fails as click's own types do."""
        return value if value == LAST else super().convert(value, param, ctx)


@click.command()
@click.argument("point", type=Point(NUMBER.min, NUMBER.max), metavar="N")
@click.option(
    "--store",
    "store_url",
    metavar="URL",
    required=True,
    help="Where the recovery point is: a folder, or file:///absolute/path. It is only read.",
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
@click.option("--messages", is_flag=True, help="Compare what was sent, too, when all futures end the same.")
@click.option(
    "--draw",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Draw the first future that went wrong, else the first, as .svg or .html.",
)
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
    messages: bool,
    draw: Path | None,
    as_json: bool,
) -> None:
    """Open recovery point N ("last": the last one) in the simulator and run futures from it, one for each seed."""
    from cutpoint_coordinator.commands.printing import print_json, print_line, print_table
    from cutpoint_simulations.replay.future import UNTIL_SECONDS, Question
    from cutpoint_simulations.replay.futures import Verdict, compare_seeds, look, replay_seeds
    from cutpoint_simulations.replay.point import open_point
    from cutpoint_simulations.replay.progress import progress_of
    from cutpoint_simulations.replay.report import COLUMNS, PointSummary, Report, conclusions, heading, rows
    from cutpoint_simulations.trace.diagram import check_diagram, write_diagram

    if draw is not None:
        check_diagram(draw)
    question = Question(app=app, until=UNTIL_SECONDS if until is None else until, interval=interval)
    recorded = open_point(store_url, None if isinstance(point, str) else point)
    if not as_json:
        print_line(heading(recorded))
    with progress_of(seeds) as progress:
        futures = replay_seeds(
            recorded, question, range(seed, seed + seeds), jobs=jobs or os.cpu_count() or 1, progress=progress
        )
    verdict = Verdict.of(futures)
    pair = verdict.pair or ((futures[0].seed, futures[1].seed) if messages and seeds > 1 else None)
    divergence = compare_seeds(recorded, question, *pair) if pair is not None else None
    report = Report(
        point=PointSummary.of(recorded), question=question, futures=futures, verdict=verdict, divergence=divergence
    )
    if as_json:
        print_json(report)
    else:
        print_table("Futures", COLUMNS, rows(futures))
        for line in conclusions(report):
            print_line(line)
    if draw is not None:
        write_diagram(look(recorded, question, verdict.worst or seed).drawn, draw)
    if report.failure:
        raise CutpointError(report.failure)
