from __future__ import annotations

import inspect
import json
import weakref

import pytest

from cutpoint_simulations.refusal import NotSimulated, asking_line, failing_line, not_simulated

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


def test_the_line_that_failed_is_the_programs_even_if_a_library_noticed() -> None:
    with pytest.raises(ValueError) as raised:
        json.loads("{")
    found = failing_line(raised.value)
    assert found.startswith(f"{HERE}:")
    assert found.endswith(" in test_the_line_that_failed_is_the_programs_even_if_a_library_noticed")


def test_of_a_group_of_errors_the_first_one_counts_and_one_that_was_never_raised_has_no_line() -> None:
    with pytest.raises(KeyError) as raised:
        raise KeyError("a")
    group = ExceptionGroup("several", [raised.value, ValueError("b")])
    assert " in test_of_a_group" in failing_line(group)
    assert failing_line(ValueError("never raised")) == ""
