from __future__ import annotations

import dataclasses
import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cutpoint_simulations.cluster import InFlight, Recorded
from cutpoint_simulations.replay.final_states import (
    IN_FLIGHT,
    Difference,
    canonical,
    differences,
    digest_of_states,
    final_states,
)

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text() | st.integers(), inner),
    max_leaves=8,
)


@dataclasses.dataclass
class Account:
    owner: str
    tags: set[str]


@given(PLAIN, PLAIN)
def test_two_contents_have_the_same_bytes_exactly_if_they_are_equal_and_of_the_same_types(one: Any, other: Any) -> None:
    assert (canonical(one) == canonical(other)) is (typed(one) == typed(other))


def typed(value: Any) -> Any:
    """Equal exactly for contents that are equal and of the same types throughout."""
    if isinstance(value, dict):
        return "dict", frozenset((typed(key), typed(item)) for key, item in value.items())
    if isinstance(value, list | tuple):
        return type(value).__name__, tuple(map(typed, value))
    return type(value).__name__, repr(value)


def test_the_order_of_keys_and_members_does_not_count() -> None:
    assert canonical({"a": 1, "b": {1, 2, 3}}) == canonical({"b": {3, 2, 1}, "a": 1})


def test_an_object_counts_by_what_it_holds() -> None:
    first = canonical(Account(owner="anna", tags={"x", "y"}))
    assert first == canonical(Account(owner="anna", tags={"y", "x"}))
    assert first != canonical(Account(owner="anna", tags={"x"}))
    assert canonical(Account) != canonical(Recorded)
    assert canonical(datetime.timezone.utc) == canonical(datetime.timezone.utc)  # noqa: UP017


def test_what_agents_keep_is_left_out_and_what_is_in_flight_is_told_at_its_receiver() -> None:
    recorded = Recorded(
        cut=3,
        states={"bank": {"accounts": {1: 5}, "@clock": 17.0}},
        in_flight=(InFlight(sender="till", receiver="bank", channel="till~bank:pay", payload="7"),),
    )
    assert final_states(recorded) == {"bank": {"accounts": {1: 5}, IN_FLIGHT: {"till~bank:pay from till": ["7"]}}}


def test_what_may_differ_is_left_out() -> None:
    states = {"bank": {"seen": 1, "count": 2}, "till": {"seen": 3, "count": 4}}
    recorded = Recorded(cut=3, states=states, in_flight=())
    assert final_states(recorded, ("seen", "till:count")) == {"bank": {"count": 2}, "till": {}}


def test_differences_are_told_by_process_state_and_key() -> None:
    first: dict[str, dict[str, Any]] = {"bank": {"accounts": {1: 5, 2: 6}, "count": 1}, "till": {"x": [1]}}
    second: dict[str, dict[str, Any]] = {"bank": {"accounts": {1: 5, 2: 7, 3: 8}, "count": 1}, "shop": {"y": "z" * 100}}
    assert list(differences(first, second)) == [
        Difference(process="bank", state="accounts", key="2", first="6", second="7"),
        Difference(process="bank", state="accounts", key="3", first="nothing", second="8"),
        Difference(process="shop", state="y", key="", first="nothing", second="'" + "z" * 66 + "..."),
        Difference(process="till", state="x", key="", first="[1]", second="nothing"),
    ]


def imported() -> type[Any]:
    """A user's class, as each import of its module makes it."""

    @dataclasses.dataclass(frozen=True)
    class Seat:
        row: int

        def __repr__(self) -> str:
            return f"seat {self.row}"

    return Seat


def test_keys_of_a_class_that_was_imported_anew_are_the_same_keys() -> None:
    before, anew = imported(), imported()
    assert before(1) != anew(1)
    first = {"shop": {"sold": {before(1): "anna", before(2): "bert"}}}
    assert list(differences(first, {"shop": {"sold": {anew(2): "bert", anew(1): "anna"}}})) == []
    assert list(differences(first, {"shop": {"sold": {anew(1): "anna", anew(2): "carl", anew(3): "dora"}}})) == [
        Difference(process="shop", state="sold", key="seat 2", first="'bert'", second="'carl'"),
        Difference(process="shop", state="sold", key="seat 3", first="nothing", second="'dora'"),
    ]


def test_keys_that_python_takes_for_equal_are_told_apart_as_their_bytes_are() -> None:
    assert list(differences({"bank": {"paid": {1: "a"}}}, {"bank": {"paid": {True: "a"}}})) == [
        Difference(process="bank", state="paid", key="1", first="'a'", second="nothing"),
        Difference(process="bank", state="paid", key="True", first="nothing", second="'a'"),
    ]


@pytest.mark.parametrize("other", [{}, {"bank": {}}, {"bank": {"count": 2}}, {"shop": {"count": 1}}])
def test_another_end_has_another_digest(other: dict[str, dict[str, Any]]) -> None:
    states = {"bank": {"count": 1}}
    assert digest_of_states(states) == digest_of_states({"bank": {"count": 1}})
    assert digest_of_states(states) != digest_of_states(other)


def test_a_content_without_end_has_bytes_all_the_same() -> None:
    endless: list[Any] = []
    endless.append(endless)
    assert canonical(endless) == canonical([endless])
