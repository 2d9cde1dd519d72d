from __future__ import annotations

import collections
import pickle
from typing import Any

import msgspec
import pytest

from cutpoint.errors import ConfigurationError, CutpointError, Damaged, RecoveryFailed, UsageError
from cutpoint.state import CapturedState, States
from cutpoint.state.plain import encode_plain


def recorded(name: str, content: Any, **fields: Any) -> CapturedState:
    state = CapturedState(name=name, kind="table", version=1, format="msgpack", data=encode_plain(content))
    return msgspec.structs.replace(state, **fields)


class Service:
    """A small program: a table, a value, hooks over a counter of its own, and an index derived from the table."""

    def __init__(self) -> None:
        self.states = States()
        self.balances = self.states.table("balances")
        self.position = self.states.value("position", {"row": 0})
        self.counter = 0
        self.states.state("counter", capture=lambda: self.counter, restore=self.restore_counter)
        self.states.derived("rich", rebuild=self.rebuild_rich)
        self.rich: list[str] = []
        self.rebuilt = 0

    def restore_counter(self, content: int | None) -> None:
        self.counter = 0 if content is None else content

    def rebuild_rich(self) -> None:
        self.rebuilt += 1
        self.rich = [name for name, balance in self.balances.items() if balance > 100]

    def everything(self) -> tuple[Any, ...]:
        return self.balances.copy(), dict(self.position.value), self.counter, list(self.rich)


def test_what_was_captured_is_what_a_restore_brings_back() -> None:
    one, other = Service(), Service()
    one.balances.update({"ann": 500, "bob": 5})
    one.position.value["row"] = 7
    one.counter = 3
    captured = one.states.capture()
    assert [(s.name, s.kind) for s in captured] == [("balances", "table"), ("position", "value"), ("counter", "hooks")]
    table, position = other.balances, other.position
    other.balances["eve"] = 1
    other.states.check(captured).apply()
    assert other.everything() == ({"ann": 500, "bob": 5}, {"row": 7}, 3, ["ann"])
    assert other.balances is table
    assert other.position is position


def test_a_later_change_in_place_cannot_leak_into_a_capture() -> None:
    states = States()
    table, value = states.table("t"), states.value("v", {"row": 0})
    table["ann"] = [1]
    captured = states.capture()
    table["ann"].append(2)
    value.value["row"] = 9
    states.check(captured).apply()
    assert table["ann"] == [1]
    assert value.value == {"row": 0}


def test_check_changes_nothing() -> None:
    service = Service()
    service.balances["ann"] = 1
    before = service.everything()
    service.states.check([recorded("balances", {"bob": 2})])
    assert service.everything() == before
    assert service.rebuilt == 0


def test_a_state_that_was_not_recorded_begins_at_its_initial_content() -> None:
    service = Service()
    service.balances["ann"] = 1
    service.position.value = {"row": 9}
    service.counter = 5
    service.states.check([recorded("balances", {"bob": 200})]).apply()
    assert service.everything() == ({"bob": 200}, {"row": 0}, 0, ["bob"])


def test_reset_begins_anew_with_a_fresh_initial_value_each_time() -> None:
    service = Service()
    for _ in range(2):
        service.balances["ann"] = 500
        service.position.value["row"] = 9
        service.counter = 4
        service.states.reset()
        assert service.everything() == ({}, {"row": 0}, 0, [])


def test_the_initial_value_is_not_shared_with_the_caller() -> None:
    initial = [1]
    value = States().value("v", initial)
    initial.append(2)
    assert value.value == [1]


def test_a_recorded_state_that_is_declared_derived_now_is_rebuilt() -> None:
    service = Service()
    service.states.check([recorded("balances", {"ann": 500}), recorded("rich", {"old": 1})]).apply()
    assert service.rich == ["ann"]


def refused(states: States, *stored: CapturedState) -> CutpointError:
    with pytest.raises((ConfigurationError, Damaged)) as caught:
        states.check(stored)
    assert str(caught.value).isprintable()
    return caught.value


