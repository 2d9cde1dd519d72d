from __future__ import annotations

from typing import Any

import pytest

from cutpoint.state import Table


class Key:
    """Counts how often anybody looks at any key."""

    looks = 0

    def __init__(self, number: int) -> None:
        self.number = number

    def __hash__(self) -> int:
        Key.looks += 1
        return self.number

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Key) and self.number == other.number


ENTRIES = 3000


@pytest.fixture
def frozen() -> Table[Any, Any]:
    """A table whose content is being read."""
    table: Table[Any, Any] = Table()
    table.replace({Key(number): number for number in range(ENTRIES)}, base=True)
    table.capture(full=True)
    Key.looks = 0
    return table


def test_a_queue_over_frozen_content_costs_the_same_at_every_length(frozen: Table[Any, Any]) -> None:
    for number in range(ENTRIES):
        first = next(iter(frozen))
        assert frozen.pop(first) == number
    assert not frozen
    assert Key.looks < 20 * ENTRIES


def test_a_queue_that_goes_round_over_frozen_content_keeps_its_order(frozen: Table[Any, Any]) -> None:
    for number in range(2 * ENTRIES):
        first = next(iter(frozen))
        value = frozen.pop(first)
        assert value == number % ENTRIES
        frozen[first] = value
    assert Key.looks < 60 * ENTRIES


def test_a_stack_over_frozen_content_costs_the_same_at_every_length(frozen: Table[Any, Any]) -> None:
    for number in reversed(range(ENTRIES)):
        assert frozen.popitem()[1] == number
    with pytest.raises(KeyError, match="dictionary is empty"):
        frozen.popitem()
    assert Key.looks < 20 * ENTRIES


def test_all_of_a_table_can_be_cleared_while_it_is_read(frozen: Table[Any, Any]) -> None:
    frozen.clear()
    assert (len(frozen), list(frozen), frozen.copy()) == (0, [], {})
    frozen["again"] = 1
    assert list(frozen.items()) == [("again", 1)]
