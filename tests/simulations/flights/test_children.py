from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cutpoint.errors import CutpointError
from cutpoint_simulations.flights.children import DEATHS_MAX, Child, Nursery, PythonChild

SLEEPS = ("-c", "import time; print('up', flush=True); time.sleep(60)")
DEAF = (
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)",
)


PARENT = """
import time
from pathlib import Path
from cutpoint_simulations.flights.children import PythonChild
child = PythonChild(name="JFK", kind="origin", arguments={arguments!r}, log=Path({log!r}))
child.start()
print(child.pid, flush=True)
time.sleep(60)
"""


def child(log: Path, program: tuple[str, ...], name: str = "JFK") -> PythonChild:
    return PythonChild(name=name, kind="origin", arguments=program, log=log)


def wait_lines(log: Path, count: int) -> None:
    deadline = time.monotonic() + 10
    while (log.read_text().count("\n") if log.exists() else 0) < count:
        assert time.monotonic() < deadline, "the child did not start"
        time.sleep(0.01)


def test_a_child_that_ends_is_started_again_and_told_of_once(tmp_path: Path) -> None:
    told: list[Child] = []
    nursery = Nursery(told.append)
    one = child(tmp_path / "log", ("-c", "print('up', flush=True); raise SystemExit(75)"))
    nursery.add(one)
    try:
        while one.alive():
            time.sleep(0.01)
        nursery.tend()
        wait_lines(tmp_path / "log", 2)
    finally:
        nursery.stop()
    assert told == [one]


def test_a_killed_child_comes_back_and_its_death_is_not_held_against_it(tmp_path: Path) -> None:
    told: list[Child] = []
    nursery = Nursery(told.append)
    one = child(tmp_path / "log", SLEEPS)
    nursery.add(one)
    try:
        wait_lines(tmp_path / "log", 1)
        nursery.kill(one)
        nursery.tend()
        wait_lines(tmp_path / "log", 2)
        assert (one.alive(), told) == (True, [])
    finally:
        nursery.stop()
    assert not one.alive()


def test_a_child_that_ends_again_and_again_is_given_up_with_its_last_words(tmp_path: Path) -> None:
    nursery = Nursery(lambda _: None)
    nursery.add(child(tmp_path / "log", ("-c", "raise SystemExit('the port is in use')")))
    with pytest.raises(CutpointError, match=rf"JFK ended {DEATHS_MAX + 1} times .* its log says: the port is in use"):
        tend_for_ever(nursery)


def tend_for_ever(nursery: Nursery) -> None:
    while True:
        nursery.tend()
        time.sleep(0.01)


def test_what_does_not_end_when_asked_is_killed(tmp_path: Path) -> None:
    nursery = Nursery(lambda _: None)
    polite, deaf = child(tmp_path / "a", SLEEPS), child(tmp_path / "b", DEAF)
    for one in (polite, deaf):
        nursery.add(one)
    wait_lines(tmp_path / "a", 1)
    wait_lines(tmp_path / "b", 1)
    nursery.stop(grace_seconds=0.2)
    assert (polite.alive(), deaf.alive()) == (False, False)


if sys.platform.startswith("linux"):  # elsewhere the kernel has no such service

    def test_children_die_with_the_demo(tmp_path: Path) -> None:
        program = PARENT.format(arguments=SLEEPS, log=str(tmp_path / "log"))
        demo = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
        assert demo.stdout is not None
        pid = int(demo.stdout.readline())
        wait_lines(tmp_path / "log", 1)
        demo.kill()
        demo.wait()
        demo.stdout.close()
        deadline = time.monotonic() + 5
        while True:
            try:
                os.kill(pid, 0)
            except ProcessLookupError:
                break
            assert time.monotonic() < deadline, "the child outlives the demo"
            time.sleep(0.01)
