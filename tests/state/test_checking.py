from __future__ import annotations

from typing import Any

import pytest

from cutpoint.state import States, Table
from tests.state.stored import Stored, declared, encoded, publish


def complaints(states: States, entries: int = 3) -> list[str]:
    return [complaint for some in states.compare(entries) for complaint in some]


@pytest.fixture(params=["msgpack", "pickle"])
def checked(request: pytest.FixtureRequest) -> tuple[States, Table[Any, Any]]:
    """A table that is checked, of which a recovery point is published."""
    states, table = declared(check=True, format=request.param)
    table.update({f"k{number}": [number] for number in range(10)})
    publish(states)
    return states, table


def test_a_change_in_place_without_a_word_is_named_once_and_taken_into_the_next_delta(
    checked: tuple[States, Table[Any, Any]],
) -> None:
    states, table = checked
    table["k7"].append(1)
    (complaint,) = complaints(states)
    assert complaint.startswith("state 't', key 'k7': its value was changed in place without a word")
    assert "touch(key)" in complaint
    assert complaints(states) == []
    (captured,) = states.record().tables
    assert list(captured.capture.delta()) == [([], ["k7"], [[7, 1]])]


def test_changes_that_were_told_are_no_complaint(checked: tuple[States, Table[Any, Any]]) -> None:
    states, table = checked
    table.touch("k1")
    table["k1"].append(1)
    with table.edit("k2") as value:
        value.append(2)
    table["k3"] = [33]
    del table["k4"]
    table["k5"] = table.pop("k5")
    table["k5"].append(5)
    assert complaints(states) == []
    recorded = states.record()
    assert complaints(states) == []
    (captured,) = recorded.tables
    encoded(captured, captured.capture.delta())
    recorded.abandoned()
    assert complaints(states) == []
    publish(states)
    assert complaints(states) == []


def test_a_change_between_the_record_and_the_writing_is_named_as_a_torn_cut(
    checked: tuple[States, Table[Any, Any]],
) -> None:
    states, table = checked
    table["k1"] = [11]
    recorded = states.record()
    table["k1"].append(12)
    (captured,) = recorded.tables
    encoded(captured, captured.capture.delta())
    recorded.published()
    (complaint,) = complaints(states)
    assert "key 'k1'" in complaint
    assert "so the cut has it torn" in complaint


def test_told_changes_between_the_record_and_the_writing_are_no_complaint(
    checked: tuple[States, Table[Any, Any]],
) -> None:
    states, table = checked
    table["k1"] = [11]
    table["k2"] = [22]
    recorded = states.record()
    table.touch("k1")
    table["k1"].append(12)
    table["k2"] = [23]
    (captured,) = recorded.tables
    encoded(captured, captured.capture.delta())
    recorded.published()
    assert complaints(states) == []


def test_an_older_cut_that_is_read_once_more_is_not_taken_for_the_present(
    checked: tuple[States, Table[Any, Any]],
) -> None:
    states, table = checked
    recorded = states.record(full=["t"])
    (captured,) = recorded.tables
    encoded(captured, captured.capture.full())
    recorded.published()
    table["k1"] = [100]
    publish(states)
    encoded(captured, captured.capture.full())
    assert complaints(states) == []


def test_what_was_restored_is_checked_from_the_beginning() -> None:
    states, table = declared()
    table.update({"a": [1], "b": [2]})
    frames = publish(states)
    other, restored = declared(check=True)
    other.check([Stored(frames)]).apply()
    restored["b"].append(3)
    (complaint,) = complaints(other)
    assert "key 'b'" in complaint


def test_a_table_that_is_not_checked_costs_nothing_and_says_nothing() -> None:
    states, table = declared()
    table["a"] = [1]
    publish(states)
    table["a"].append(2)
    assert complaints(states) == []