@pytest.mark.parametrize(
    ("stored", "error", "complaint"),
    [
        (recorded("gone", {}), ConfigurationError, "state 'gone', which this program does not declare"),
        (recorded("balances", {}, kind="value"), ConfigurationError, "declared as table and was recorded as value"),
        (recorded("balances", {}, version=2), ConfigurationError, "version 2, this program knows versions up to 1"),
        (recorded("balances", {}, version=0), ConfigurationError, "no migration from version 0"),
        (recorded("balances", {}, format="yaml"), ConfigurationError, "no format 'yaml'"),
        (
            recorded("balances", {}, data=pickle.dumps({}), format="pickle"),
            ConfigurationError,
            "runs code when it is read",
        ),
        (recorded("balances", {}, data=b"\xc1"), Damaged, "state 'balances' is not msgpack"),
        (recorded("balances", [1]), Damaged, "is list, a table needs a dict"),
    ],
)
def test_a_part_that_does_not_fit_is_refused_by_name_and_nothing_changes(
    stored: CapturedState, error: type[CutpointError], complaint: str
) -> None:
    service = Service()
    service.balances["ann"] = 1
    before = service.everything()
    caught = refused(service.states, recorded("position", {"row": 5}, kind="value"), stored)
    assert type(caught) is error
    assert complaint in str(caught)
    assert service.everything() == before


def test_a_state_that_is_in_the_part_twice_is_damage() -> None:
    assert "twice" in str(refused(Service().states, recorded("balances", {}), recorded("balances", {})))


class Bomb:
    """Unpickling this is a fact that a test can see."""

    exploded = 0

    def __reduce__(self) -> Any:
        return (Bomb.explode, ())

    @staticmethod
    def explode() -> dict[str, int]:
        Bomb.exploded += 1
        return {}


@pytest.mark.parametrize(
    ("declared", "claimed"), [("msgpack", "pickle"), ("msgpack", "cloudpickle"), ("pickle", "cloudpickle")]
)
def test_a_part_cannot_make_a_program_unpickle_what_it_did_not_declare(declared: str, claimed: str) -> None:
    states = States()
    states.table("t", format=declared)
    refused(states, recorded("t", {}, format=claimed, data=pickle.dumps(Bomb())))
    assert Bomb.exploded == 0


def test_a_state_declared_as_pickle_reads_pickle_and_still_reads_msgpack() -> None:
    states = States()
    table = states.table("t", format="pickle")
    table["a"] = collections.Counter("aab")
    captured = states.capture()
    table.clear()
    states.check(captured).apply()
    assert table == {"a": collections.Counter("aab")}
    assert type(table["a"]) is collections.Counter
    states.check([recorded("t", {"b": 1})]).apply()
    assert table == {"b": 1}


def with_migrations(*steps: int, version: int = 3) -> tuple[States, Any]:
    states = States()
    migrations = {step: (lambda content, step=step: {**content, f"step{step}": True}) for step in steps}
    return states, states.table("t", version=version, migrations=migrations)


def test_an_older_version_is_migrated_step_by_step_in_order() -> None:
    states, table = with_migrations(1, 2)
    states.check([recorded("t", {"a": 1})]).apply()
    assert list(table) == ["a", "step1", "step2"]
    states.check([recorded("t", {"a": 1}, version=2)]).apply()
    assert list(table) == ["a", "step2"]
    states.check([recorded("t", {"a": 1}, version=3)]).apply()
    assert list(table) == ["a"]


def test_a_gap_in_the_migrations_is_found_before_any_of_them_runs() -> None:
    states, _table = with_migrations(1)
    assert "no migration from version 2" in str(refused(states, recorded("t", {"a": 1})))


def test_a_migration_that_fails_or_returns_nonsense_is_named() -> None:
    states = States()
    states.table("t", version=2, migrations={1: lambda content: content["missing"]})
    assert "the migration from version 1 failed: KeyError" in str(refused(states, recorded("t", {})))
    states = States()
    states.table("t", version=2, migrations={1: lambda content: None})
    assert "what the migration from version 1 returned is NoneType" in str(refused(states, recorded("t", {})))


