"""Whole runs of the bank with everything that may go wrong, real agents and a real coordinator: none is wrong."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest

from cutpoint_simulations.cores import on_cores
from cutpoint_simulations.runs import BANK, Outcome, run

SEEDS = range(20_000, 20_300)
"""Not those of the long runs told of in the documentation."""

SECONDS = 2.0
CHUNK = 25


def _wrong(seconds: float, seeds: range) -> tuple[list[str], int]:
    scenario = dataclasses.replace(BANK, seconds=seconds)
    outcomes: list[Outcome] = [run(seed, scenario) for seed in seeds]
    return [outcome.line() for outcome in outcomes if outcome.failed], sum(each.counts.published for each in outcomes)


@pytest.mark.timeout(900)
def test_three_hundred_seeds_with_all_faults(record_testsuite_property: Callable[[str, object], None]) -> None:
    chunks = [SEEDS[start : start + CHUNK] for start in range(0, len(SEEDS), CHUNK)]
    wrong, published = [], 0
    for complaints, points in on_cores(_wrong, SECONDS, chunks, jobs=2):
        wrong += complaints
        published += points
    record_testsuite_property("recovery points of three hundred seeds", published)
    assert wrong == []
    assert published > len(SEEDS)
