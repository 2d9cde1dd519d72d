"""Benchmarks measure ratios, side by side in one run, and write them to build/benchmarks.json.

They are no part of the ordinary test run (`norecursedirs`), and no verdict hangs on a clock: a benchmark records
what it found, and whoever reads the file judges it.
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

RATIOS = pytest.StashKey[list[dict[str, Any]]]()
RecordRatio = Callable[[str, float, tuple[float, float]], None]
RecordAbsence = Callable[[str, str], None]


def pytest_configure(config: pytest.Config) -> None:
    config.stash[RATIOS] = []


@pytest.fixture
def record_ratio(request: pytest.FixtureRequest) -> RecordRatio:
    """Record ``value``, the median of several rounds, and ``spread``, their lowest and highest."""

    def record(name: str, value: float, spread: tuple[float, float]) -> None:
        request.config.stash[RATIOS].append({"name": name, "value": value, "spread": list(spread)})

    return record


@pytest.fixture
def record_absence(request: pytest.FixtureRequest) -> RecordAbsence:
    """Record that a figure could not be measured here, and why."""

    def record(name: str, reason: str) -> None:
        request.config.stash[RATIOS].append({"name": name, "value": None, "not_measured": reason})

    return record


def pytest_sessionfinish(session: pytest.Session) -> None:
    if not (ratios := session.config.stash[RATIOS]):
        return
    target = Path(session.config.rootpath, "build", "benchmarks.json")
    target.parent.mkdir(exist_ok=True)
    machine = {"python": platform.python_version(), "machine": platform.machine(), "processors": os.cpu_count()}
    target.write_text(json.dumps({"on": machine, "ratios": ratios}, indent=2) + "\n", encoding="utf-8")


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    for ratio in config.stash[RATIOS]:
        if ratio["value"] is None:
            terminalreporter.write_line(f"{ratio['name']}: NOT MEASURED: {ratio['not_measured']}", red=True, bold=True)
            continue
        low, high = ratio["spread"]
        terminalreporter.write_line(f"{ratio['name']}: {ratio['value']:.3g} ({low:.3g} to {high:.3g})")
