from __future__ import annotations

import os
import signal

import pytest

from cutpoint.errors import CutpointError
from cutpoint_simulations.cores import on_cores
from cutpoint_simulations.loop import Simulation


def multiply(factor: int, item: int) -> int:
    return factor * item


def refuse(_: int, item: int) -> int:
    raise CutpointError(f"not {item}")


def die(_: int, item: int) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return item


def test_every_piece_is_done_once() -> None:
    assert sorted(on_cores(multiply, 3, range(5), jobs=2)) == [0, 3, 6, 9, 12]


def test_what_a_piece_raises_ends_the_work() -> None:
    with pytest.raises(CutpointError, match=r"^not \d$"):
        list(on_cores(refuse, 3, range(4), jobs=2))


def test_a_process_that_dies_is_told_in_one_line() -> None:
    with pytest.raises(CutpointError, match=r"^one of 2 processes was killed when 0 of 3 pieces of work were done; "):
        list(on_cores(die, 3, range(3), jobs=2))


def test_nothing_is_left_of_it_that_a_simulation_could_disturb(capfd: pytest.CaptureFixture[str]) -> None:
    assert list(on_cores(multiply, 3, range(1), jobs=1)) == [0]
    with Simulation(1) as simulation:
        simulation.run(until=1.0)
    assert capfd.readouterr().err == ""
