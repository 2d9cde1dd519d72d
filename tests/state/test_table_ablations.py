"""Each safeguard of a table is needed: taken out, the machine that compares it to a dict finds what goes wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from cutpoint.errors import UsageError
from cutpoint.state import capture, layers, overlay, table
from cutpoint.state.capture import TableCapture
from cutpoint.state.history import History
from cutpoint.state.overlay import Overlay
from cutpoint.state.table import Table
from tests.state.table_machine import TableMachine

Ablate = Callable[[pytest.MonkeyPatch], None]

ONLY_FOUND = settings(
    max_examples=1500,
    stateful_step_count=40,
    phases=[Phase.generate],
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
)
"""It is enough that something is found; nobody wants it shrunk."""

unchanged_settle = overlay.settle
unchanged_gone_keys = layers.gone_keys
unchanged_resolve = History.resolve
unchanged_init = Table.__init__


def touch_without_telling_captures(patch: pytest.MonkeyPatch) -> None:
    def touch(self: Table[Any, Any], key: Any) -> None:
        self._items[key]
        if self._changed is not None:
            self._changed.setdefault(key, True)

    patch.setattr(Table, "touch", touch)


def touch_without_a_note_for_the_delta(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Table, "touch", lambda self, key: self._spare(key, self._items[key]))


def values_are_spared_without_a_copy(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(capture, "isolated", lambda value: value)


def values_that_leave_are_not_spared(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(TableCapture, "spare", lambda self, key, value: None)


def edits_are_forgotten_by_a_capture(patch: pytest.MonkeyPatch) -> None:
    class Forgetful(list[Any]):
        def __iter__(self) -> Iterator[Any]:
            return iter(())

    def begin(self: Table[Any, Any], label: str = "a table") -> None:
        unchanged_init(self, label)
        self._edits = Forgetful()

    patch.setattr(Table, "__init__", begin)


def abandoned_layers_are_lost(patch: pytest.MonkeyPatch) -> None:
    def resolve(self: History, ended: TableCapture) -> None:
        unchanged_resolve(self, ended)
        self._unpublished = ()

    patch.setattr(History, "resolve", resolve)


def moved_keys_are_not_removed_first(patch: pytest.MonkeyPatch) -> None:
    def gone_keys(some: Any) -> Iterator[Any]:
        return (key for key in unchanged_gone_keys(some) if not any(key in layer.changed for layer in some))

    patch.setattr(capture, "gone_keys", gone_keys)


def layers_of_abandoned_cuts_are_merged_without_their_order(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(layers, "changed_keys", lambda some: iter({key: None for layer in some for key in layer.changed}))


def layers_of_abandoned_cuts_are_told_one_by_one(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(capture, "changed_keys", lambda some: (key for layer in some for key in layer.changed))


def content_is_not_frozen(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Table, "_freeze", lambda self: self._items)


def folding_does_not_heed_who_reads(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(table, "settle", lambda top, _held, changes, spent: unchanged_settle(top, None, changes, spent))


def iterators_do_not_notice_captures_and_folds(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Table, "_epoch", property(lambda self: 0, lambda self, value: None))


def what_is_being_folded_may_be_written_on(patch: pytest.MonkeyPatch) -> None:
    def fold(self: Table[Any, Any], entries: int = 1) -> bool:
        while type(self._items) is Overlay and not self._history.held:
            self._epoch += 1
            if self._items.pending:
                self._items.drain(1)
                return True
            self._items = self._items.below
        return False

    patch.setattr(Table, "fold", fold)


def a_restore_leaves_the_captures(patch: pytest.MonkeyPatch) -> None:
    def restored(self: History, *, base: bool) -> None:
        self.base = base

    patch.setattr(History, "restored", restored)


def nothing_is_taken_down_between_capture_and_first_publish(patch: pytest.MonkeyPatch) -> None:
    def resolve(self: Table[Any, Any], ended: TableCapture) -> None:
        before = self._history.base
        self._history.resolve(ended)
        if not before:
            self._changed, self._gone = {}, {}

    patch.setattr(Table, "_resolve", resolve)


ABLATIONS: list[Ablate] = [
    touch_without_telling_captures,
    touch_without_a_note_for_the_delta,
    values_are_spared_without_a_copy,
    values_that_leave_are_not_spared,
    edits_are_forgotten_by_a_capture,
    abandoned_layers_are_lost,
    moved_keys_are_not_removed_first,
    layers_of_abandoned_cuts_are_merged_without_their_order,
    layers_of_abandoned_cuts_are_told_one_by_one,
    content_is_not_frozen,
    folding_does_not_heed_who_reads,
    iterators_do_not_notice_captures_and_folds,
    what_is_being_folded_may_be_written_on,
    a_restore_leaves_the_captures,
    nothing_is_taken_down_between_capture_and_first_publish,
]


@pytest.mark.parametrize("ablate", ABLATIONS, ids=lambda ablate: ablate.__name__)
def test_without_this_safeguard_a_table_is_no_dict(ablate: Ablate, monkeypatch: pytest.MonkeyPatch) -> None:
    ablate(monkeypatch)
    try:
        run_state_machine_as_test(TableMachine, settings=ONLY_FOUND)
    except (AssertionError, KeyError, RuntimeError, UsageError, pytest.fail.Exception):
        return
    pytest.fail("the machine finds nothing")
