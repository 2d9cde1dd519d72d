"""The safeguards of what is written between a record and a restore, each taken out by one function.

Tables that are captured and told as deltas, runs that are merged, what may be named and what may be deleted, replicas.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pytest

from cutpoint.names import CutNumber
from cutpoint.protocol.messages import PackRef
from cutpoint.state.capture import TableCapture
from cutpoint.state.history import History
from cutpoint.state.table import Table
from cutpoint.store import KnownPart, Manifest, Run, StoredState, collect, collection_plan, replicate
from cutpoint.store.backend import Backend
from cutpoint.store.manifests import manifest_name
from cutpoint.store.marks import PointMarks, condemn, read_marks
from cutpoint.store.survey import Need, needed_by
from cutpoint_agents import writing
from cutpoint_agents.merging import Merged, with_merged
from cutpoint_agents.parts import Parts
from cutpoint_coordinator.collecting import Collecting

# ---------------------------------------------------------------------------------------------------------- captures


def touch_does_not_spare(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is changed in place while a cut is written is changed in the cut too."""

    def touch(self: Table[Any, Any], key: Any) -> None:
        changed = self._changed
        if changed is not None and key not in changed:
            changed[key] = True

    monkeypatch.setattr(Table, "touch", touch)


def edits_that_last_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """A capture in the midst of `Table.edit` does not keep the value of that moment."""
    capture = Table.capture

    def forgetting(self: Table[Any, Any], *, full: bool = False) -> TableCapture:
        edits, self._edits = self._edits, []
        try:
            return capture(self, full=full)
        finally:
            self._edits = edits

    monkeypatch.setattr(Table, "capture", forgetting)


def what_is_replaced_is_not_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    """A value that leaves the table while a cut is written is put aside as it is, and may still be changed."""
    spare = TableCapture.spare

    def shared(self: TableCapture, key: Any, value: Any) -> None:
        known = len(self.spared)
        spare(self, key, value)
        if len(self.spared) > known:
            self.spared[key] = value

    monkeypatch.setattr(TableCapture, "spare", shared)


def abandoned_changes_are_not_told_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """What changed before an abandoned cut is in no later delta."""
    resolve = History.resolve

    def forget(self: History, capture: TableCapture) -> None:
        resolve(self, capture)
        if capture.outcome == "abandoned" and self.base:
            self._unpublished = ()

    monkeypatch.setattr(History, "resolve", forget)


# ------------------------------------------------------------------------------------------------------------- deltas


def an_abandoned_cut_is_built_upon(monkeypatch: pytest.MonkeyPatch) -> None:
    """A part that is durable is what the next one builds on, whatever became of its cut."""
    record, discard = Parts.record, Parts.discard

    def keep_it(self: Parts, cut: CutNumber) -> None:
        written = None if self._writing is None else self._writing.part
        discard(self, cut)
        self._base = written or self._base

    def on_own_base(self: Parts, cut: CutNumber, base: CutNumber) -> None:
        record(self, cut, base if self._base is None else self._base.head.cut)

    monkeypatch.setattr(Parts, "discard", keep_it)
    monkeypatch.setattr(Parts, "record", on_own_base)


def merged_runs_come_last(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that was merged stands behind those that are newer."""

    def misplaced(
        stored: StoredState, base: KnownPart, merged: Merged | None, cut: CutNumber
    ) -> list[tuple[Sequence[Run], Sequence[PackRef]]]:
        runs = with_merged(stored, base, merged, cut)
        return [runs[0], runs[2], runs[1]] if len(runs) == 3 else runs

    monkeypatch.setattr(writing, "with_merged", misplaced)


def merged_runs_replace_whatever_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that was merged replaces the last ones, whether or not it was made of them."""

    def blindly(
        stored: StoredState, base: KnownPart, merged: Merged | None, cut: CutNumber
    ) -> list[tuple[Sequence[Run], Sequence[PackRef]]]:
        if merged is None or len(with_merged(stored, base, merged, cut)) == 3:
            return with_merged(stored, base, merged, cut)
        first = max(0, len(stored.runs) - len(merged.replaced))
        return [(stored.runs[:first], base.packs), ((merged.run.run,), merged.run.packs)]

    monkeypatch.setattr(writing, "with_merged", blindly)


# --------------------------------------------------------------------------------------------------------- collecting


def only_fresh_packs_are_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A collection thinks that a recovery point needs only what its own cut has written."""

    def fresh(manifests: Iterable[Manifest]) -> dict[str, Need]:
        manifests = tuple(manifests)
        own = {pack.name() for m in manifests for part in m.parts for pack in part.packs if pack.era == m.cut - 1}
        return {name: need for name, need in needed_by(manifests).items() if name in own}

    monkeypatch.setattr(collection_plan, "needed_by", fresh)


def young_packs_are_garbage(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pack that nothing names yet is deleted at once."""
    monkeypatch.setattr(collection_plan, "ERA_SPAN", -1)


def the_registry_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A manifest goes before the registry has forgotten its recovery point."""
    monkeypatch.setattr(Collecting, "_forget", lambda self, cut: True)


def marks_made_meanwhile_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """A recovery point that was pinned after the plan was made goes all the same."""

    def whatever_was_seen(backend: Backend, seen: PointMarks, **options: Any) -> bool:
        return condemn(backend, read_marks(backend, seen.cut), **options)

    monkeypatch.setattr(collect, "condemn", whatever_was_seen)


# -------------------------------------------------------------------------------------------------------- replicating


def manifests_are_copied_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """A point's manifest is in the replica before its packs are."""
    copy = replicate.Replicator._copy_point

    def backwards(self: Any, point: Any, there: dict[str, int], complaints: list[str]) -> bool:
        self._create(manifest_name(point.manifest.cut), point.document)
        return copy(self, point, there, complaints)

    monkeypatch.setattr(replicate.Replicator, "_copy_point", backwards)
