from __future__ import annotations

import random
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from cutpoint.errors import ConfigurationError, Damaged, UsageError
from cutpoint.names import CutNumber
from cutpoint.store import Backend, DirectoryBackend, MemoryBackend, list_manifests, manifest_name, read_manifest
from cutpoint.store.collect import Collector
from cutpoint.store.keys import KeyRing
from cutpoint.store.marks import add_mark, read_marks
from cutpoint.store.pacing import Pace
from cutpoint.store.replica import copying_name, promote, read_replica_note
from cutpoint.store.replicate import Copied, Lag, Replicator
from cutpoint.store.retention import Policy
from cutpoint.store.survey import needed_by
from cutpoint.testing.interrupted import every_crash

from .histories import START, History, copy_of, objects_of
from .test_collect import Busy, collector, damage, lived, mark

NONE_LEFT = Lag(points=0, bytes=0, seconds=0.0)


def replicator(history: History, replica: Backend, **fields: Any) -> Replicator:
    return Replicator(source=history.backend, replica=replica, keys=history.keys, **fields)


def of_the_source(replica: Backend) -> dict[str, bytes]:
    """What the replica has of its source: everything but what says that it is a replica."""
    found = objects_of(replica)
    del found["replica.json"]
    return found


def test_a_round_copies_every_point_with_all_that_it_needs(tmp_path: Path) -> None:
    history, replica = lived(), DirectoryBackend(tmp_path)
    mark(history, 3, "label", "a")
    mark(history, 3, "pin")
    done = replicator(history, replica).round()
    assert done.points == tuple(history.contents)
    assert (done.lag, done.complaints, done.stopped) == (NONE_LEFT, (), False)
    assert history.complaints(replica) == []
    source = objects_of(history.backend)
    copied = of_the_source(replica)
    assert copied == {name: source[name] for name in copied}
    assert set(copied) >= {name for name in source if not name.startswith("packs/")}
    assert done.bytes == sum(map(len, copied.values())) - len(copied["store.json"])
    assert read_marks(replica, CutNumber(3)) == read_marks(history.backend, CutNumber(3))
    note = read_replica_note(replica)
    assert note is not None
    assert note.source == "memory:unnamed"


def test_the_next_round_copies_what_is_new_and_nothing_twice() -> None:
    history, replica = lived(), MemoryBackend("replica")
    replicator(history, replica).round()
    again = replicator(history, replica).round()
    assert (again.points, again.objects, again.bytes) == ((), 0, 0)
    history.change(3)
    cut = history.cut()
    mark(history, 2, "label", "late")
    third = replicator(history, replica).round()
    assert (third.points, third.objects) == ((cut,), 1 + len(history.services) + 1)
    assert read_marks(replica, CutNumber(2)).labels == ("late",)


def test_the_lag_counts_points_bytes_and_seconds() -> None:
    history, replica = lived(3), MemoryBackend("replica")
    assert replicator(history, replica).lag().seconds is None
    replicator(history, replica).round()
    assert replicator(history, replica).lag() == NONE_LEFT
    for _ in range(2):
        history.change(3)
        history.cut()
    before = replicator(history, replica).lag()
    assert (before.points, before.seconds) == (2, 1200.0)
    assert replicator(history, replica).round().bytes == before.bytes


def test_progress_is_told_in_bytes_up_to_the_end() -> None:
    history, replica = lived(), MemoryBackend("replica")
    told: list[Copied] = []
    done = replicator(history, replica, progress=told.append).round()
    assert [each.bytes_done for each in told] == sorted(each.bytes_done for each in told)
    assert told[-1].bytes_done == told[-1].bytes_total == done.bytes
    assert len(told) == done.objects


def test_stopped_at_any_moment_the_replica_has_whole_points_only_and_the_next_round_ends_it(
    record_count: Callable[[str, object], None],
) -> None:
    history = lived(9)
    mark(history, 2, "label", "a")
    whole = MemoryBackend("replica")
    replicator(history, whole).round()
    ended = objects_of(whole)
    crashes = 0
    for crash in every_crash(
        lambda: MemoryBackend("replica"), lambda backend: replicator(history, backend).round(), writes_only=False
    ):
        crashes += 1
        assert history.complaints(crash.store) == []
        replicator(history, crash.store).round()
        assert objects_of(crash.store) == ended
    assert crashes > 50
    record_count("moments at which a replication was stopped", crashes)


def test_told_to_stop_it_stops_and_tells_the_lag_that_is_left() -> None:
    history, replica = lived(9), MemoryBackend("replica")
    told: list[Copied] = []
    pace = Pace(stop=lambda: len(told) >= 10)
    done = replicator(history, replica, progress=told.append, pace=pace).round()
    assert done.stopped
    assert done.points == list_manifests(replica)
    assert done.lag.points == len(history.contents) - len(done.points)
    assert history.complaints(replica) == []


