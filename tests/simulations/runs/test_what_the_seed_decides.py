"""What a seed alone does not decide is fixed by the command, kept apart for each run, or told."""

from __future__ import annotations

import functools
import json
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from cutpoint.command import main
from cutpoint.errors import ConfigurationError
from cutpoint_simulations.cluster.freshness import fresh_application
from cutpoint_simulations.loop import Simulation, watchdog
from cutpoint_simulations.loop.watchdog import watched
from cutpoint_simulations.refusal import NotSimulated
from cutpoint_simulations.runs import series
from tests.docs.documented import ROOT

CHANCY = "tests.simulations.runs.chancy"
SHORT = ("--until", "0.5", "--no-faults")

no_other_alarm = pytest.mark.timeout(100, method="thread")
"""The test runner's own watch does without the signal meanwhile."""


def hashes(printed: str) -> list[str]:
    return [json.loads(line)["hash"] for line in printed.splitlines()]


def elsewhere(hash_seed: str, *arguments: str) -> list[str]:
    """The hashes that a process of its own prints."""
    done = subprocess.run(
        [sys.executable, "-m", "cutpoint", "simulate", *SHORT, "--json", *arguments],
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=100,
    )
    return hashes(done.stdout)


def test_the_command_fixes_the_order_of_sets_of_strings() -> None:
    arguments = ("--app", f"{CHANCY}:words", "--seeds", "2")
    first = elsewhere("1", *arguments)
    assert len(set(first)) == 2
    assert elsewhere("random", *arguments) == first
    assert sorted(elsewhere("2", *arguments, "--jobs", "2")) == sorted(first)


def test_a_program_that_calls_the_command_is_not_started_again(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", *SHORT, "--json"]) == 0
    assert len(hashes(capsys.readouterr().out)) == 1


def test_what_a_module_keeps_is_not_there_in_the_next_run(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["simulate", "--app", f"{CHANCY}:counting", *SHORT, "--json"]
    assert main([*arguments, "--seeds", "3"]) == 0
    together = hashes(capsys.readouterr().out)
    assert main([*arguments, "--seed", "2"]) == 0
    assert hashes(capsys.readouterr().out) == together[2:]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The current folder, whose modules are forgotten at the end."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    known = set(sys.modules)
    yield tmp_path
    for name in [name for name in sys.modules if name not in known]:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


def seen_by(text: str) -> list[int]:
    """What the factory puts into a list that stands for a cluster, in three runs."""
    declare, found = fresh_application(text), list[int]()
    for _ in range(3):
        seen: list[int] = []
        declare(seen)  # type: ignore[arg-type]
        found.append(seen[0])
    return found


def test_the_modules_that_an_application_imports_are_new_too(folder: Path) -> None:
    (folder / "fresh_state.py").write_text("import itertools\nNUMBERS = itertools.count()\n")
    (folder / "fresh_shop.py").write_text(
        "def declare(cluster):\n    import fresh_state\n    cluster.append(next(fresh_state.NUMBERS))\n"
    )
    assert seen_by("fresh_shop:declare") == [0, 0, 0]


def test_modules_that_cannot_be_imported_twice_are_kept_and_that_is_told(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (folder / "once_shop.py").write_text(
        "import itertools, sys\n"
        "import once_state\n"
        "if hasattr(sys, 'once_registry'):\n    raise ValueError('registered twice')\n"
        "sys.once_registry = True\n"
        "def declare(cluster):\n    cluster.append(next(once_state.NUMBERS))\n"
    )
    (folder / "once_state.py").write_text("import itertools\nNUMBERS = itertools.count()\n")
    try:
        with caplog.at_level(logging.WARNING):
            assert seen_by("once_shop:declare") == [0, 1, 2]
    finally:
        vars(sys).pop("once_registry", None)
    (record,) = caplog.records
    assert "cannot be imported a second time (registered twice)" in record.getMessage()


def test_an_application_that_cannot_be_imported_is_told_at_once(folder: Path) -> None:
    (folder / "broken_shop.py").write_text("1 / 0\n")
    with pytest.raises(ConfigurationError, match="the import of broken_shop failed"):
        fresh_application("broken_shop:declare")


def test_a_program_that_is_not_deterministic_is_told_of(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", "--app", f"{CHANCY}:real_chance", "--until", "1"]) == 1
    printed = capsys.readouterr().out
    assert (
        "This program is not deterministic: seed 0 was run again, and this time invariant: cut 1: always: it is "
        in printed
    )
    assert "fails with" not in printed


@no_other_alarm
def test_a_host_that_waits_for_ever_is_found_with_its_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    soon = functools.partial(watched, 0.5)
    monkeypatch.setattr(series, "watched", soon)
    monkeypatch.setattr(watchdog, "watched", soon)
    assert main(["simulate", "--app", f"{CHANCY}:selfish", *SHORT]) == 1
    printed = capsys.readouterr().out
    assert "shop holds the event loop for 0.5 s of real time, at " in printed
    assert "chancy.py:" in printed
    assert "rerun" not in printed
    assert signal.getsignal(signal.SIGALRM) is signal.SIG_DFL


@no_other_alarm
def test_a_loop_that_never_awaits_is_found() -> None:
    async def spin() -> None:
        while True:
            pass

    with Simulation(1) as simulation, watched(0.3):
        simulation.host("busy", spin).start()
        with pytest.raises(
            NotSimulated, match=r"^busy holds the event loop for 0\.3 s of real time, at .* in .*spin; "
        ):
            simulation.run(until=1.0)


@no_other_alarm
def test_who_has_an_alarm_of_their_own_keeps_it() -> None:
    def ring(number: int, frame: object) -> None:
        """Never."""

    signal.signal(signal.SIGALRM, ring)
    try:
        with watched(0.1):
            assert signal.getsignal(signal.SIGALRM) is ring
            assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
        assert signal.getsignal(signal.SIGALRM) is ring
    finally:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)


@no_other_alarm
def test_nobody_watches_beside_the_main_thread() -> None:
    def look() -> None:
        with watched():
            found.append(signal.getitimer(signal.ITIMER_REAL))

    found: list[tuple[float, float]] = []
    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert found == [(0.0, 0.0)]
