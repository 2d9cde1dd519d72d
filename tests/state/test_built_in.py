from __future__ import annotations

from typing import Any

import msgspec
import pytest

from cutpoint.errors import ConfigurationError, Damaged
from cutpoint.state import BuiltIn, CapturedState, States


class Kept:
    """Something that an agent keeps: a number from 1, or nothing."""

    def __init__(self, number: int | None = None) -> None:
        self.number = number
        self.states = States()
        self.states.built_in("@kept", BuiltIn(capture=lambda: self.number, parse=self.parse, restore=self.restore))
        self.table = self.states.table("kept")

    @staticmethod
    def parse(content: Any) -> int:
        if type(content) is not int or content < 1:
            raise ValueError(f"{content!r} is no number from 1")
        return content

    def restore(self, number: Any) -> None:
        self.number = number


def test_what_an_agent_keeps_is_recorded_and_restored_beside_a_state_of_the_same_word() -> None:
    one, other = Kept(7), Kept()
    one.table["a"] = 1
    captured = one.states.capture()
    assert [(s.name, s.kind, s.format) for s in captured] == [
        ("@kept", "built-in", "msgpack"),
        ("kept", "table", "msgpack"),
    ]
    other.states.check(captured).apply()
    assert (other.number, other.table.copy()) == (7, {"a": 1})


def test_nothing_to_record_is_not_recorded_and_begins_anew() -> None:
    captured = Kept().states.capture()
    assert [s.name for s in captured] == ["kept"]
    other = Kept(7)
    other.states.check(captured).apply()
    assert other.number is None


def test_a_service_cannot_take_such_a_name() -> None:
    with pytest.raises(ConfigurationError, match="a letter or digit first"):
        States().table("@kept")


def test_a_built_in_state_is_in_place_before_a_hook_is_run() -> None:
    kept, seen = Kept(7), list[Any]()
    captured = kept.states.capture()
    kept.states.state("late", capture=lambda: None, restore=lambda _: seen.append(kept.number))
    kept.number = 8
    kept.states.check(captured).apply()
    assert seen == [7]


def test_a_content_that_no_agent_records_is_damage_and_changes_nothing() -> None:
    kept = Kept(7)
    captured = Kept(-1).states.capture()
    with pytest.raises(Damaged, match="'@kept' is not what an agent records: -1 is no number from 1; nothing was"):
        kept.states.check(captured)
    assert kept.number == 7


def test_a_built_in_state_of_another_release_is_refused_by_name() -> None:
    later: CapturedState = msgspec.structs.replace(Kept(7).states.capture()[0], name="@later")
    with pytest.raises(ConfigurationError, match="'@later', which this release of Cutpoint does not know; nothing"):
        Kept().states.check([later])
