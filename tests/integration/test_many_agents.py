"""Many real agents on one real coordinator: what a cut costs the registry does not depend on how many there are."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.benchmarks.many_agents.measuring import measured


@pytest.mark.timeout(300)
def test_a_cut_takes_as_many_registry_writes_of_10_agents_as_of_100(tmp_path: Path) -> None:
    few = measured(tmp_path / "few", 10, 2, idle_seconds=0.1)
    many = measured(tmp_path / "many", 100, 2, idle_seconds=0.1)
    print(few.told(), many.told(), sep="\n")
    assert all(2 <= cut.writes <= 3 for cut in (*few.cuts, *many.cuts)), "two, and one of the audit of who has asked"
    assert many.joining_writes < 100, "whoever comes meanwhile is admitted in one write"
