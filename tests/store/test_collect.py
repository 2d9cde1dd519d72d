from __future__ import annotations

import random
from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from cutpoint.errors import StoreError
from cutpoint.names import CutNumber
from cutpoint.store import Backend, MemoryBackend, list_manifests, manifest_name
from cutpoint.store.collect import Collector, Deleted
from cutpoint.store.collection_plan import ERA_SPAN, CollectionPlan
from cutpoint.store.marks import add_mark, read_marks
from cutpoint.store.pacing import Pace
from cutpoint.store.retention import Policy
from cutpoint.store.survey import era_of, kind_of
from cutpoint.testing.interrupted import every_crash

from .histories import START, History, copy_of, objects_of


def collector(backend: Backend, policy: str = "last 3", **fields: Any) -> Collector:
    return Collector(backend=backend, policy=Policy.parse(policy), by="collect", at=START, **fields)


def lived(cuts: int = 20, *, seed: int = 1, backend: Backend | None = None) -> History:
    """A computation after so many cuts: some abandoned, some merges, a few labels and pins."""
    history = History(backend or MemoryBackend(), seed=seed)
    for number in range(1, cuts + 1):
        history.change(5)
        history.merge()
        if number % 5 == 4:
            history.abandon()
        else:
            history.cut()
    return history


def mark(history: History, cut: int, event: Any, label: str = "") -> None:
    add_mark(history.backend, CutNumber(cut), event, label=label, by="ada", at=START)


def fates(plan: CollectionPlan, kind: str) -> dict[str, set[str]]:
    """The names of one kind of objects by fate, short."""
    found: dict[str, set[str]] = {}
    for each in plan.objects:
        if kind_of(each.name) == kind:
            found.setdefault(each.fate, set()).add(each.name)
    return found


def test_what_the_policy_drops_goes_with_all_that_only_it_needed() -> None:
    history = lived()
    mark(history, 5, "pin")
    mark(history, 6, "label", "release-1")
    mark(history, 7, "label", "nothing")
    before = objects_of(history.backend)
    ended = collector(history.backend, "last 3, label release*").run()
    assert list_manifests(history.backend) == (5, 6, 17, 18, 20)
    assert ended.dropped == tuple(cut for cut in history.contents if cut not in (5, 6, 17, 18, 20))
    assert history.complaints() == []
    after = objects_of(history.backend)
    assert ended.bytes_freed == sum(
        len(data) for name, data in before.items() if name not in after and "marks" not in name
    )
    assert [name for name in after if name.startswith("marks/")] == [
        "marks/000000000005/000001.json",
        "marks/000000000006/000001.json",
    ]
    left = fates(collector(history.backend, "last 3, label release*").plan(), "pack")
    assert left.keys() == {"needed", "young"}
    assert all(era_of(name) + ERA_SPAN >= 20 for name in left["young"])


def test_a_plan_changes_nothing_and_says_what_becomes_of_every_object() -> None:
    history = lived()
    mark(history, 3, "label", "a")
    mark(history, 20, "pin")
    history.backend.create("notes.txt", b"mine")
    before = objects_of(history.backend)
    plan = collector(history.backend).plan()
    assert objects_of(history.backend) == before
    assert [each.name for each in plan.objects] == sorted(before)
    assert [each.bytes for each in plan.objects] == [len(before[each.name]) for each in plan.objects]
    assert all(each.why for each in plan.objects)
    assert plan.retention.kept == (17, 18, 20)
    assert fates(plan, "manifest")["kept"] == {manifest_name(CutNumber(cut)) for cut in (17, 18, 20)}
    assert fates(plan, "mark") == {
        "dropped": {"marks/000000000003/000001.json"},
        "kept": {"marks/000000000020/000001.json"},
    }
    assert fates(plan, "unknown") == {"unknown": {"notes.txt"}}
    assert plan.complaints == ("object notes.txt in memory:unnamed is not Cutpoint's",)
    ended = collector(history.backend).run(plan)
    gone = set(before) - set(objects_of(history.backend))
    assert gone == {each.name for each in plan.of("dropped", "garbage")}
    assert ended.packs == len(fates(plan, "pack")["garbage"])


def test_collecting_again_does_nothing() -> None:
    history = lived()
    collector(history.backend).run()
    once = objects_of(history.backend)
    again = collector(history.backend).run()
    assert objects_of(history.backend) == once
    assert (again.dropped, again.packs, again.bytes_freed) == ((), 0, 0)


def test_stopped_at_any_moment_every_point_is_whole_and_the_next_collection_ends_it(
    record_count: Callable[[str, object], None],
) -> None:
    history = lived(16)
    mark(history, 2, "label", "a")
    mark(history, 2, "pin")
    mark(history, 2, "unpin")
    whole = copy_of(history.backend)
    collector(whole).run()
    ended = objects_of(whole)
    crashes = 0
    for crash in every_crash(lambda: copy_of(history.backend), lambda backend: collector(backend).run()):
        crashes += 1
        assert history.complaints(crash.store) == []
        assert set(list_manifests(crash.store)) >= {13, 15, 16}
        collector(crash.store).run()
        assert objects_of(crash.store) == ended
    assert crashes > 30
    record_count("moments at which a collection was stopped", crashes)


