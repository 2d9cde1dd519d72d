from __future__ import annotations

import collections
import random
import threading
from typing import Any

import msgspec
import pytest

from cutpoint.errors import ConfigurationError, Damaged, UsageError
from cutpoint.state import FORMATS, CapturedState, CapturedTable, States
from tests.state.stored import Stored, declared, encoded, publish


def test_values_are_recorded_at_once_and_tables_when_they_are_read() -> None:
    states = States()
    table, value = states.table("t"), states.value("v", [0])
    hooked = {"n": 1}
    states.state("h", capture=lambda: hooked, restore=lambda _content: None)
    states.derived("d", rebuild=lambda: None)
    table["a"] = [1]
    recorded = states.record()
    table.touch("a")
    table["a"].append(2)
    value.value.append(1)
    hooked["n"] = 2
    first, second, third = recorded.states
    assert isinstance(first, CapturedTable)
    assert [(s.name, s.kind, s.version, s.format) for s in recorded.states] == [
        ("t", "table", 1, "msgpack"),
        ("v", "value", 1, "msgpack"),
        ("h", "hooks", 1, "msgpack"),
    ]
    assert isinstance(second, CapturedState)
    assert isinstance(third, CapturedState)
    assert [msgspec.msgpack.decode(second.data), msgspec.msgpack.decode(third.data)] == [[0], {"n": 1}]
    assert list(first.capture.full()) == [([], ["a"], [[1]])]
    assert recorded.tables == (first,)


