"""Many seeds, in this process and in several."""

from __future__ import annotations

import multiprocessing
import os
import signal

import pytest

from cutpoint.errors import ConfigurationError, CutpointError
from cutpoint_simulations.runs.outcome import Outcome
from cutpoint_simulations.runs.report import tell_totals
from cutpoint_simulations.runs.series import Totals, Wanted, run_on_cores, run_seeds

SERVICES = "tests.simulations.runs.services"


def wanted(name: str) -> Wanted:
    return Wanted(app=f"{SERVICES}:{name}", seconds=1.0)


def totals_of(outcomes: list[Outcome]) -> Totals:
    totals = Totals()
    for outcome in outcomes:
        totals = totals.with_outcome(outcome)
    return totals


def test_several_cores_find_what_one_finds() -> None:
    alone = list(run_seeds(wanted("careless"), range(6)))
    together = sorted(run_on_cores(wanted("careless"), range(6), jobs=2), key=lambda outcome: outcome.seed)
    assert together == alone
    assert totals_of(together) == totals_of(alone)


def test_totals_count_every_run_and_name_the_failed_ones() -> None:
    outcomes = list(run_seeds(wanted("careless"), range(6)))
    totals = totals_of(outcomes)
    failed = [outcome.seed for outcome in outcomes if outcome.failed]
    assert failed
    assert (totals.runs, totals.failed) == (6, len(failed))
    assert totals.published == sum(outcome.counts.published for outcome in outcomes)
    assert [failure.seed for failure in totals.failures] == failed
    told = tell_totals(totals)
    assert all(f"seed {seed}: invariant: " in told for seed in failed)
    assert told.endswith(f"{len(failed)} runs failed")


@pytest.mark.parametrize("jobs", [1, 2])
def test_services_that_cannot_be_found_are_told(jobs: int) -> None:
    with pytest.raises(ConfigurationError, match="there is no nobody in"):
        list(
            run_seeds(wanted("nobody"), range(2)) if jobs == 1 else run_on_cores(wanted("nobody"), range(2), jobs=jobs)
        )


def test_a_process_of_the_series_that_is_killed_is_told() -> None:
    runs = run_on_cores(wanted("careful"), range(60), jobs=2)
    next(runs)
    child = multiprocessing.active_children()[0]
    assert child.pid is not None
    os.kill(child.pid, signal.SIGKILL)
    with pytest.raises(CutpointError, match="was killed when"):
        list(runs)