def test_what_is_damaged_in_the_source_is_named_left_out_and_copied_once_it_is_mended() -> None:
    history, replica = lived(9), MemoryBackend("replica")
    sound = copy_of(history.backend)
    pack = next(name for name in history.backend.list("packs/000000000006/"))
    for name in (pack, manifest_name(CutNumber(3))):
        damage(history.backend, name)
    done = replicator(history, replica).round()
    assert 3 not in done.points
    assert any(manifest_name(CutNumber(3)) in complaint for complaint in done.complaints)
    spoiled = [complaint for complaint in done.complaints if pack in complaint]
    assert spoiled[0].startswith("recovery point 7 was not copied: object packs/")
    assert done.lag.points == len(spoiled)
    assert history.complaints(replica) == []
    for name in (pack, manifest_name(CutNumber(3))):
        history.backend.delete(name)
        history.backend.create(name, sound.read(name))
    mended = replicator(history, replica).round()
    assert mended.complaints == ()
    assert list_manifests(replica) == list_manifests(history.backend)
    assert history.complaints(replica) == []


def test_nothing_in_the_replica_is_overwritten() -> None:
    history, replica = lived(5), MemoryBackend("replica")
    replicator(history, replica).round()
    history.change(3)
    cut = history.cut()
    pack = history.backend.list(f"packs/{cut - 1:012}/")[0]
    replica.create(pack, b"something else")
    done = replicator(history, replica).round()
    assert (done.points, done.lag.points) == ((), 1)
    (complaint,) = done.complaints
    assert f"object {pack} in memory:replica is there already" in complaint
    assert replica.read(pack) == b"something else"


def test_a_store_of_its_own_never_becomes_a_replica() -> None:
    history, other = lived(3), lived(4, backend=MemoryBackend("other"))
    before = objects_of(other.backend)
    with pytest.raises(ConfigurationError, match="memory:other is a store of its own; nothing was copied"):
        replicator(history, other.backend).round()
    assert objects_of(other.backend) == before
    replica = MemoryBackend("replica")
    replicator(history, replica).round()
    with pytest.raises(ConfigurationError, match="memory:replica is a replica of another store; nothing was copied"):
        replicator(other, replica).round()
    with pytest.raises(ConfigurationError, match="is a store of its own; nothing was copied"):
        Replicator(source=replica, replica=history.backend).round()
    with pytest.raises(ConfigurationError, match="cannot be its own replica"):
        replicator(history, history.backend).round()
    with pytest.raises(ConfigurationError, match=r"holds no store\.json"):
        Replicator(source=MemoryBackend("empty"), replica=replica).round()


def test_with_keys_what_nobody_trusted_has_signed_is_not_copied() -> None:
    history, replica = History(MemoryBackend(), keys=KeyRing.generate()), MemoryBackend("replica")
    history.cut()
    history.change(3)
    history.cut()
    assert replicator(history, replica).round().points == (1, 2)
    foreign = Replicator(source=history.backend, replica=MemoryBackend("other"), keys=KeyRing.generate())
    done = foreign.round()
    assert done.points == ()
    assert all("trusted" in complaint for complaint in done.complaints)


def replica_collector(history: History, replica: Backend, policy: str = "last 1", **fields: Any) -> Collector:
    return collector(replica, policy, source=history.backend, **fields)


def test_a_replica_keeps_what_its_source_has_and_longer_if_its_own_policy_says_so() -> None:
    history, replica = lived(20), MemoryBackend("replica")
    replicator(history, replica).round()
    mark(history, 3, "pin")
    collector(history.backend, "last 2").run()
    replicator(history, replica).round()
    replica_collector(history, replica, "last 5").run()
    assert list_manifests(history.backend) == (3, 18, 20)
    assert list_manifests(replica) == (3, 15, 16, 17, 18, 20)
    ended = replica_collector(history, replica, "last 1").run()
    assert list_manifests(replica) == (3, 18, 20)
    assert history.complaints(replica) == []
    assert set(replica.list("packs/")) <= set(history.backend.list("packs/"))
    reasons = {verdict.cut: verdict.reasons for verdict in ended.plan.retention.verdicts}
    assert reasons[CutNumber(18)] == ("the source has it",)
    assert replicator(history, replica).round().points == ()


def test_a_replica_is_never_collected_without_its_source_nor_with_another() -> None:
    history, replica = lived(6), MemoryBackend("replica")
    replicator(history, replica).round()
    before = objects_of(replica)
    with pytest.raises(UsageError, match=r"memory:replica is a replica: .* nothing was deleted; name the source too"):
        collector(replica, "last 1").run()
    with pytest.raises(ConfigurationError, match=r"is a replica, but not of memory:other: .* nothing was deleted"):
        collector(replica, "last 1", source=lived(5, seed=2, backend=MemoryBackend("other")).backend).run()
    with pytest.raises(UsageError, match="is no replica and has no source"):
        collector(history.backend, "last 1", source=replica).run()
    assert objects_of(replica) == before


