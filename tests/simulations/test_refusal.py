from __future__ import annotations

import inspect
import weakref

from cutpoint_simulations.refusal import NotSimulated, asking_line, not_simulated

HERE = "tests/simulations/test_refusal.py"


def line_above() -> int:
    """The number of the line before the one that asks for it."""
    frame = inspect.currentframe()
    assert frame is not None
    assert frame.f_back is not None
    return frame.f_back.f_lineno - 1


def test_the_line_that_asked_is_the_programs() -> None:
    found = asking_line()
    assert found == f"{HERE}:{line_above()} in test_the_line_that_asked_is_the_programs"


def test_libraries_in_between_are_passed_over() -> None:
    through_the_library = weakref.finalize(test_libraries_in_between_are_passed_over, asking_line)
    found = through_the_library()
    assert found == f"{HERE}:{line_above()} in test_libraries_in_between_are_passed_over"


def test_a_refusal_is_one_line_that_says_what_was_asked_where_and_what_to_do() -> None:
    error = not_simulated("a pipe", "use TCP")
    assert type(error) is NotSimulated
    assert str(error).startswith(f"a pipe, asked for at {HERE}:{line_above() - 1} in test_a_refusal")
    assert str(error).endswith("nothing outside the simulation was touched; use TCP")
    assert str(error).isprintable()
