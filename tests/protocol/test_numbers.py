from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from cutpoint.protocol.numbers import NumberSet, ranges_of

NUMBERS = st.lists(st.integers(min_value=1, max_value=40))


@given(numbers=NUMBERS)
def test_a_number_set_is_a_set(numbers: list[int]) -> None:
    ours = NumberSet()
    ours.update(numbers)
    assert len(ours) == len(set(numbers))
    assert [number for number in range(1, 42) if number in ours] == sorted(set(numbers))
    assert ours.highest == max(numbers, default=0)


@given(numbers=NUMBERS)
def test_the_prefix_is_the_highest_number_below_which_nothing_is_missing(numbers: list[int]) -> None:
    ours = NumberSet()
    ours.update(numbers)
    assert ours.prefix == next(number for number in range(41) if number + 1 not in numbers)


@given(numbers=NUMBERS)
def test_ranges_describe_the_set_and_give_it_back(numbers: list[int]) -> None:
    ours = NumberSet()
    ours.update(numbers)
    ranges = ours.ranges()
    assert [number for low, high in ranges for number in range(low, high + 1)] == sorted(set(numbers))
    assert all(low > high + 1 for (_, high), (low, _) in pairwise(ranges)), "ranges that touch"
    again = NumberSet.from_ranges(ranges)
    assert (again.prefix, again.ranges(), len(again)) == (ours.prefix, ranges, len(ours))


def test_a_set_without_gaps_costs_the_same_however_long_it_is() -> None:
    assert NumberSet(1_000_000).ranges() == ((1, 1_000_000),)
    assert len(NumberSet(1_000_000)) == 1_000_000


def test_an_empty_set_has_no_ranges() -> None:
    assert NumberSet().ranges() == ranges_of([]) == ()
    assert NumberSet().highest == 0


def test_ranges_of_numbers_after_a_prefix() -> None:
    assert ranges_of([4, 5, 9], prefix=3) == ((1, 5), (9, 9))
