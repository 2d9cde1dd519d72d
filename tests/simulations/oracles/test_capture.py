"""Whether what a process held when it recorded is what is stored, and what a restore puts in place."""

from __future__ import annotations

import dataclasses
from typing import Any

import msgspec
import pytest

from cutpoint.state import CapturedState, States
from cutpoint.state.batches import encode_batch
from cutpoint.state.capture import Batch
from cutpoint.state.formats import MSGPACK
from cutpoint.store import WholeState
from cutpoint_simulations.chronicle.observations import Recorded, Refilled
from cutpoint_simulations.oracles import Capture, Published
from tests.simulations.oracles.story import CUT, Stage, began, staged, till, vault

BOOK = {1: {"amount": 5, "notes": ["seen"]}, 2: {"amount": -2, "notes": []}}


def held(book: dict[int, Any], cash: int = 3) -> tuple[CapturedState, ...]:
    """What the vault holds, as it is watched."""
    states = States()
    states.value("cash", cash)
    states.table("book").update(book)
    return states.held()


def recorded() -> Stage:
    """Both record cut 1; the vault keeps a book."""
    return staged([*began(), Recorded(0.0, "till", CUT, 0, 1), Recorded(0.0, "vault", CUT, 0, 1, held(BOOK))])


def published(stage: Stage, *runs: Batch, cash: int = 3) -> Published:
    """A recovery point in which the book is stored as these runs."""
    point = stage.publish(till(), vault(cash=cash))
    chunks = tuple(encode_batch(MSGPACK, run, "book") for run in runs)
    book = WholeState(name="book", kind="table", version=1, format="msgpack", chunks=chunks)
    part = point.parts["vault"]
    stored = msgspec.structs.replace(part, states=(*part.states, book) if runs else part.states)
    return dataclasses.replace(point, parts={**point.parts, "vault": stored})


BASE = Batch([], [1, 2], [{"amount": 5, "notes": []}, BOOK[2]])
DELTA = Batch([1, 2], [1, 2], [BOOK[1], BOOK[2]])


def test_what_is_stored_as_it_was_recorded_is_sound() -> None:
    stage = recorded()
    assert Capture().published(published(stage, BASE, DELTA), stage.case) == ()


@pytest.mark.parametrize(
    ("runs", "says"),
    [
        ([BASE], "key 1 has {'amount': 5, 'notes': []} in the place of {'amount': 5, 'notes': ['seen']}"),
        ([BASE, Batch([2], [1], [BOOK[1]])], "key 2 has nothing in the place of {'amount': -2, 'notes': []}"),
        ([BASE, Batch([], [1, 3], [BOOK[1], 0])], "key 3 has 0 in the place of nothing"),
        ([BASE, Batch([1], [1], [BOOK[1]])], "its 2 keys are in another order, or of other types"),
    ],
    ids=["a change is missing", "a key is missing", "a key too many", "another order"],
)
def test_a_table_that_is_stored_otherwise_is_named(runs: list[Batch], says: str) -> None:
    stage = recorded()
    (violation,) = Capture().published(published(stage, *runs), stage.case)
    assert (violation.oracle, violation.cut, violation.process) == ("capture", CUT, "vault")
    assert violation.complaint == f"state 'book' of vault was recorded, its part holds something else: {says}"


def test_a_table_that_is_not_stored_is_named() -> None:
    stage = recorded()
    (violation,) = Capture().published(published(stage), stage.case)
    assert violation.complaint == "state 'book' of vault was recorded as a table, its part holds none"


def test_a_value_that_is_stored_otherwise_is_named() -> None:
    stage = recorded()
    (violation,) = Capture().published(published(stage, BASE, DELTA, cash=4), stage.case)
    assert (
        violation.complaint == "state 'cash' of vault was recorded, its part holds something else: 4 in the place of 3"
    )


def test_a_restore_that_puts_something_else_in_place_is_named_once() -> None:
    stage, oracle = recorded(), Capture()
    stage.chronicle.hear(Refilled(1.0, "vault", CUT, held(BOOK)))
    assert oracle.ended(stage.case, quiet=False) == ()
    stage.chronicle.hear(Refilled(2.0, "vault", CUT, held({**BOOK, 2: 0})))
    (violation,) = oracle.ended(stage.case, quiet=False)
    assert violation.complaint == (
        "state 'book' of vault was recorded, it was restored with something else: "
        "key 2 has 0 in the place of {'amount': -2, 'notes': []}"
    )
    assert oracle.ended(stage.case, quiet=False) == ()
