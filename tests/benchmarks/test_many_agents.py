"""Cuts of 10, 100 and 1,000 real agents, small state, on one coordinator: how long they take, and what they cost.

The agents live in four processes, each with a connection to the coordinator and a channel to the next in a ring. All
of them share the machine with the coordinator, so what a thousand agents do at once is in the figures: on two
processors the work of the agents, not the coordinator's, sets the duration. Each figure is of fresh processes.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from cutpoint.testing.etcd_server import EtcdServer
from tests.benchmarks.conftest import RecordRatio
from tests.benchmarks.many_agents.measuring import Found, measured

SIZES = {10: 40, 100: 20, 1000: 10}
"""How many cuts are measured of how many agents."""

SECONDS_MAX = 1800


@pytest.mark.timeout(SECONDS_MAX)
def test_the_duration_of_a_cut_grows_slower_than_the_number_of_agents(
    tmp_path: Path, record_ratio: RecordRatio, capsys: pytest.CaptureFixture[str]
) -> None:
    found = {size: measured(tmp_path / str(size), size, cuts) for size, cuts in SIZES.items()}
    with capsys.disabled():
        print()
        for one in found.values():
            print(one.told())
    for size, one in found.items():
        seconds = [cut.seconds for cut in one.cuts]
        record_ratio(f"cut_seconds_p50: {size} agents", one.seconds(0.5), (min(seconds), max(seconds)))
        record_ratio(f"cut_seconds_p95: {size} agents", one.seconds(0.95), (min(seconds), max(seconds)))
        _record_writes(record_ratio, f"registry_writes_per_cut: {size} agents", one)
    record_ratio("scale_growth_ratio", *_growth(found[10], found[1000]))
    peak = found[1000].peak_bytes / 2**20
    record_ratio("coordinator_peak_mebibytes: 1000 agents", peak, (peak, peak))


@pytest.mark.timeout(SECONDS_MAX)
def test_a_cut_takes_as_many_writes_to_etcd_whatever_the_number_of_agents(
    tmp_path: Path, record_ratio: RecordRatio
) -> None:
    with EtcdServer(tmp_path / "etcd") as etcd:
        for size in (10, 100):
            one = measured(tmp_path / str(size), size, 5, registry=etcd.url, computation=f"of-{size}")
            _record_writes(record_ratio, f"registry_writes_per_cut: {size} agents, etcd", one)


def _growth(few: Found, many: Found) -> tuple[float, tuple[float, float]]:
    """By how much the median grows, divided by how much the number of agents does; 1: linear."""
    linear = many.agents / few.agents
    ratios = [cut.seconds / few.seconds(0.5) / linear for cut in many.cuts]
    return many.seconds(0.5) / few.seconds(0.5) / linear, (min(ratios), max(ratios))


def _record_writes(record_ratio: RecordRatio, name: str, one: Found) -> None:
    writes = [float(cut.writes) for cut in one.cuts]
    record_ratio(name, sum(writes) / len(writes), (min(writes), max(writes)))
