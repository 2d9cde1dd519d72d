"""Many real agents on one real coordinator: what a cut costs the registry does not depend on how many there are."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.benchmarks.many_agents.measuring import measured


@pytest.mark.timeout(300)
def test_a_cut_takes_two_registry_writes_of_10_agents_and_of_100(tmp_path: Path) -> None:
    few = measured(tmp_path / "few", 10, 2, idle_seconds=0.1)
    many = measured(tmp_path / "many", 100, 2, idle_seconds=0.1)
    print(few.told(), many.told(), sep="\n")
    assert [cut.writes for cut in (*few.cuts, *many.cuts)] == [2, 2, 2, 2]
    assert many.joining_writes < 100, "whoever comes meanwhile is admitted in one write"