def test_when_the_source_is_gone_the_replica_becomes_a_store_and_goes_on_exactly() -> None:
    history, replica = lived(12), MemoryBackend("replica")
    replicator(history, replica).round()
    replica.create(copying_name(CutNumber(99)), b"left over")
    for name in history.backend.list(""):
        history.backend.delete(name)
    promote(replica)
    promote(replica)
    assert (read_replica_note(replica), replica.list("copying/")) == (None, ())
    history.backend = replica
    history.recover(history.base)
    for _ in range(12):
        history.change(3)
        history.merge()
        history.cut()
    collector(replica, "last 2").run()
    assert list_manifests(replica) == (23, 24)
    assert history.complaints() == []


def test_a_drop_of_the_source_is_not_copied_the_replica_judges_for_itself() -> None:
    history, replica = lived(6), MemoryBackend("replica")
    mark(history, 2, "label", "a")

    def die(cut: CutNumber) -> bool:
        raise Damaged("the registry is gone")

    with pytest.raises(Damaged):
        collector(history.backend, "last 1", forget=lambda cut: cut < 2 or die(cut)).run()
    assert read_marks(history.backend, CutNumber(2)).condemned
    replicator(history, replica).round()
    assert [mark.event for mark in read_marks(replica, CutNumber(2)).marks] == ["label"]
    add_mark(history.backend, CutNumber(2), "spare", by="ada", at=START)
    replicator(history, replica).round()
    assert read_marks(replica, CutNumber(2)) == read_marks(history.backend, CutNumber(2))


class Before:
    """A store in which ``live`` runs once: before ``call`` is made for the ``time``-th time with that ``prefix``."""

    def __init__(self, inner: Backend, call: str, prefix: str, live: Callable[[], None], *, time: int = 1) -> None:
        self._inner = inner
        self._left = time
        self._when = (call, prefix)
        self._live: Callable[[], None] | None = live

    def __getattr__(self, called: str) -> Any:
        found = getattr(self._inner, called)
        call, prefix = self._when
        if called != call:
            return found

        def with_life_before(name: str, *arguments: Any, **fields: Any) -> Any:
            self._left -= name.startswith(prefix)
            if self._live and not self._left:
                live, self._live = self._live, None
                live()
            return found(name, *arguments, **fields)

        return with_life_before


def left_out_once() -> tuple[History, MemoryBackend, CutNumber]:
    """A replica that has packs of a point which was left out, because another pack was damaged that is mended now."""
    history, replica = lived(9), MemoryBackend("replica")
    cut = list_manifests(history.backend)[-2]
    head = history.backend.list(f"packs/{cut - 1:012}/")[-1]
    sound = history.backend.read(head)
    damage(history.backend, head)
    replicator(history, replica).round()
    assert cut not in list_manifests(replica)
    history.backend.delete(head)
    history.backend.create(head, sound)
    assert replica.list(f"packs/{cut - 1:012}/")
    return history, replica, cut


def drop_in_the_source(history: History, *cuts: CutNumber) -> None:
    """Let the source drop ``cuts`` and all that only they need."""
    keep = dict.fromkeys(set(list_manifests(history.backend)) - set(cuts), "it stays")
    collector(history.backend, "last 1", protected=keep, begun=CutNumber(1000)).run()
    assert not set(cuts) & set(list_manifests(history.backend))


def test_a_collection_spares_packs_that_the_source_still_has() -> None:
    history, replica, cut = left_out_once()
    collect = replica_collector(history, replica)
    busy: Any = Before(replica, "create", "copying/", lambda: assert_done(collect.run()))
    done = Replicator(source=history.backend, replica=busy).round()
    assert cut in done.points
    assert history.complaints(replica) == []


def assert_done(ended: Any) -> None:
    assert not ended.stopped


def merged_away() -> tuple[History, MemoryBackend, CutNumber, str]:
    """As `left_out_once`, and a pack that only the point needs which was left out, and that the replica has."""
    history, replica = lived(9), MemoryBackend("replica")
    for _ in range(8):
        history.change(20)
        history.merge()
        history.cut()
    cuts = list_manifests(history.backend)
    only = {cut: needed_only_by(history, cut) for cut in cuts[:-1]}
    cut = max(cut for cut, packs in only.items() if len(packs) > 1)
    kept, hurt = only[cut][0], only[cut][-1]
    sound = history.backend.read(hurt)
    damage(history.backend, hurt)
    replicator(history, replica).round()
    history.backend.delete(hurt)
    history.backend.create(hurt, sound)
    assert cut not in list_manifests(replica)
    assert replica.size(kept)
    return history, replica, cut, kept


