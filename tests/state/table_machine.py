"""A table and a dict, to which the same is done while cuts are recorded, read, published, abandoned and restored."""

from __future__ import annotations

import copy
import dataclasses
import functools
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from cutpoint.errors import UsageError
from cutpoint.state import Batch, CapturedTable, Recorded, Table
from tests.state.stored import Stored, declared

# Some are equal and not the same: a dict keeps the key that came first.
KEYS: list[Any] = [1, 1.0, True, 2, "a", "b", None, (1, "x"), (1.0, "x"), 2**70]
keys = st.sampled_from(KEYS)
values: st.SearchStrategy[Any] = st.integers(0, 9) | st.lists(st.integers(0, 9), max_size=2)
END = object()
NAME = Stored.name


def seen(content: Any) -> list[Any]:
    """What counts: the keys themselves, the values, the order."""
    return [(type(key), key, value) for key, value in content.items()]


def replayed(runs: list[list[bytes]]) -> list[Any]:
    """What a new process would have after a restore."""
    states, table = declared()
    states.check([stored(runs)]).apply()
    return seen(table)


def stored(runs: list[list[bytes]]) -> Stored:
    """All runs as one table."""
    return Stored([frame for run in runs for frame in run])


# ------------------------------------------------------------------------------------------------------------- changes

Act = Callable[[Any, Any, Any], Any]
Change = tuple[Act, Any, Any]


def put(target: Any, key: Any, value: Any) -> None:
    """Set a key."""
    target[key] = value


def put_many(target: Any, key: Any, value: Any) -> Any:
    """Set several keys at once."""
    target |= {key: value, "a": 1}
    return seen(target)


def take_out(target: Any, key: Any, _value: Any) -> Any:
    """Remove a key, and change its value then."""
    value = target.pop(key)
    if isinstance(value, list):
        value.append("taken out")
    return value


def replace(target: Any, key: Any, _value: Any) -> None:
    """Put something else in the place of a value, and change that then."""
    value = target[key]
    target[key] = "replaced"
    if isinstance(value, list):
        value.append("replaced")


def touch(target: Any, key: Any, _value: Any) -> None:
    """Change a value in place."""
    if isinstance(target, Table):
        target.touch(key)
    value = target[key]
    if isinstance(value, list):
        value.append("in place")


ACTS: list[Act] = [
    *(put, put, put, put_many, take_out, replace, touch, touch),
    lambda target, key, _value: target.__delitem__(key),
    lambda target, key, value: target.pop(key, value),
    lambda target, key, value: target.setdefault(key, value),
    lambda target, key, value: (target.get(key, value), key in target),
    lambda target, _key, _value: target.popitem(),
    lambda target, _key, value: target.clear() if value == 0 else target.update(),
]
changes: st.SearchStrategy[list[Change]] = st.lists(
    st.tuples(st.sampled_from(ACTS), keys, values), min_size=1, max_size=6
)


def apply(act: Act, key: Any, value: Any, target: Any) -> Any:
    """Do it with a value of the target's own."""
    return act(target, key, copy.deepcopy(value))


class Reading:
    """A capture that is read, batch by batch."""

    def __init__(self, table: CapturedTable, batches: Iterator[Batch], held: list[Any]) -> None:
        self.table = table
        self.held = held
        self.run: list[bytes] = []
        self.done = False
        self._batches = batches

    def read(self, batches: int) -> bool:
        """Read so many; whether there was still one."""
        for _ in range(batches):
            batch = next(self._batches, None)
            if batch is None:
                self.done = True
                return False
            self.run.append(self.table.encode(batch))
        return True

    def read_all(self) -> None:
        while self.read(1):
            pass


@dataclasses.dataclass
class Cut:
    """A cut whose outcome is open. ``delta``: what is written of it builds on the runs before."""

    recorded: Recorded
    reading: Reading
    delta: bool
    held: list[Any]
    released: bool = False


@dataclasses.dataclass
class Walk:
    """Two iterators, one over each, begun at the same time."""

    ours: Iterator[Any]
    theirs: Iterator[Any]
    size: int
    shape: int
    restores: int


