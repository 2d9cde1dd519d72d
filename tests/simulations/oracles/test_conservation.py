"""Whether what the user measures is the same in every recovery point."""

from __future__ import annotations

import pytest

from cutpoint_simulations.oracles import Conservation, recorded
from tests.simulations.oracles.story import TOTAL, staged, till, vault


def conservation(total: int | None = TOTAL) -> Conservation:
    return Conservation(states=lambda states: states["cash"], payload=int, total=total)


def test_money_in_states_and_in_flight_adds_up() -> None:
    stage = staged()
    assert conservation().published(stage.publish(till(), vault()), stage.case) == ()


def test_what_is_missing_is_told_in_numbers() -> None:
    stage = staged()
    (violation,) = conservation().published(stage.publish(till(), vault(cash=2)), stage.case)
    assert (violation.oracle, violation.cut) == ("conservation", 1)
    assert violation.complaint == ("92 in the states of 2 processes and 7 in 2 messages under way are 99, not 100")


@pytest.mark.parametrize(("cash", "complaints"), [(90, 0), (91, 1)])
def test_without_a_total_the_first_recovery_point_says_how_much_there_is(cash: int, complaints: int) -> None:
    oracle = conservation(total=None)
    first, second = staged(), staged()
    assert oracle.published(first.publish(till(), vault()), first.case) == ()
    assert len(oracle.published(second.publish(till(cash=cash), vault()), second.case)) == complaints


def test_a_total_may_depend_on_who_is_in_it() -> None:
    oracle = Conservation(states=lambda states: states["cash"], payload=int, total=lambda members: 50 * len(members))
    stage = staged()
    assert oracle.published(stage.publish(till(), vault()), stage.case) == ()


def test_it_is_an_invariant_of_services_too() -> None:
    point = recorded(staged().publish(till(), vault()))
    assert conservation().check(point) is None
    assert conservation(total=99).check(point) == (
        "93 in the states of 2 processes and 7 in 2 messages under way are 100, not 99"
    )
