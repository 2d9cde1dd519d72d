"""Every safeguard has an ablation: with it the story is safe, without it somebody notices.

The oracles (`tests.protocol.coordination_oracles`) watch every story of every coordination test; here they are shown
to be awake.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from cutpoint.names import CutNumber, Incarnation, ProcessName
from cutpoint.protocol import coordinator_events as was
from cutpoint.protocol.certificate import Certificate, Violation
from cutpoint.protocol.ledger import Ledger
from cutpoint.protocol.messages import CutRefused, Join, PartStored, PartSummary, Prepare, Unfit
from cutpoint.protocol.safeguards import Safeguards
from tests.protocol.coordination_rig import Rig, running
from tests.protocol.histories import Direction, recounted, session

ONE = CutNumber(1)


class NumberUsedAgain(Safeguards):
    def number_for_next_cut(self, ledger: Ledger) -> CutNumber:
        return CutNumber(max(ledger.points, default=0) + 1)


class BegunBeforeNumbered(Safeguards):
    def may_begin(self, ledger: Ledger, cut: CutNumber) -> bool:
        return True


class AnyPartCounts(Safeguards):
    def accepts_part(self, part: PartSummary, join: Join, cut: CutNumber, incarnation: Incarnation) -> bool:
        return True


class NothingProved(Safeguards):
    def prove(
        self,
        ledger: Ledger,
        cut: CutNumber,
        members: tuple[ProcessName, ...],
        released: tuple[ProcessName, ...],
        parts: Mapping[ProcessName, PartSummary],
    ) -> Certificate | tuple[Violation, ...]:
        empty = {name: recounted(part) for name, part in parts.items()}
        return super().prove(ledger, cut, members, released, empty)


class PartsNotReadBack(Safeguards):
    def may_write_manifest(self, complaints: tuple[str, ...]) -> bool:
        return True


class PublishedBeforeDurable(Safeguards):
    def may_publish(self, ledger: Ledger, cut: CutNumber) -> bool:
        return True


class NothingFenced(Safeguards):
    def next_incarnation(self, ledger: Ledger) -> Incarnation:
        return ledger.computation.incarnation


class StoppedBeforeFenced(Safeguards):
    def may_prepare(self, ledger: Ledger, incarnation: Incarnation) -> bool:
        return True


class StartedBeforeRecorded(Safeguards):
    def may_start(self, ledger: Ledger, incarnation: Incarnation) -> bool:
        return True


class AnythingForgotten(Safeguards):
    def needed(self, ledger: Ledger, cut: CutNumber) -> str:
        return ""


def two_cuts_the_first_abandoned(rig: Rig) -> None:
    rig.run(rig.request_cut("one"))
    rig.run(rig.says("a", CutRefused(cut=ONE, reason="no")))
    rig.run(rig.request_cut("two"))


def a_cut(rig: Rig) -> None:
    rig.publish("a", "b")


def a_part_of_another_life(rig: Rig) -> None:
    rig.run(rig.request_cut())
    rig.run(rig.stored("a", 1, life="another"))
    rig.run(rig.stored("b", 1))
    assert ONE not in rig.core.ledger.points, "a part of another life was published"


def a_lost_message(rig: Rig) -> None:
    rig.run(rig.request_cut())
    one, other = session("a", "b", there=Direction(sent=2, received=((1, 1),)), back=Direction())
    rig.run(rig.says("a", PartStored(summary=recounted(rig.summary("a", 1), one))))
    rig.run(rig.says("b", PartStored(summary=recounted(rig.summary("b", 1), other))))
    assert ONE not in rig.core.ledger.points, "a cut that lost a message was published"


def a_torn_part(rig: Rig) -> None:
    rig.run(rig.request_cut())
    rig.step(rig.stored("a", 1))
    rig.step(rig.stored("b", 1))
    rig.run(was.PartsChecked(now=rig.now(), cut=ONE, complaints=("a: torn",)))


def a_damaged_recovery_point(rig: Rig) -> None:
    rig.publish("a", "b")
    rig.publish("a", "b")
    rig.run(rig.request_recovery(2))
    incarnation = rig.said_to("a", Prepare)[-1].incarnation
    rig.run(rig.says("a", Unfit(incarnation=incarnation, reason="torn")))


def a_recovery(rig: Rig) -> None:
    rig.publish("a", "b")
    a_recovery_to(rig, 1)


def what_runs_descends_from_a_point_that_nobody_keeps(rig: Rig) -> None:
    rig.publish("a", "b")
    rig.publish("a", "b")
    a_recovery_to(rig, 1)
    rig.run(was.ForgetRequested(now=rig.now(), request="drop", cuts=(ONE,)))


def a_recovery_to(rig: Rig, target: int) -> None:
    rig.run(rig.request_recovery(target))
    rig.run(rig.ready("a"))
    rig.run(rig.ready("b"))


CASES: list[tuple[type[Safeguards], Callable[[Rig], None], str]] = [
    (NumberUsedAgain, two_cuts_the_first_abandoned, "the number 1 was used twice"),
    (BegunBeforeNumbered, a_cut, "cut 1 was begun before its number was durable"),
    (AnyPartCounts, a_part_of_another_life, "a part of another life was published"),
    (NothingProved, a_lost_message, "a cut that lost a message was published"),
    (PartsNotReadBack, a_torn_part, "the manifest of cut 1 was written without a check"),
    (PublishedBeforeDurable, a_cut, "cut 1 was announced before it was published"),
    (NothingFenced, a_damaged_recovery_point, "somebody was stopped for no recovery"),
    (StoppedBeforeFenced, a_recovery, "somebody was stopped before the fence was durable"),
    (
        AnythingForgotten,
        what_runs_descends_from_a_point_that_nobody_keeps,
        "what runs now descends from a point that was forgotten",
    ),
    (StartedBeforeRecorded, a_recovery, "somebody was started before the end was durable"),
]


@pytest.mark.parametrize("story", dict.fromkeys(story for _, story, _ in CASES))
def test_with_all_safeguards_the_story_is_safe(story: Callable[[Rig], None]) -> None:
    story(running("a", "b"))


@pytest.mark.parametrize(("ablation", "story", "complaint"), CASES, ids=[case[0].__name__ for case in CASES])
def test_without_a_safeguard_somebody_notices(
    ablation: type[Safeguards], story: Callable[[Rig], None], complaint: str
) -> None:
    rig = running("a", "b", safeguards=ablation())
    with pytest.raises(AssertionError) as noticed:
        story(rig)
    assert complaint in str(noticed.value)


def test_every_safeguard_has_an_ablation() -> None:
    safeguards = [name for name in vars(Safeguards) if not name.startswith("_")]
    ablated = [name for case in CASES for name in vars(case[0]) if not name.startswith("_")]
    assert sorted(ablated) == sorted(safeguards)
