"""Another coordinator takes over, in every phase of a cut and of a recovery."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cutpoint.names import CutNumber, Incarnation
from cutpoint.protocol import coordinator_effects as ask
from cutpoint.protocol import coordinator_events as was
from cutpoint.protocol.messages import Abandon, Admit, Begin, CutRefused, Prepare, Published, Start
from tests.protocol.coordination_rig import Rig, of_type, running, with_new_leader

ONE, TWO = CutNumber(1), CutNumber(2)


def numbering(rig: Rig) -> None:
    rig.step(rig.request_cut())
    rig.commit(rig.writes[-1])


def gathering(rig: Rig) -> None:
    numbering(rig)
    rig.step(was.LedgerWritten(now=rig.now(), request=rig.writes[-1].request))
    rig.step(rig.stored("a", 1))


def checking(rig: Rig) -> None:
    gathering(rig)
    rig.step(rig.stored("b", 1))


def writing(rig: Rig) -> None:
    checking(rig)
    rig.step(was.PartsChecked(now=rig.now(), cut=ONE, complaints=()))


def abandoning(rig: Rig) -> None:
    gathering(rig)
    rig.step(rig.says("b", CutRefused(cut=ONE, reason="no")))


def taken_over(rig: Rig) -> Rig:
    return with_new_leader(
        rig, "a", "b", joins=lambda _: {"incarnation": rig.ledger().computation.incarnation, "cut": 1}
    )


@pytest.mark.parametrize("chapter", [numbering, gathering, checking, writing, abandoning])
def test_a_cut_without_a_manifest_is_abandoned_by_the_next_leader(chapter: Callable[[Rig], None]) -> None:
    rig = running("a", "b")
    chapter(rig)
    taken_over(rig)
    reason = "the coordinator that opened it is gone, and it was not complete"
    assert rig.ledger().abandoned[ONE].reason == reason
    assert rig.said_to("a", Abandon)[-1].cut == rig.said_to("b", Abandon)[-1].cut == ONE
    rig.run(rig.request_cut("next"))
    assert rig.answers["next"] == [ask.CutOpened(cut=TWO)]


def with_manifest(rig: Rig) -> None:
    writing(rig)
    (effect,) = [effect for effect in rig.story if isinstance(effect, ask.WriteManifest)]
    rig.manifests[ONE] = effect.point


def not_yet_published(rig: Rig) -> None:
    with_manifest(rig)
    rig.step(rig.manifest_written(1))


@pytest.mark.parametrize("chapter", [with_manifest, not_yet_published])
def test_a_cut_with_a_manifest_is_published_by_the_next_leader(chapter: Callable[[Rig], None]) -> None:
    rig = running("a", "b")
    chapter(rig)
    taken_over(rig)
    assert list(rig.ledger().points) == [1]
    assert rig.ledger().computation.open_cut == 0
    assert rig.ledger().computation.base == 1
    assert rig.said_to("a", Published)[-1].cut == ONE


def test_the_end_of_a_found_cut_is_durable_before_anybody_hears_of_it() -> None:
    rig = running("a", "b")
    gathering(rig)
    rig.new_leader()
    assert rig.load() == (ask.FindManifest(cut=ONE),)
    rig.step(rig.arrives("a", incarnation=1, cut=1))
    (write,) = rig.step(was.ManifestFound(now=rig.now(), cut=ONE, point=None))
    assert isinstance(write, ask.WriteLedger)
    assert rig.said_to("a", Abandon) == []
    rig.commit(write)
    rig.step(was.LedgerWritten(now=rig.now(), request=write.request))
    assert [message.cut for message in rig.said_to("a", Abandon)] == [1]


def test_members_that_return_while_a_cut_is_looked_for_do_not_begin_it_again() -> None:
    rig = running("a", "b")
    gathering(rig)
    rig.new_leader()
    rig.load()
    rig.step(rig.arrives("b", incarnation=1))
    assert len(rig.said_to("b", Admit)) == 1
    assert rig.said_to("b", Admit)[0].cut == 0
    assert rig.said_to("b", Begin) == []


def test_a_manifest_of_another_cut_is_no_answer() -> None:
    rig = running("a", "b")
    with_manifest(rig)
    rig.new_leader()
    rig.load()
    point = rig.manifests[ONE]
    assert rig.step(was.ManifestFound(now=rig.now(), cut=TWO, point=point)) == ()
    assert rig.step(was.ManifestFound(now=rig.now(), cut=ONE, point=None)) != ()


def test_a_number_is_never_used_again_by_any_leader() -> None:
    rig = running("a", "b")
    used = []
    for _ in range(4):
        rig.run(rig.request_cut())
        used.append(rig.core.ledger.computation.open_cut)
        taken_over(rig)
    assert used == [1, 2, 3, 4]


# -------------------------------------------------------------------------------------------------------- recoveries


def recovering(rig: Rig) -> None:
    """a has lost its memory, and everybody was told to prepare."""
    rig.publish("a", "b")
    rig.run(rig.leaves_the_line("a"))
    rig.reborn("a")
    rig.run(rig.arrives("a"))


def test_a_recovery_that_was_being_prepared_is_begun_again_as_the_next_incarnation() -> None:
    rig = running("a", "b")
    recovering(rig)
    rig.run(rig.ready("a"))
    rig.new_leader()
    rig.run(was.LedgerLoaded(now=rig.now(), ledger=rig.ledger()))
    rig.run(rig.arrives("a", prepared=2))
    rig.run(rig.arrives("b", incarnation=1, prepared=2))
    assert [message.incarnation for message in rig.said_to("a", Prepare)] == [3]
    rig.run(rig.ready("a"))
    rig.run(rig.ready("b"))
    assert rig.said_to("b", Start) == [Start(incarnation=Incarnation(3))]
    recovery = rig.ledger().recoveries[Incarnation(3)]
    assert (recovery.cut, recovery.lost, recovery.reason) == (1, ("a",), "a lost its memory")


def test_who_missed_the_start_is_told_again_by_the_next_leader() -> None:
    rig = running("a", "b")
    recovering(rig)
    rig.run(rig.ready("a"))
    rig.step(rig.ready("b"))
    rig.commit(rig.writes[-1])
    rig.new_leader()
    rig.run(was.LedgerLoaded(now=rig.now(), ledger=rig.ledger()))
    rig.run(rig.arrives("a", prepared=2))
    effects = rig.run(rig.arrives("b", incarnation=1, prepared=2, cut=1))
    for name in ("a", "b"):
        assert [type(message) for message in rig.heard[rig.lines[name]]] == [Admit, Start]
    assert of_type(effects, ask.WriteLedger) == []
    assert rig.publish("a", "b").cut == 2


def test_the_loss_of_memory_is_noticed_by_the_next_leader() -> None:
    rig = running("a", "b")
    rig.publish("a", "b")
    rig.reborn("a")
    with_new_leader(rig, "a", "b", joins=lambda name: {"incarnation": 0 if name == "a" else 1})
    assert rig.ledger().computation.recovering is not None
    assert [message.cut for message in rig.said_to("a", Prepare)] == [1]
