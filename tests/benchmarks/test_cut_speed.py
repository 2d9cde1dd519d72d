"""How a cut is felt: by an event loop, by a disk, by a process's memory, and by seven services at full speed.

Every figure is the median of several fresh processes. The state of the first three is one table, from a str to a
dict of a str, an int, a float and a list of two strs (see `accounts`): 100 bytes an entry when it is encoded, 600 in
memory. The event loop's worst hold over a whole cut, from its begin until everything is tidied up behind it, is
divided by the time for which ``pickle.dumps`` of the same dict, protocol 5, holds the same process. What other
processes do to the figures on a machine that is not idle is kept away as far as that can be done: the measured
process goes before all others where that is allowed, and the time in which it was ready to run and did not is not
counted; how is told in `cut_speed.stall_meter`.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.benchmarks.conftest import RecordAbsence, RecordRatio

MILLION = 1_000_000
RUNS_SECONDS = 1800
"""All runs of one test."""


def measured(root: Path, program: str, *arguments: object, seconds: float) -> dict[str, Any]:
    """What one fresh process found out. It is killed if it takes longer than ``seconds``."""
    command = [sys.executable, "-m", f"tests.benchmarks.cut_speed.{program}", *map(str, arguments)]
    ran = subprocess.run(command, cwd=root, stdout=subprocess.PIPE, check=True, timeout=seconds)
    found: dict[str, Any] = json.loads(ran.stdout)
    return found


def record(record_ratio: RecordRatio, name: str, found: list[float]) -> None:
    record_ratio(name, statistics.median(found), (min(found), max(found)))


@pytest.mark.timeout(RUNS_SECONDS)
@pytest.mark.parametrize(("millions", "runs"), [(1, 5), (5, 3)])
def test_the_event_loops_worst_hold_during_a_cut_against_stopping_the_world(
    millions: int, runs: int, pytestconfig: pytest.Config, record_ratio: RecordRatio, record_absence: RecordAbsence
) -> None:
    name = f"stall_ratio_{millions}m"
    stopped, full, delta, by_hand, full_seconds, delta_seconds = [], [], [], [], [], []
    for _ in range(runs):
        found = measured(pytestconfig.rootpath, "service", "stall", millions * MILLION, seconds=120 * millions)
        worst = statistics.median(cut["stall_seconds"] for cut in found["deltas"])
        stopped.append(found["pickle_seconds"])
        full_seconds.append(found["full"]["stall_seconds"])
        delta_seconds.append(worst)
        full.append(found["full"]["stall_seconds"] / found["pickle_seconds"])
        delta.append(worst / found["pickle_seconds"])
        by_hand.append(found["by_hand"]["stall_seconds"] / found["pickle_seconds"])
        if not (found["urgent"] and found["knows_others"]):
            record_absence(f"{name}: without others", "the system refuses that; what others did is in the figures")
    record(record_ratio, name, full)
    record(record_ratio, f"{name}: 1 % changed", delta)
    record(record_ratio, f"{name}: no cut, the entries encoded by hand", by_hand)
    record(record_ratio, f"{name}: the cut, in seconds", full_seconds)
    record(record_ratio, f"{name}: the cut with 1 % changed, in seconds", delta_seconds)
    record(record_ratio, f"{name}: pickle.dumps, in seconds", stopped)


@pytest.mark.timeout(RUNS_SECONDS)
def test_a_cut_after_one_percent_changed_against_a_full_one(
    pytestconfig: pytest.Config, record_ratio: RecordRatio
) -> None:
    bytes_, seconds = [], []
    for _ in range(3):
        found = measured(pytestconfig.rootpath, "service", "cost", MILLION, seconds=120)
        full, deltas = found["full"], found["deltas"]
        bytes_.append(statistics.median(cut["fresh_bytes"] for cut in deltas) / full["fresh_bytes"])
        seconds.append(statistics.median(cut["seconds"] for cut in deltas) / full["seconds"])
    record(record_ratio, "delta_bytes_ratio", bytes_)
    record(record_ratio, "delta_seconds_ratio", seconds)


@pytest.mark.timeout(RUNS_SECONDS)
def test_the_memory_of_a_process_during_a_full_cut_against_its_state(
    pytestconfig: pytest.Config, record_ratio: RecordRatio
) -> None:
    found = [measured(pytestconfig.rootpath, "service", "memory", MILLION, seconds=120) for _ in range(3)]
    ratios = [(run["peak"] - run["before"]) / (run["built"] - run["before"]) for run in found]
    record(record_ratio, "memory_ratio", ratios)


@pytest.mark.timeout(RUNS_SECONDS)
def test_the_demos_throughput_with_a_cut_every_second_against_none(
    pytestconfig: pytest.Config, record_ratio: RecordRatio
) -> None:
    by_clock, by_processor = [], []
    for _ in range(5):
        found = measured(pytestconfig.rootpath, "flights", 4, seconds=300)
        with_cuts, without = (zip(*found[name], strict=True) for name in ("with", "without"))
        clock, processor = (sum(some) / sum(others) for some, others in zip(with_cuts, without, strict=True))
        by_clock.append(clock)
        by_processor.append(processor)
    record(record_ratio, "throughput_ratio", by_clock)
    record(record_ratio, "throughput_ratio: of processor time", by_processor)
