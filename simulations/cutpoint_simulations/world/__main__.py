"""``python -m cutpoint_simulations.world --seeds 100000 --processes 10``: random schedules, judged by the oracle.

Progress goes to stderr, one line with the totals to stdout. The exit status is 1 if any schedule failed; a line
for each of the first of them gives its seed, and the first of all is shrunk to its shortest history and told.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence

from cutpoint_simulations.world import verdict
from cutpoint_simulations.world.schedule import PROCESSES_MAX, Schedule, numbered
from cutpoint_simulations.world.series import Totals, run_in_parallel
from cutpoint_simulations.world.shrinking import shrink
from cutpoint_simulations.world.telling import report

PROGRESS_SECONDS = 5.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the command line says; returns the exit status."""
    options = _parser().parse_args(arguments)
    steps = options.steps or (400 if options.processes <= PROCESSES_MAX else 80 * options.processes)
    seeds = range(options.first, options.first + options.seeds)
    started = shown = time.monotonic()
    totals = Totals()
    chunks = run_in_parallel(seeds, processes=options.processes, steps=steps, jobs=options.jobs, storm=options.storm)
    for chunk in chunks:
        totals += chunk
        if time.monotonic() - shown >= PROGRESS_SECONDS:
            shown = time.monotonic()
            print(f"{totals.schedules} of {len(seeds)} after {shown - started:.0f} s: {totals}", file=sys.stderr)
    for seed, reason in totals.failures:
        print(f"seed {seed}: {reason}", file=sys.stderr)
    if totals.failures:
        seed, _ = min(totals.failures)
        schedule = numbered(seed, processes=options.processes, steps=steps, storm=options.storm)
        print(f"seed {seed}: {explained(schedule)}", file=sys.stderr)
    print(f"{totals} ({time.monotonic() - started:.0f} s)")
    return 1 if totals.failed else 0


def explained(schedule: Schedule) -> str:
    """The shortest history in which a schedule that fails does so, in words."""
    verdict.of(schedule.run)
    return report(shrink(schedule.history()))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m cutpoint_simulations.world", description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=_positive, default=1000, help="how many schedules to run (default 1000)")
    parser.add_argument("--first", type=int, default=0, help="the seed of the first (default 0)")
    parser.add_argument(
        "--processes", type=_several, default=10, help="2 to 10: up to so many in each; more: exactly so many"
    )
    parser.add_argument("--storm", action="store_true", help="everything fails that can, not only the usual")
    parser.add_argument("--steps", type=_positive, help="steps in which something may fail (default 400, or 80 each)")
    parser.add_argument("--jobs", type=_positive, default=1, help="how many cores to use (default 1)")
    return parser


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{value} is not positive")
    return value


def _several(text: str) -> int:
    value = int(text)
    if value < 2:
        raise argparse.ArgumentTypeError("it takes two processes to have a channel")
    return value


if __name__ == "__main__":
    sys.exit(main())