def needed_only_by(history: History, cut: CutNumber) -> list[str]:
    manifests = [read_manifest(history.backend, each) for each in list_manifests(history.backend)]
    return sorted(name for name, need in needed_by(manifests).items() if need.cuts == (cut,))


def test_a_point_that_the_source_drops_while_it_is_copied_is_copied_whole_or_not_at_all() -> None:
    history, replica, cut, pack = merged_away()

    def drop_and_collect() -> None:
        drop_in_the_source(history, cut)
        replica_collector(history, replica).run()

    replicator(history, replica).round()
    replica.delete(manifest_name(cut))  # all its packs are there, as when a round could not write the manifest
    early: Any = Before(replica, "create", "copying/", drop_and_collect)
    done = Replicator(source=history.backend, replica=early).round()
    assert cut not in done.points
    assert (replica.size(pack), replica.size(manifest_name(cut))) == (None, None)
    assert replica.list("copying/") == ()
    history, replica, cut, pack = merged_away()
    late: Any = Before(replica, "create", manifest_name(cut), drop_and_collect)
    done = Replicator(source=history.backend, replica=late).round()
    assert cut in done.points
    assert history.complaints(replica) == []


def test_a_collection_that_looks_while_a_copy_ends_sees_its_note_or_its_manifest() -> None:
    history, replica, cut, _ = merged_away()
    reached, go_on = threading.Event(), threading.Event()

    def wait() -> None:
        reached.set()
        go_on.wait(30)

    slow: Any = Before(replica, "create", manifest_name(cut), wait)
    with ThreadPoolExecutor(1) as thread:
        copying = thread.submit(Replicator(source=history.backend, replica=slow).round)
        reached.wait(30)
        drop_in_the_source(history, cut)

        def end_the_copy() -> None:
            go_on.set()
            copying.result(30)

        looking: Any = Before(replica, "list", "copying/", end_the_copy, time=2)  # when it looks for garbage
        replica_collector(history, looking, "last 99").run()
    assert cut in list_manifests(replica)
    assert history.complaints(replica) == []


def test_a_collection_looks_at_the_source_first() -> None:
    history, replica, cut, _ = merged_away()
    replicator(history, replica).round()
    replica.delete(manifest_name(cut))
    reached, go_on = threading.Event(), threading.Event()

    def wait() -> None:
        reached.set()
        go_on.wait(30)

    slow: Any = Before(replica, "create", manifest_name(cut), wait)
    with ThreadPoolExecutor(1) as thread:
        copying: list[Future[Any]] = []

        def begin_a_copy() -> None:
            copying.append(thread.submit(Replicator(source=history.backend, replica=slow).round))
            reached.wait(30)
            drop_in_the_source(history, cut)

        source: Any = Before(history.backend, "list", "packs/", begin_a_copy, time=2)
        collector(replica, "last 1", source=source).run()
        go_on.set()
        assert cut in copying[0].result(30).points
    assert history.complaints(replica) == []


@pytest.mark.parametrize("seed", range(12))
def test_cuts_collections_and_replication_beside_each_other_harm_neither_store(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for constant in ("survey.READERS", "replicate.COPIERS"):
        monkeypatch.setattr(f"cutpoint.store.{constant}", 1)  # so that the same seed is the same story
    history, replica = lived(12, seed=seed), MemoryBackend("replica")
    replicator(history, replica).round()
    chance = random.Random(seed)

    def live_in_the_source() -> None:
        match chance.randrange(30):
            case 0:
                history.change(3)
                history.merge()
                history.cut()
            case 1:
                history.recover(chance.choice(list_manifests(history.backend)[-4:]))
            case 2:
                collector(history.backend, "last 3", protected={history.base: "it is needed"}).run()

    def live_in_both() -> None:
        live_in_the_source()
        if not chance.randrange(60):
            replica_collector(history, replica).run()

    def replicate_meanwhile() -> None:
        live_in_the_source()
        if not chance.randrange(60):
            replicator(history, replica).round()

    for _ in range(3):
        busy_source: Any = Busy(history.backend, live_in_both)
        busy_replica: Any = Busy(replica, live_in_both)
        Replicator(source=busy_source, replica=busy_replica).round()
        assert history.complaints() == []
        assert history.complaints(replica) == []
        Collector(
            backend=Busy(replica, replicate_meanwhile),
            source=Busy(history.backend, replicate_meanwhile),
            policy=Policy(last=1),
            by="collect",
            at=START,
        ).run()
        assert history.complaints() == []
        assert history.complaints(replica) == []
    replicator(history, replica).round()
    assert set(list_manifests(replica)) >= set(list_manifests(history.backend))
    assert history.complaints(replica) == []