def test_a_value_that_msgpack_would_change_is_refused_with_state_key_and_remedy() -> None:
    service = Service()
    service.balances["ann"] = 1
    service.balances["bo\nb"] = collections.Counter("a")
    with pytest.raises(ConfigurationError) as caught:
        service.states.capture()
    text = str(caught.value)
    assert text.startswith("state 'balances', key 'bo\\nb' cannot be kept exactly as msgpack")
    assert "collections.Counter" in text
    assert 'format="pickle"' in text
    assert service.balances["ann"] == 1


def test_an_initial_value_that_cannot_be_kept_is_refused_where_it_is_declared() -> None:
    with pytest.raises(ConfigurationError, match="state 'v', its initial value, cannot be kept"):
        States().value("v", object())


def test_a_capture_hook_that_fails_is_named() -> None:
    states = States()
    states.state("s", capture=lambda: 1 // 0, restore=lambda content: None)
    with pytest.raises(UsageError, match="state 's': its capture hook failed: ZeroDivisionError"):
        states.capture()


def test_hooks_that_fail_are_named_after_everything_else_is_in_place() -> None:
    states = States()

    def fail(content: object) -> None:
        raise RuntimeError("broken")

    seen: list[object] = []
    states.state("first", capture=lambda: 1, restore=fail)
    states.state("second", capture=lambda: 2, restore=seen.append)
    states.derived("third", rebuild=lambda: fail(None))
    table = states.table("t")
    table["a"] = 1
    captured = states.capture()
    table.clear()
    with pytest.raises(RecoveryFailed) as caught:
        states.check(captured).apply()
    assert "state 'first': its restore hook failed: RuntimeError: broken" in str(caught.value)
    assert "state 'third': its rebuild hook failed" in str(caught.value)
    assert table == {"a": 1}
    assert seen == [2]


def test_a_restoration_is_good_for_one_apply() -> None:
    restoration = Service().states.check(())
    restoration.apply()
    with pytest.raises(UsageError, match="applied before"):
        restoration.apply()


async def async_hook(*_: object) -> None:
    """A hook that would be called and never run."""


class AsyncCallable:
    """The same, in disguise."""

    async def __call__(self, *_: object) -> None:
        """Never awaited."""


@pytest.mark.parametrize("hook", [async_hook, AsyncCallable(), None])
def test_hooks_that_are_async_or_no_functions_are_refused(hook: Any) -> None:
    states = States()
    with pytest.raises(ConfigurationError, match="restore must"):
        states.state("a", capture=lambda: 1, restore=hook)
    with pytest.raises(ConfigurationError, match="capture must"):
        states.state("b", capture=hook, restore=lambda content: None)
    with pytest.raises(ConfigurationError, match="rebuild must"):
        states.derived("c", rebuild=hook)
    assert states.names == ()


@pytest.mark.parametrize("name", ["", " ", "a/b", "../a", "-a", "x" * 101, 7, None, "é"])
def test_an_illegal_name_is_refused(name: Any) -> None:
    with pytest.raises(ConfigurationError, match="cannot name a state"):
        States().table(name)


def test_a_name_is_declared_once() -> None:
    states = States()
    states.table("t")
    with pytest.raises(ConfigurationError, match="'t' is declared twice"):
        states.value("t", 1)


def test_nothing_is_declared_after_the_seal() -> None:
    states = States()
    states.seal()
    with pytest.raises(UsageError, match="declare every state before"):
        states.table("t")


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"version": 0}, "version 0"),
        ({"version": True}, "version True"),
        ({"version": "2"}, "version '2'"),
        ({"version": 2, "migrations": {2: dict}}, "migration from version 2"),
        ({"version": 2, "migrations": {"1": dict}}, "migration from version '1'"),
        ({"version": 2, "migrations": {1: "f"}}, "is not a function"),
        ({"format": "yaml"}, "no format 'yaml'"),
    ],
)
def test_a_wrong_declaration_is_refused_where_it_is_made(options: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ConfigurationError, match=complaint):
        States().table("t", **options)
