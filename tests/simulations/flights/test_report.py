from __future__ import annotations

import json
from pathlib import Path

import pytest

from cutpoint.errors import ConfigurationError
from cutpoint_simulations.flights.report import (
    AbandonedRow,
    PointRow,
    RecoveryRow,
    Report,
    write_report,
)
from cutpoint_simulations.flights.stage import use_directory


def test_the_report_has_exactly_the_keys_that_are_promised(tmp_path: Path) -> None:
    report = Report(
        flights=1,
        exact=True,
        lost=0,
        doubled=0,
        departed={"JFK-BOS": 1},
        arrived={"JFK-BOS": 1},
        confirmed={"JFK-BOS": 1},
        miles={"N1": 187},
        recovery_points=(PointRow(cut=1, in_flight=2, duration_seconds=0.03, stall_seconds=0.001),),
        abandoned=(AbandonedRow(cut=2, reason="JFK was lost"),),
        recoveries=(RecoveryRow(killed="JFK", cut=1, seconds=0.8),),
        wall_seconds=20.0,
    )
    write_report(tmp_path / "r.json", report)
    assert json.loads((tmp_path / "r.json").read_text(encoding="utf-8")) == {
        "flights": 1,
        "exact": True,
        "lost": 0,
        "doubled": 0,
        "departed": {"JFK-BOS": 1},
        "arrived": {"JFK-BOS": 1},
        "confirmed": {"JFK-BOS": 1},
        "miles": {"N1": 187},
        "recovery_points": [{"cut": 1, "in_flight": 2, "duration_seconds": 0.03, "stall_seconds": 0.001}],
        "abandoned": [{"cut": 2, "reason": "JFK was lost"}],
        "recoveries": [{"killed": "JFK", "cut": 1, "seconds": 0.8}],
        "wall_seconds": 20.0,
    }
    assert [path.name for path in tmp_path.iterdir()] == ["r.json"]


def test_a_directory_with_something_in_it_is_not_used_again(tmp_path: Path) -> None:
    assert use_directory(tmp_path / "a" / "b") == tmp_path / "a" / "b"
    (tmp_path / "a" / "b" / "etcd").mkdir()
    with pytest.raises(ConfigurationError, match="is not empty; nothing was started"):
        use_directory(tmp_path / "a" / "b")
    with pytest.raises(ConfigurationError, match="cannot be used"):
        use_directory(Path("/proc/demo"))