class TableMachine(RuleBasedStateMachine):
    """After every step the two are equal, and all that is published restores to what was there at the cut."""

    def __init__(self) -> None:
        super().__init__()
        self.states, self.table = declared()
        self.model: dict[Any, Any] = {}
        self.cut: Cut | None = None
        self.background: list[tuple[Recorded, Reading, int]] = []
        self.runs: list[list[bytes]] = []
        self.published: list[Any] = []
        self.walks: list[Walk] = []
        self.shape = 0
        self.restores = 0

    # ------------------------------------------------------------------------------------------------------- writing

    def both(self, act: Callable[[Any], Any]) -> None:
        """Do the same to both, each with values of its own; what comes of it is equal."""
        keys_before = list(self.model)
        outcomes = []
        for target in (self.table, self.model):
            try:
                outcomes.append(("returned", act(target)))
            except (KeyError, TypeError) as error:
                outcomes.append(("raised", type(error)))
        assert outcomes[0] == outcomes[1]
        if keys_before != list(self.model):
            self.shape += 1

    @rule(changes=changes)
    def change(self, changes: list[Change]) -> None:
        for act, key, value in changes:
            self.both(functools.partial(apply, act, key, value))

    @precondition(lambda self: self.cut is None)
    @rule(key=keys, full=st.booleans(), size=st.integers(1, 3))
    def record_within_an_edit(self, key: Any, full: bool, size: int) -> None:
        if not isinstance(self.model.get(key), list):
            return
        with self.table.edit(key) as value:
            self.model[key].append("edited")
            value.append("edited")
            self.record(full, size)
            self.model[key].append("edited after the cut")
            value.append("edited after the cut")

    # ----------------------------------------------------------------------------------------------------- iterating

    @rule(begin=st.sampled_from([iter, reversed, lambda t: iter(t.items()), lambda t: reversed(t.values())]))
    def begin_a_walk(self, begin: Any) -> None:
        self.walks.append(
            Walk(begin(self.table), begin(self.model), len(self.model), self.shape, self.restores),
        )

    @precondition(lambda self: self.cut is None and self.model)
    @rule(value=values, size=st.integers(1, 3))
    def walk_through_a_cut(self, value: Any, size: int) -> None:
        """The walk is in its middle when a cut is recorded, when its last pair is changed, and when that is folded."""
        self.begin_a_walk(lambda target: iter(target.items()))
        walk = self.walks[-1]
        last = list(self.model)[-1]
        self.go_on(walk, 1)
        self.record(True, size)
        self.change([(put, last, value)])
        for step in range(4):
            if walk in self.walks:
                self.go_on(walk, 1)
                self.fold(size, 1)
            if step == 1:
                self.abandon()

    @precondition(lambda self: self.walks)
    @rule(data=st.data(), steps=st.integers(1, 4))
    def walk_on(self, data: st.DataObject, steps: int) -> None:
        self.go_on(data.draw(st.sampled_from(self.walks)), steps)

    def go_on(self, walk: Walk, steps: int) -> None:
        for _ in range(steps):
            if walk.shape == self.shape and walk.restores == self.restores:
                ours = next(walk.ours, END)
                assert ours == next(walk.theirs, END)
                if ours is not END:
                    continue
            elif walk.restores == self.restores and walk.size != len(self.model):
                for iterator in (walk.theirs, walk.ours):
                    with pytest.raises(RuntimeError, match="changed size during iteration"):
                        next(iterator)
            self.walks.remove(walk)
            return

    # -------------------------------------------------------------------------------------------------- cuts and folds

    @precondition(lambda self: self.cut is None)
    @rule(full=st.booleans(), size=st.integers(1, 3))
    def record(self, full: bool, size: int) -> None:
        recorded = self.states.record(full={NAME} if full else ())
        (table,) = recorded.tables
        delta = table.capture.incremental and not full
        assert table.capture.entries == len(self.model)
        assert table.capture.incremental or not self.runs
        held = copy.deepcopy(seen(self.model))
        batches = table.capture.delta(size) if delta else table.capture.full(size)
        self.cut = Cut(recorded, Reading(table, batches, held), delta, held)

    @precondition(lambda self: self.cut is None)
    @rule(full=st.booleans(), changes=changes, fate=st.sampled_from(["publish", "rewrite", "abandon", "abandon"]))
    def cut_at_once(self, full: bool, changes: list[Change], fate: str) -> None:
        """A whole cut, and what is done while it is written."""
        self.record(full, 2)
        self.change(changes)
        if fate == "abandon":
            self.abandon()
        else:
            self.publish(rewrite=fate == "rewrite", size=1)

    @precondition(lambda self: self.cut is not None and not self.cut.released)
    @rule(batches=st.integers(1, 3), release=st.booleans())
    def read_some(self, batches: int, release: bool) -> None:
        assert self.cut is not None
        if not self.cut.reading.read(batches) and release:
            self.cut.recorded.release()
            self.cut.released = True

    @precondition(lambda self: self.cut is not None)
    @rule(rewrite=st.booleans(), size=st.integers(1, 3))
    def publish(self, rewrite: bool, size: int) -> None:
        assert self.cut is not None
        cut, self.cut = self.cut, None
        capture = cut.reading.table.capture
        if not cut.released:
            cut.reading.read_all()
        rewrite = rewrite and capture.frozen is not None and not cut.released
        cut.recorded.published()
        self.runs = [*self.runs, cut.reading.run] if cut.delta else [cut.reading.run]
        if not cut.delta:
            self.end_background()
        self.published = cut.held
        assert replayed(self.runs) == cut.held
        if rewrite:
            reading = Reading(cut.reading.table, capture.full(size), cut.held)
            self.background.append((cut.recorded, reading, len(self.runs)))
        else:
            cut.recorded.release()

    @precondition(lambda self: self.cut is not None)
    @rule()
    def abandon(self) -> None:
        assert self.cut is not None
        self.cut.recorded.abandoned()
        self.cut = None

    @precondition(lambda self: self.background)
    @rule(data=st.data(), batches=st.integers(1, 3))
    def rewrite_some(self, data: st.DataObject, batches: int) -> None:
        entry = data.draw(st.sampled_from(self.background))
        recorded, reading, runs = entry
        if not reading.read(batches):
            assert replayed([reading.run]) == reading.held
            self.runs[:runs] = [reading.run]
            self.background = [(one, other, count - runs + 1) for one, other, count in self.background if count > runs]
            recorded.release()
            assert replayed(self.runs) == self.published

    def end_background(self) -> None:
        for recorded, _reading, _runs in self.background:
            recorded.release()
        self.background.clear()

    @rule(size=st.integers(1, 4), times=st.integers(1, 6))
    def fold(self, size: int, times: int) -> None:
        for _ in range(times):
            self.states.fold(size)

    @precondition(lambda self: self.cut is None and not self.background)
    @rule(size=st.integers(1, 100))
    def fold_everything(self, size: int) -> None:
        while self.states.fold(size):
            pass
        assert self.table.statistics().unfolded == 0
        assert self.table.statistics().captures == 0

    # ---------------------------------------------------------------------------------------------- crashes, rollbacks

    @precondition(lambda self: self.published)
    @rule(crash=st.booleans())
    def restore(self, crash: bool) -> None:
        """Go back to the last recovery point, in a process that lost its memory or in this one."""
        if crash:
            self.states, self.table = declared()
            self.walks.clear()
        self.states.check([stored(self.runs)]).apply()
        if self.cut is not None:
            if not crash and not self.cut.reading.done:
                with pytest.raises(UsageError, match="was ended by a restore"):
                    self.cut.reading.read(1)
            self.cut.recorded.abandoned()
            self.cut = None
        self.end_background()
        self.model = {key: copy.deepcopy(value) for _type, key, value in self.published}
        self.restores += 1

    # ------------------------------------------------------------------------------------------------------- judging

    @invariant()
    def equal(self) -> None:
        assert seen(self.table) == seen(self.model)
        assert len(self.table) == len(self.model)
        assert list(self.table) == list(self.model)
        assert list(reversed(self.table)) == list(reversed(self.model))
        assert self.table == self.model
        self.table.check()

    def teardown(self) -> None:
        """Whatever is still open can be brought to its end."""
        if self.cut is not None:
            self.publish(rewrite=False, size=1)
        for _recorded, reading, _runs in self.background:
            reading.read_all()
            assert replayed([reading.run]) == reading.held
