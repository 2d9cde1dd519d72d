"""Many numbered schedules, on as many cores as are given, and what came of all of them together.

A schedule that fails is counted and named by its seed, and the others go on.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed

from cutpoint_simulations.world.schedule import numbered

CHUNK = 50
"""How many schedules a process of the pool runs before it reports."""

FAILURES_MAX = 20
"""How many failed seeds are kept with their reason; all are counted."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Totals:
    """What came of several schedules. Every published cut was judged; ``failures`` are seeds with the reason."""

    schedules: int = 0
    steps: int = 0
    published: int = 0
    abandoned: int = 0
    recoveries: int = 0
    in_flight: int = 0
    failed: int = 0
    failures: tuple[tuple[int, str], ...] = ()

    def __add__(self, other: Totals) -> Totals:
        added = {
            field.name: getattr(self, field.name) + getattr(other, field.name) for field in dataclasses.fields(self)
        }
        return Totals(**{**added, "failures": added["failures"][:FAILURES_MAX]})

    def __str__(self) -> str:
        return (
            f"{self.schedules} schedules, {self.steps} steps: {self.published} cuts published with a valid certificate "
            f"and {self.in_flight} messages in flight, {self.abandoned} cuts abandoned, {self.recoveries} recoveries, "
            f"{self.failed} schedules failed"
        )


def run(seeds: Iterable[int], *, processes: int, steps: int, storm: bool = False) -> Totals:
    """Run the schedules with these numbers one after another."""
    totals = Totals()
    for seed in seeds:
        totals += _run_one(seed, processes=processes, steps=steps, storm=storm)
    return totals


def run_in_parallel(seeds: range, *, processes: int, steps: int, jobs: int, storm: bool = False) -> Iterator[Totals]:
    """Run the schedules in ``jobs`` operating-system processes; yields the totals of each chunk as it is done."""
    size = max(1, min(CHUNK, len(seeds) // (4 * jobs)))
    chunks = [seeds[start : start + size] for start in range(0, len(seeds), size)]
    if jobs == 1:
        yield from (run(chunk, processes=processes, steps=steps, storm=storm) for chunk in chunks)
        return
    with ProcessPoolExecutor(jobs) as pool:
        futures = [pool.submit(run, chunk, processes=processes, steps=steps, storm=storm) for chunk in chunks]
        for future in as_completed(futures):
            yield future.result()


def _run_one(seed: int, *, processes: int, steps: int, storm: bool) -> Totals:
    try:
        outcome = numbered(seed, processes=processes, steps=steps, storm=storm).run()
    except Exception as failure:  # whatever it is, it is the finding of this seed
        reason = f"{type(failure).__name__}: {failure}"
        return Totals(schedules=1, failed=1, failures=((seed, reason),))
    return Totals(
        schedules=1,
        steps=outcome.steps,
        published=outcome.published,
        abandoned=outcome.abandoned,
        recoveries=outcome.recoveries,
        in_flight=outcome.in_flight,
    )
