from __future__ import annotations

import copy
import dataclasses
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from cutpoint.errors import ConfigurationError, UsageError
from cutpoint.state import Batch, Table, TableCapture
from cutpoint.state.table import TableStatistics


@dataclasses.dataclass(eq=False)
class Counting:
    """A key that counts how often somebody looks for it."""

    number: int
    looks = 0

    def __hash__(self) -> int:
        Counting.looks += 1
        return hash(self.number)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Counting) and self.number == other.number


def table_of(content: dict[Any, Any]) -> Table[Any, Any]:
    """A table with a recovery point, so that deltas are possible."""
    table: Table[Any, Any] = Table()
    table.replace(dict(content), base=True)
    return table


def ended(capture: TableCapture) -> None:
    capture.published()
    capture.release()


def all_of(batches: Iterator[Batch]) -> list[tuple[Any, ...]]:
    return [tuple(batch) for batch in batches]


@pytest.mark.parametrize("entries", [10, 100_000])
@pytest.mark.parametrize("full", [False, True])
def test_to_capture_a_table_looks_at_no_entry_however_many_there_are(entries: int, full: bool) -> None:
    table = table_of({Counting(number): [number] for number in range(entries)})
    for number in range(entries // 2):
        table[Counting(number)] = number
    Counting.looks = 0
    capture = table.capture(full=full)
    assert Counting.looks == 0
    assert (capture.entries, capture.changes, capture.spared) == (entries, entries // 2, {})


def test_a_capture_is_what_was_there_whatever_is_done_while_it_is_read() -> None:
    table = table_of({"a": [1], "b": [2], "c": [3], "d": [4]})
    for key in table:
        table.touch(key)
    capture = table.capture(full=True)
    delta, full = capture.delta(1), capture.full(1)
    first = [next(delta), next(full)]
    table["b"] = "replaced"
    table.pop("c").append("taken out")
    with table.edit("d") as value:
        value.append("in place")
    table["new"] = 1
    entries: list[tuple[Any, ...]] = [([], ["b"], [[2]]), ([], ["c"], [[3]]), ([], ["d"], [[4]])]
    assert first == [([], ["a"], [[1]])] * 2
    assert all_of(delta) == entries
    assert all_of(full) == entries
    assert list(table.items()) == [("a", [1]), ("b", "replaced"), ("d", [4, "in place"]), ("new", 1)]


def test_a_delta_tells_each_key_once_and_removes_before_it_sets() -> None:
    table = table_of({"stays": 0, "goes": 1, "moves": 2, "changes": 3})
    table["changes"] = 4
    table["changes"] = 5
    del table["goes"]
    table["moves"] = table.pop("moves")
    table["comes"] = 6
    capture = table.capture()
    assert all_of(capture.delta()) == [(["goes", "moves"], ["changes", "moves", "comes"], [5, 2, 6])]
    assert all_of(capture.delta(2)) == [
        (["goes", "moves"], [], []),
        ([], ["changes", "moves"], [5, 2]),
        ([], ["comes"], [6]),
    ]


def test_what_comes_and_goes_between_two_cuts_is_in_no_delta() -> None:
    table = table_of({"stays": 0})
    for number in range(1000):
        table[number] = number
        table.popitem()
    assert table.statistics().changed == 0
    first = table.capture()
    table["came in the first"] = 1
    first.abandoned()
    second = table.capture()
    del table["came in the first"]
    second.abandoned()
    assert all_of(table.capture().delta()) == []


def test_an_abandoned_capture_goes_into_the_next_delta_and_a_published_one_does_not() -> None:
    table = table_of({"a": 0, "b": 0})
    table["a"] = 1
    table.capture().abandoned()
    table["b"] = 2
    del table["a"]
    table["c"] = 3
    capture = table.capture()
    assert all_of(capture.delta()) == [(["a"], ["b", "c"], [2, 3])]
    ended(capture)
    assert all_of(table.capture().delta()) == []


def test_layers_of_many_abandoned_cuts_become_one_in_slices() -> None:
    table = table_of(dict.fromkeys(range(100)))
    for cut in range(20):
        for key in range(100):
            table[key] = cut
        table.capture().abandoned()
    while table.fold(7):
        pass
    capture = table.capture()
    assert capture.changes == 100
    assert [len(layer) for layer in capture.layers] == [100, 0]
    assert all_of(capture.delta()) == [([], list(range(100)), [19] * 100)]


def test_the_first_capture_is_in_full_and_nothing_is_taken_down_before_it() -> None:
    table: Table[str, int] = Table()
    table["a"] = 1
    assert table.statistics().changed == 0
    capture = table.capture()
    assert not capture.incremental
    assert all_of(capture.full()) == [([], ["a"], [1])]
    with pytest.raises(UsageError, match="never published before, so there is no delta"):
        capture.delta()
    table["b"] = 2
    ended(capture)
    assert all_of(table.capture().delta()) == [([], ["b"], [2])]


def test_without_a_first_recovery_point_the_next_capture_is_in_full_again() -> None:
    table: Table[str, int] = Table()
    table["a"] = 1
    table.capture().abandoned()
    table["b"] = 2
    assert table.statistics().changed == 0
    assert all_of(table.capture().full()) == [([], ["a", "b"], [1, 2])]


def test_several_captures_are_alive_and_each_has_its_own_moment() -> None:
    table = table_of({})
    moments: list[tuple[TableCapture, Iterator[Batch], list[Any]]] = []
    for moment in range(4):
        table["same"] = [moment]
        table[moment] = moment
        capture = table.capture(full=True)
        moments.append((capture, capture.full(1), copy.deepcopy(list(table.items()))))
        capture.published()
        table.touch("same")
        table["same"].append("later")
        table.fold()
    for capture, batches, held in moments:
        assert [(batch.keys[0], batch.values[0]) for batch in batches] == held
        capture.release()
        table.fold()
    assert table.statistics() == TableStatistics(entries=5, changed=1, captures=0, unfolded=0, spared=0)


def test_folding_is_done_in_slices_and_ends() -> None:
    table = table_of(dict.fromkeys(range(5000), 0))
    capture = table.capture(full=True)
    for number in range(2500, 7500):
        table[number] = 1
    for number in range(1000):
        del table[number]
    expected = list(table.items())
    ended(capture)
    steps = 1
    while table.fold(100):
        steps += 1
        assert len(table) == len(expected)
    assert list(table.items()) == expected
    assert table.statistics().unfolded == 0
    assert 60 <= steps <= 140


def test_nothing_is_folded_under_a_capture_that_is_read() -> None:
    table = table_of({1: 1})
    capture = table.capture(full=True)
    table[2] = 2
    assert table.fold() is False
    assert table.statistics().unfolded == 1
    assert all_of(capture.full()) == [([], [1], [1])]


def test_what_was_kept_for_a_capture_is_let_go_with_it() -> None:
    table = table_of({"a": [1]})
    table.touch("a")
    capture = table.capture()
    table["a"] = [2]
    assert table.statistics().spared == 1
    capture.release()
    assert table.statistics() == TableStatistics(entries=1, changed=1, captures=0, unfolded=0, spared=0)


def test_an_iteration_goes_on_through_captures_and_folds_as_it_does_over_a_dict() -> None:
    table = table_of({number: number for number in range(100)})
    seen = []
    for key, value in table.items():
        seen.append((key, value))
        table[99] = 99 + key
        capture = table.capture(full=key % 2 == 0)
        table.fold(1)
        ended(capture)
        table.fold(1)
    assert seen == [*((number, number) for number in range(99)), (99, 197)]


def test_an_iteration_over_what_is_restored_meanwhile_is_an_error() -> None:
    table = table_of({1: 1, 2: 2})
    keys = iter(table)
    next(keys)
    table.replace({3: 3, 4: 4})
    with pytest.raises(RuntimeError, match="the table was restored during iteration"):
        next(keys)


def test_a_capture_begins_only_when_the_one_before_has_its_outcome() -> None:
    table = table_of({})
    capture = table.capture()
    with pytest.raises(UsageError, match="captured already and the cut was neither published nor abandoned"):
        table.capture()
    capture.release()
    with pytest.raises(UsageError, match="captured already"):
        table.capture()
    capture.published()
    table.capture()


def test_an_outcome_is_told_once() -> None:
    capture = table_of({}).capture()
    capture.published()
    for again in (capture.published, capture.abandoned):
        with pytest.raises(UsageError, match="was published before and cannot be"):
            again()


def test_what_is_released_is_not_read_not_even_on() -> None:
    capture = table_of({1: 1, 2: 2}).capture(full=True)
    batches = capture.full(1)
    next(batches)
    capture.release()
    capture.release()
    for read in (lambda: next(batches), capture.full, capture.delta):
        with pytest.raises(UsageError, match=r"was released|for its delta only"):
            read()


def test_the_full_content_is_there_only_if_it_was_asked_for_at_the_capture() -> None:
    with pytest.raises(UsageError, match="captured for its delta only; capture it with full=True"):
        table_of({1: 1}).capture().full()


def test_a_restore_ends_captures_and_their_outcome_no_longer_matters() -> None:
    table = table_of({1: 1})
    table[2] = 2
    read, released = table.capture(full=True), None
    batches = read.full()
    table.replace({3: 3}, base=True)
    with pytest.raises(UsageError, match="was ended by a restore"):
        next(batches)
    read.published()
    released = table.capture()
    released.release()
    table.replace({4: 4}, base=True)
    released.abandoned()
    assert all_of(table.capture().delta()) == []


def test_a_value_that_cannot_be_copied_fails_the_cut_and_not_the_service() -> None:
    table = table_of({})
    table["lock"] = [threading.Lock()]
    capture = table.capture()
    table["lock"] = "replaced"
    assert table["lock"] == "replaced"
    with pytest.raises(ConfigurationError, match=r"a table, key 'lock': its value was changed while a cut was written"):
        all_of(capture.delta())
