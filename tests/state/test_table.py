from __future__ import annotations

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from cutpoint.state import Table

keys = st.integers(0, 5)
values = st.integers()


class TableIsADict(RuleBasedStateMachine):
    """Everything done to a table and to a dict has the same result."""

    def __init__(self) -> None:
        super().__init__()
        self.table: Table[int, int] = Table()
        self.model: dict[int, int] = {}

    def both(self, method: str, *arguments: Any) -> None:
        outcomes = []
        for target in (self.table, self.model):
            try:
                outcomes.append(("returned", getattr(target, method)(*arguments)))
            except (KeyError, TypeError) as error:
                outcomes.append(("raised", type(error)))
        assert outcomes[0] == outcomes[1], (method, arguments)

    @rule(key=keys, value=values)
    def set_and_get(self, key: int, value: int) -> None:
        self.both("__setitem__", key, value)
        self.both("__getitem__", key)

    @rule(key=keys, default=values, method=st.sampled_from(["get", "pop", "setdefault"]))
    def with_default(self, key: int, default: int, method: str) -> None:
        self.both(method, key, default)

    @rule(key=keys, method=st.sampled_from(["get", "pop", "__getitem__", "__delitem__", "__contains__"]))
    def by_key(self, key: int, method: str) -> None:
        self.both(method, key)

    @rule(
        other=st.dictionaries(keys, values, max_size=3),
        method=st.sampled_from(["update", "__or__", "__ror__", "__eq__"]),
    )
    def with_dict(self, other: dict[int, int], method: str) -> None:
        self.both(method, other)

    @rule(other=st.dictionaries(keys, values, max_size=3))
    def merge_in_place(self, other: dict[int, int]) -> None:
        self.table |= other
        self.model |= other

    @rule(method=st.sampled_from(["popitem", "__len__", "copy"]))
    def without_argument(self, method: str) -> None:
        self.both(method)

    @rule()
    def clear(self) -> None:
        self.both("clear")

    @rule()
    def unhashable(self) -> None:
        self.both("get", [])

    @invariant()
    def same_content_in_the_same_order(self) -> None:
        assert list(self.table.items()) == list(self.model.items())
        assert list(self.table) == list(self.model)
        assert list(reversed(self.table)) == list(reversed(self.model))
        assert self.table == self.model
        assert self.model == self.table
        assert not self.table != self.model  # noqa: SIM202 - the operator itself


TestTableIsADict = TableIsADict.TestCase
TestTableIsADict.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


def test_touch_knows_its_keys() -> None:
    table: Table[str, list[int]] = Table()
    table["a"] = [1]
    table.touch("a")
    with pytest.raises(KeyError):
        table.touch("b")


def test_a_copy_is_a_plain_dict() -> None:
    table: Table[str, int] = Table()
    table["a"] = 1
    assert type(table.copy()) is dict
    table["a"] = 2
    assert table.copy() == {"a": 2}


def test_a_table_is_not_hashable_and_shows_what_it_holds() -> None:
    table: Table[str, int] = Table()
    table["a"] = 1
    with pytest.raises(TypeError):
        hash(table)
    assert repr(table) == "Table({'a': 1})"


def test_a_table_equals_another_table_and_nothing_else() -> None:
    table, other = Table[str, int](), Table[str, int]()
    table["a"] = other["a"] = 1
    assert table == other
    assert table != [("a", 1)]
