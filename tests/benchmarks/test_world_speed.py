"""How many steps a world takes in a second of one core, every one judged by the oracle."""

from __future__ import annotations

import statistics
import time

from cutpoint_simulations.world.series import run
from tests.benchmarks.conftest import RecordRatio

ROUNDS = 5
SCHEDULES = 60


def test_steps_per_second_of_schedules_with_the_usual_faults(record_ratio: RecordRatio) -> None:
    record(record_ratio, "world_steps_per_second", storm=False)


def test_steps_per_second_of_storms(record_ratio: RecordRatio) -> None:
    record(record_ratio, "world_storm_steps_per_second", storm=True)


def record(record_ratio: RecordRatio, name: str, *, storm: bool) -> None:
    """The same schedules in every round; what differs is the machine. Time is that of the processor."""
    found = []
    for _ in range(ROUNDS):
        started = time.process_time()
        totals = run(range(SCHEDULES), processes=10, steps=250, storm=storm)
        found.append(totals.steps / (time.process_time() - started))
        assert totals.failures == ()
    record_ratio(name, statistics.median(found), (min(found), max(found)))
