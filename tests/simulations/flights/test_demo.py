"""`cutpoint demo` as a user runs it, on a part of January and on a month of our own making."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from cutpoint_simulations.flights.reading import JANUARY
from tests.simulations.flights.flight_files import invented, january, write_flights

COMMAND = (sys.executable, "-m", "cutpoint", "demo")


def demo(folder: Path, *arguments: str) -> tuple[int, str, dict[str, Any]]:
    """Exit status, what was said on stderr, and the report."""
    report = folder / "report.json"
    ended = subprocess.run(
        [*COMMAND, *arguments, "--report", str(report)], capture_output=True, text=True, cwd=folder, timeout=100
    )
    kept = json.loads(report.read_text(encoding="utf-8")) if report.exists() else {}
    return ended.returncode, ended.stderr + (ended.stdout if ended.returncode else ""), kept


def test_a_month_of_our_own_is_exact_though_services_are_killed(tmp_path: Path) -> None:
    flights = write_flights(tmp_path / "february.csv", invented(4000))
    status, said, report = demo(
        tmp_path,
        *("--flights", "february.csv", "--landings", "200", "--kill", "origin@2", "--kill", "destination@4"),
        *("--seed", "5", "--svg", "picture.svg"),
    )
    assert (status, said) == (0, "")
    assert flights.exists()
    assert (report["flights"], report["exact"], report["lost"], report["doubled"]) == (4000, True, 0, 0)
    assert [row["killed"] in ("BOS", "EWR") for row in report["recoveries"]] == [True, False]
    assert all(row["cut"] >= 2 for row in report["recoveries"])
    assert sum(report["departed"].values()) == sum(report["arrived"].values()) == 4000
    assert any(row["in_flight"] for row in report["recovery_points"])
    assert (tmp_path / "picture.svg").read_text(encoding="utf-8").startswith("<svg")


def test_without_cuts_the_same_kills_lose_and_double(tmp_path: Path) -> None:
    write_flights(tmp_path / "some.csv", january(4000))
    status, said, report = demo(
        tmp_path,
        *("--flights", "some.csv", "--landings", "250", "--uncoordinated", "--kill", "origin@2"),
        *("--kill", "destination@3", "--kill", "coordinator@3", "--kill", "etcd@3"),
    )
    assert (status, said) == (0, "")
    assert report["exact"] is False
    assert report["lost"] + report["doubled"] > 0
    assert [row["cut"] for row in report["recoveries"]] == [None, None]
    assert (report["recovery_points"], report["abandoned"]) == ([], [])


def test_a_kill_that_is_never_reached_fails_the_demo(tmp_path: Path) -> None:
    write_flights(tmp_path / "few.csv", january(200))
    status, said, report = demo(
        tmp_path, "--flights", "few.csv", "--uncoordinated", "--kill", "origin@900", "--directory", "kept"
    )
    assert status == 1
    assert "cutpoint: error: origin@900 was never reached: the 200 flights were over" in said
    assert report["exact"] is True
    assert (tmp_path / "kept" / "logs" / "JFK.log").exists()


@pytest.mark.parametrize(
    ("arguments", "status", "complaint"),
    [
        (("--flights", "nowhere.csv"), 1, "nowhere.csv is no file of flights: it cannot be read"),
        (("--kill", "pilot@2"), 1, "--kill 'pilot@2' is not KIND@K; nothing was started"),
        (("--landings", "0"), 2, "Invalid value for '--landings'"),
        (("--directory", "."), 1, "--directory . is not empty; nothing was started"),
        (("--svg", "nowhere/cut.svg"), 1, "--svg nowhere/cut.svg cannot be written"),
        (("--nonsense",), 2, "No such option '--nonsense'"),
    ],
)
def test_bad_input_is_one_line_and_starts_nothing(
    arguments: tuple[str, ...], status: int, complaint: str, tmp_path: Path
) -> None:
    (tmp_path / "something").touch()
    ended = subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, cwd=tmp_path)
    assert (ended.returncode, ended.stdout) == (status, "")
    assert ended.stderr.startswith(f"cutpoint: error: {complaint}")
    assert ended.stderr.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["something"]


@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_demo_leaves_no_process_behind(signal_number: signal.Signals, tmp_path: Path) -> None:
    running = subprocess.Popen(
        [*COMMAND, "--uncoordinated", "--directory", "work", "--flights", str(JANUARY)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=tmp_path,
    )
    assert running.stdout is not None
    for line in running.stdout:
        if "departed" in line:
            break
    children = children_of(running.pid)
    running.send_signal(signal_number)
    said, _ = running.communicate(timeout=20)
    assert running.returncode == 130
    assert said.endswith("cutpoint: error: interrupted\n")
    assert len(children) == 7
    assert [pid for pid in children if Path(f"/proc/{pid}").exists()] == []


def children_of(pid: int) -> list[int]:
    """The processes that ``pid`` has started."""
    deadline = time.monotonic() + 10
    while True:
        listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True).stdout
        found = [int(line) for line in listed.split()]
        if len(found) >= 7 or time.monotonic() > deadline:
            return found
        time.sleep(0.02)