def test_a_record_that_fails_captures_nothing() -> None:
    states = States()
    table = states.table("t")
    states.state("h", capture=lambda: 1 // 0, restore=lambda _content: None)
    for _ in range(2):
        with pytest.raises(UsageError, match="state 'h': its capture hook failed"):
            states.record()
    assert table.statistics().captures == 0


def test_what_changed_before_a_record_that_failed_is_in_the_next_delta() -> None:
    states = States()
    table = states.table("t")
    broken: list[int] = []
    states.state("h", capture=lambda: 1 // len(broken), restore=lambda _content: None)
    broken.append(1)
    publish(states)
    broken.clear()
    table["a"] = 1
    with pytest.raises(UsageError):
        states.record()
    broken.append(1)
    (captured,) = states.record().tables
    assert list(captured.capture.delta()) == [([], ["a"], [1])]


def test_a_table_is_restored_from_its_runs_and_the_next_delta_builds_on_them() -> None:
    states, table = declared()
    table.update({number: [number] for number in range(3000)})
    frames = publish(states)
    for number in range(0, 3000, 3):
        del table[number]
    table[0] = "moved"
    frames += publish(states)
    other, restored = declared()
    other.check([Stored(frames)]).apply()
    assert list(restored.items()) == list(table.items())
    restored["new"] = 1
    (captured,) = other.record().tables
    assert list(captured.capture.delta()) == [([], ["new"], [1])]


@pytest.mark.parametrize("name", ["pickle", "cloudpickle"])
def test_pickled_tables_are_restored_batch_by_batch(name: str) -> None:
    states, table = declared(format=name)
    table.update({f"k{number}": collections.Counter([number]) for number in range(2500)})
    frames = publish(states)
    assert len(frames) == 3
    other, restored = declared(format=name)
    other.check([Stored(frames, format=name, chunk_bytes=1000)]).apply()
    assert restored == table
    assert type(restored["k0"]) is collections.Counter


@pytest.mark.parametrize("declared_as", ["msgpack", "cloudpickle"])
def test_a_pickled_table_is_not_read_unless_it_is_declared_so(declared_as: str) -> None:
    states, table = declared(format="pickle")
    table["a"] = 1
    frames = publish(states)
    other, _ = declared(format=declared_as)
    with pytest.raises(ConfigurationError, match="recorded as pickle, which runs code when it is read"):
        other.check([Stored(frames, format="pickle")])


def first(content: dict[str, Any]) -> dict[str, Any]:
    return {name: {"balance": balance} for name, balance in content.items()}


def second(content: dict[str, Any]) -> dict[str, Any]:
    return {name: {**account, "open": True} for name, account in content.items()}


def test_runs_of_version_1_are_restored_by_version_3_and_the_next_record_is_in_full() -> None:
    states, table = declared()
    table.update({"ann": 1, "bob": 2})
    frames = publish(states)
    table["cid"] = 3
    del table["ann"]
    frames += publish(states)
    other, restored = declared(version=3, migrations={1: first, 2: second})
    other.check([Stored(frames)]).apply()
    assert restored.copy() == {"bob": {"balance": 2, "open": True}, "cid": {"balance": 3, "open": True}}
    (captured,) = other.record().tables
    assert not captured.capture.incremental
    assert captured.version == 3


def test_runs_in_another_format_are_followed_by_a_record_in_full() -> None:
    states, table = declared()
    table["a"] = 1
    frames = publish(states)
    other, restored = declared(format="pickle")
    other.check([Stored(frames)]).apply()
    assert restored == {"a": 1}
    assert not other.record().tables[0].capture.incremental


def test_a_missing_migration_is_refused_before_a_chunk_is_read_and_nothing_changes() -> None:
    class Unread(Stored):
        def chunks(self) -> Any:
            raise AssertionError("a chunk was read")

    other, table = declared(version=3, migrations={1: first})
    table["here"] = 1
    with pytest.raises(ConfigurationError, match="no migration from version 2; nothing was changed"):
        other.check([Unread([])])
    assert table == {"here": 1}


def test_a_table_that_was_not_recorded_begins_empty_and_is_recorded_in_full() -> None:
    states, table = declared()
    table["a"] = 1
    publish(states)
    states.reset()
    assert table == {}
    assert not states.record().tables[0].capture.incremental


def test_check_changes_nothing_and_damage_in_the_last_chunk_neither() -> None:
    states, table = declared()
    table.update(dict.fromkeys(range(5000)))
    frames = publish(states)
    other, restored = declared()
    restored["here"] = 1
    other.check([Stored(frames)])
    with pytest.raises(Damaged, match="state 't' ends in the middle of a batch"):
        other.check([Stored([*frames[:-1], frames[-1][:-1]])])
    assert restored == {"here": 1}


def test_no_hostile_byte_does_more_than_be_refused() -> None:
    states, table = declared()
    table.update({f"key {number}": {"n": (number, 2**70)} for number in range(50)})
    frames = publish(states)
    whole, chances = b"".join(frames), random.Random(3)
    refused: list[str] = []
    for _ in range(1000):
        data = bytearray(whole)
        for _ in range(chances.randint(1, 4)):
            data[chances.randrange(len(data))] = chances.randrange(256)
        other, _restored = declared()
        try:
            other.check([Stored([bytes(data)], chunk_bytes=1000)])
        except Damaged as error:
            refused.append(str(error))
    assert len(refused) > 100
    assert all(complaint.startswith("state 't'") for complaint in refused)


@pytest.mark.parametrize("name", list(FORMATS))
def test_a_value_that_cannot_be_kept_is_named_with_its_state_and_key_when_its_batch_is_encoded(name: str) -> None:
    states, table = declared(format=name)
    table.update(dict.fromkeys(range(10)))
    table["bo\nb"] = threading.Lock()
    (captured,) = states.record().tables
    with pytest.raises(ConfigurationError) as caught:
        encoded(captured, captured.capture.full())
    assert str(caught.value).startswith(f"state 't', key 'bo\\nb' cannot be kept exactly as {name}: ")


def test_states_are_folded_table_by_table() -> None:
    states = States()
    tables = [states.table("one"), states.table("two")]
    recorded = states.record()
    for table in tables:
        table.update(dict.fromkeys(range(1000)))
    recorded.published()
    recorded.release()
    steps = 0
    while states.fold(100):
        steps += 1
    assert 12 <= steps <= 30
    assert [table.statistics().unfolded for table in tables] == [0, 0]