class Busy:
    """A store in which life goes on before each operation: what a slow collection meets."""

    def __init__(self, inner: Backend, live: Callable[[], None]) -> None:
        self._inner = inner
        self._live = live

    def __getattr__(self, name: str) -> Any:
        if name != "url":
            self._live()
        return getattr(self._inner, name)


@pytest.mark.parametrize("seed", range(20))
def test_cuts_recoveries_and_marks_beside_a_collection_harm_nothing(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cutpoint.store.survey.READERS", 1)  # so that the same seed is the same story
    history = lived(14, seed=seed)
    chance = random.Random(seed)
    protected: set[CutNumber] = {history.base}
    pinned: set[CutNumber] = set()

    def forget(cut: CutNumber) -> bool:
        return cut not in protected

    def live() -> None:
        kind = chance.randrange(40)
        there = list_manifests(history.backend)
        if kind == 0:
            history.change(3)
            history.cut()
            protected.clear()
            protected.add(history.base)
        elif kind == 1:
            history.change(3)
            history.abandon()
        elif kind == 2:
            history.merge()
        elif kind == 3:
            target = chance.choice(there[-6:])
            if not read_marks(history.backend, target).condemned:
                history.recover(target)
                protected.clear()
                protected.add(target)
        elif kind == 4:
            target = chance.choice(there)
            if not read_marks(history.backend, target).condemned:
                mark(history, target, "pin")
                pinned.add(target)
        assert pinned <= set(list_manifests(history.backend))

    for _ in range(6):
        busy: Any = Busy(history.backend, live)
        collector(busy, "last 2", protected=dict.fromkeys(protected, "it is needed"), forget=forget).run()
        assert history.complaints() == []
        assert protected | pinned | {max(history.contents)} <= set(list_manifests(history.backend))


class Torn:
    """A store whose listing of manifests number ``torn`` takes long: of what comes meanwhile it shows the last only."""

    def __init__(self, inner: Backend, torn: int, live: Callable[[], None]) -> None:
        self._inner = inner
        self._left = torn
        self._live = live

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def list(self, prefix: str) -> tuple[str, ...]:
        before = self._inner.list(prefix)
        self._left -= prefix == "manifests/"
        if self._left or prefix != "manifests/":
            return before
        self._live()
        return (*before, self._inner.list(prefix)[-1])


@pytest.mark.parametrize("torn", range(1, 5))
def test_a_listing_that_misses_what_came_meanwhile_harms_nothing(torn: int) -> None:
    history = lived(3)

    def live() -> None:
        for _ in range(3 * ERA_SPAN):
            history.change(10)
            history.merge()
            history.cut()

    backend: Any = Torn(history.backend, torn, live)
    collector(backend, "last 1").run()
    assert history.complaints() == []
    assert history.last == 3 + 3 * ERA_SPAN


def test_a_plan_that_is_carried_out_years_later_harms_nothing() -> None:
    history = lived(12)
    old = collector(history.backend, "last 1")
    plan = old.plan()
    for _ in range(20):
        history.change(5)
        history.merge()
        history.cut()
    mark(history, 3, "pin")
    ended = old.run(plan)
    assert history.complaints() == []
    assert ended.spared == {CutNumber(3): "it was marked after the plan was made"}
    assert list_manifests(history.backend)[:2] == (3, 12)


def test_packs_of_a_cut_that_is_not_yet_published_are_never_garbage() -> None:
    history = lived(12)
    _, summaries, written = history.write()
    collector(history.backend, "last 1").run()
    packs = {pack.name() for summary in summaries for pack in summary.packs}
    assert packs <= set(history.backend.list("packs/"))
    assert written


def test_what_the_registry_will_not_forget_stays_and_can_be_pinned() -> None:
    history = lived(12)
    ended = collector(history.backend, "last 1", forget=lambda cut: cut != 5).run()
    assert ended.spared == {CutNumber(5): "it is needed by now"}
    assert list_manifests(history.backend) == (5, 12)
    mark(history, 5, "pin")
    assert history.complaints() == []


def test_a_manifest_whose_cut_was_abandoned_goes_whatever_the_policy() -> None:
    history = lived(8)
    ended = collector(history.backend, "last 9", void={CutNumber(8): "its cut was abandoned"}).run()
    assert ended.dropped == (8,)
    assert list_manifests(history.backend) == (1, 2, 3, 5, 6, 7)


def test_the_registry_forgets_before_the_manifest_goes() -> None:
    history = lived(8)
    there: list[tuple[int, bool]] = []

    def forget(cut: CutNumber) -> bool:
        there.append((cut, history.backend.size(manifest_name(cut)) is not None))
        return True

    collector(history.backend, "last 1", forget=forget).run()
    assert there == [(cut, True) for cut in (1, 2, 3, 5, 6, 7)]


def test_a_point_that_was_being_dropped_is_spared_if_it_must_stay_by_now() -> None:
    history = lived(8)

    def die(cut: CutNumber) -> bool:
        raise StoreError("the registry is gone")

    with pytest.raises(StoreError):
        collector(history.backend, "last 1", forget=die).run()
    assert read_marks(history.backend, CutNumber(1)).condemned
    collector(history.backend, "last 9", protected={CutNumber(1): "a recovery goes to it"}).run()
    assert list_manifests(history.backend) == (1, 2, 3, 5, 6, 7, 8)
    assert not read_marks(history.backend, CutNumber(1)).condemned


def damage(backend: Backend, name: str) -> None:
    data = backend.read(name)
    backend.delete(name)
    backend.create(name, data[:-100])


def test_a_manifest_that_cannot_be_read_is_kept_and_so_is_every_pack_that_it_may_name() -> None:
    history = lived(30)
    name = manifest_name(CutNumber(16))
    packs = {pack for pack in history.backend.list("packs/") if era_of(pack) < 16}
    damage(history.backend, name)
    ended = collector(history.backend, "last 2").run()
    assert list_manifests(history.backend) == (16, 28, 30)
    assert packs <= set(history.backend.list("packs/"))
    assert any(16 <= era_of(each.name) < 22 for each in ended.plan.of("garbage"))
    (complaint,) = ended.plan.complaints
    assert name in complaint
    (verdict,) = [verdict for verdict in ended.plan.retention.verdicts if verdict.cut == 16]
    assert verdict.reasons[0].startswith(f"it cannot be read: object {name}")


def test_a_point_whose_marks_cannot_be_read_is_kept() -> None:
    history = lived(8)
    mark(history, 2, "label", "a")
    damage(history.backend, "marks/000000000002/000001.json")
    assert collector(history.backend, "last 1").run().plan.retention.kept == (2, 8)
    assert list_manifests(history.backend) == (2, 8)


def test_marks_of_no_point_are_garbage_once_it_cannot_come_any_more() -> None:
    history = lived(8)
    history.backend.create("marks/000000000004/000001.json", b"of a cut that was abandoned")
    history.backend.create("marks/000000000009/000001.json", b"of a cut that may come")
    plan = collector(history.backend, "last 9").plan()
    assert fates(plan, "mark") == {
        "garbage": {"marks/000000000004/000001.json"},
        "young": {"marks/000000000009/000001.json"},
    }


def test_what_the_coordinator_knows_to_have_begun_makes_leftovers_garbage() -> None:
    history = History(MemoryBackend())
    for _ in range(12):
        history.change(3)
        history.abandon()
    assert collector(history.backend).run().packs == 0
    ended = collector(history.backend, begun=CutNumber(12)).run()
    assert ended.packs == len(history.services) * 4
    assert {era_of(name) for name in history.backend.list("packs/")} == set(range(4, 12))


def test_it_pauses_while_there_is_something_better_to_do_and_keeps_its_pace() -> None:
    history = lived(12)
    clock = [0.0]
    busy = [True] * 5
    deleted: list[tuple[float, Deleted]] = []

    def sleep(seconds: float) -> None:
        clock[0] += seconds

    pace = Pace(pause=lambda: bool(busy) and busy.pop(), per_second=2, sleep=sleep, clock=lambda: clock[0])
    ended = collector(
        history.backend, "last 1", pace=pace, progress=lambda each: deleted.append((clock[0], each))
    ).run()
    moments = [moment for moment, _ in deleted]
    assert moments[0] == pytest.approx(0.5)
    assert [later - earlier for earlier, later in pairwise(moments)] == pytest.approx([0.5] * (len(moments) - 1))
    assert sum(each.bytes for _, each in deleted) == ended.bytes_freed
    assert not ended.stopped


def test_told_to_stop_it_stops_between_two_deletions_and_the_next_one_goes_on() -> None:
    history = lived(12)
    deleted: list[Deleted] = []
    pace = Pace(stop=lambda: len(deleted) >= 3)
    ended = collector(history.backend, "last 1", pace=pace, progress=deleted.append).run()
    assert (ended.stopped, ended.dropped, len(deleted)) == (True, (1, 2, 3), 3)
    assert history.complaints() == []
    assert collector(history.backend, "last 1").run().dropped == (5, 6, 7, 8, 10, 11)


def test_times_decide_by_the_hour_and_the_day() -> None:
    history = History(MemoryBackend())
    for _ in range(30):
        history.change(2)
        history.cut()
    assert history.now() == START + timedelta(hours=5)
    plan = collector(history.backend, "hourly 3, daily 2").plan()
    assert plan.retention.kept == (23, 29, 30)
