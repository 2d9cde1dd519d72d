"""Many seeds, one after another or on several cores, and what came of all of them together.

A seed that fails is counted and named, and the others go on. A process of the pool that dies, and an interrupt, end the
series with an error that says how far it had come.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import msgspec

from cutpoint_simulations.cluster.freshness import fresh_application
from cutpoint_simulations.cores import on_cores
from cutpoint_simulations.loop.substitution import SUBSTITUTED
from cutpoint_simulations.loop.watchdog import watched
from cutpoint_simulations.runs.memory import give_back
from cutpoint_simulations.runs.outcome import Outcome
from cutpoint_simulations.runs.run import run
from cutpoint_simulations.runs.scenario import SAFETY_SECONDS, Scenario

CHUNK = 10
"""How many seeds a process of the pool runs before it reports."""

FAILURES_MAX = 50
"""How many failed runs are kept whole; all are counted."""


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be run, as a value that other processes understand: see `Scenario`. ``app``: ``module:factory``."""

    app: str
    seconds: float = SAFETY_SECONDS
    kinds: tuple[str, ...] | None = None
    coordinators: int = 1

    def scenario(self) -> Scenario:
        """The scenario. Raises `ConfigurationError` if the app cannot be found."""
        return Scenario(
            name=self.app,
            declare=fresh_application(self.app),
            seconds=self.seconds,
            kinds=self.kinds,
            coordinators=self.coordinators,
        )


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """What came of several runs. ``failures`` are the first `FAILURES_MAX` that failed, by seed."""

    runs: int = 0
    seconds: float = 0.0
    turns: int = 0
    published: int = 0
    abandoned: int = 0
    recoveries: int = 0
    in_flight: int = 0
    slowest_recovery_seconds: float = 0.0
    faults: dict[str, int] = {}
    failed: int = 0
    failures: tuple[Outcome, ...] = ()

    def with_outcome(self, outcome: Outcome) -> Totals:
        """These and one more."""
        counts = outcome.counts
        failures = (*self.failures, outcome) if outcome.failed else self.failures
        return Totals(
            runs=self.runs + 1,
            seconds=self.seconds + outcome.statistics.seconds,
            turns=self.turns + outcome.statistics.turns,
            published=self.published + counts.published,
            abandoned=self.abandoned + counts.abandoned,
            recoveries=self.recoveries + counts.recoveries,
            in_flight=self.in_flight + counts.in_flight,
            slowest_recovery_seconds=max(self.slowest_recovery_seconds, counts.recovered_after_seconds),
            faults=dict(sorted((Counter(self.faults) + Counter(counts.faults)).items())),
            failed=self.failed + outcome.failed,
            failures=tuple(sorted(failures, key=lambda failure: failure.seed)[:FAILURES_MAX]),
        )

    def __str__(self) -> str:
        return (
            f"{self.runs:,} runs, {self.seconds:,.0f} virtual seconds, {sum(self.faults.values()):,} faults: "
            f"{self.published:,} recovery points published with {self.in_flight:,} messages in flight, "
            f"{self.abandoned:,} cuts abandoned, {self.recoveries:,} recoveries, {self.failed:,} runs failed"
        )


def run_seeds(wanted: Wanted, seeds: Sequence[int]) -> Iterator[Outcome]:
    """Run these seeds one after another, in this process. Raises `CutpointError` if the app cannot be declared."""
    scenario = wanted.scenario()
    with SUBSTITUTED, watched():
        for number, seed in enumerate(seeds, 1):
            yield run(seed, scenario)
            if number % CHUNK == 0:
                give_back()


def run_on_cores(wanted: Wanted, seeds: Sequence[int], *, jobs: int) -> Iterator[Outcome]:
    """The same in ``jobs`` processes at a time; outcomes come as they are done, in no order.

    Raises `CutpointError` if one of the processes dies.
    """
    size = max(1, min(CHUNK, len(seeds) // (2 * jobs)))
    chunks = [seeds[start : start + size] for start in range(0, len(seeds), size)]
    for outcomes in on_cores(_run_chunk, wanted, chunks, jobs=jobs):
        yield from outcomes


def _run_chunk(wanted: Wanted, seeds: Sequence[int]) -> list[Outcome]:
    return list(run_seeds(wanted, seeds))
