"""The same seed gives the same run, to the byte; another seed gives another."""

from __future__ import annotations

import logging
import random
import subprocess
import sys
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from cutpoint_simulations.loop import Simulation
from tests.simulations.loop.story import SECONDS, tell


@pytest.fixture(scope="module")
def digest() -> str:
    """That of the story with seed 1."""
    simulation = tell(1)
    statistics = simulation.statistics()
    assert statistics.arrivals > 500
    assert statistics.lives == 8
    assert statistics.seconds == SECONDS
    return simulation.digest


def test_twice_in_one_process_is_the_same(digest: str) -> None:
    assert tell(1).digest == digest


@pytest.mark.parametrize("seed", [2, 3])
def test_another_seed_is_another_run(digest: str, seed: int) -> None:
    other = tell(seed).digest
    assert other != digest
    assert other == tell(seed).digest


def test_fresh_processes_with_other_hash_seeds_and_with_logging_are_the_same(digest: str, root: Path) -> None:
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.simulations.loop.story", "1", *("debug" for _ in range(number % 2))],
            cwd=root,
            env={"PYTHONHASHSEED": str(hash_seed), "PYTHONPATH": ":".join(sys.path), "TZ": "Asia/Tokyo"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number, hash_seed in enumerate((0, 1, 2, 4_000_000_000, "random"))
    ]
    outcomes = [process.communicate(timeout=100) for process in started]
    assert [out.strip() for out, _ in outcomes] == [digest] * 5, outcomes[0][1]
    assert "DEBUG:story:answered" in outcomes[1][1]
    assert outcomes[0][1] == ""


def _another_simulation() -> None:
    tell(77)


def _outer_chance() -> None:
    random.seed(5)
    random.random()
    uuid.uuid1()
    uuid.uuid4()


@pytest.mark.parametrize("between", [_another_simulation, _outer_chance], ids=["simulation", "chance"])
def test_what_happens_outside_in_the_middle_of_a_run_changes_nothing(digest: str, between: Callable[[], None]) -> None:
    assert tell(1, between=between).digest == digest


async def test_inside_of_a_running_event_loop_is_the_same(digest: str) -> None:
    assert tell(1).digest == digest


def test_with_debug_logging_it_is_the_same(digest: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        assert tell(1).digest == digest
    assert len(caplog.records) > 100


def test_in_steps_and_with_a_predicate_it_is_the_same() -> None:
    def told(in_steps: bool) -> str:
        from tests.simulations.loop.story import _ask, _serve

        with Simulation(5) as simulation:
            simulation.host("one", _serve).start()
            simulation.host("client", lambda: _ask("one")).start()
            if in_steps:
                for number in range(200):
                    simulation.run(until=number / 100, stop=lambda: simulation.agenda.now > 1.5)
            simulation.run(until=2.0)
            return simulation.digest

    assert told(True) == told(False)
