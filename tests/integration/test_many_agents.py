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
    for found in (few, many):  # two of a cut, and one of the audit of who has asked, which may come after the cut
        writes = sum(cut.writes for cut in found.cuts)
        assert 2 * len(found.cuts) <= writes <= 3 * len(found.cuts) + 1, found.told()
