"""Whether what was dropped could go, and whether what could go was dropped."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest

from cutpoint.names import CutNumber, Digest, Incarnation
from cutpoint.protocol.ledger import AbandonedCut, Recovering, RecoveryPoint
from cutpoint.protocol.messages import PackRef
from cutpoint.store import Backend
from cutpoint.store.marks import Event, PointMarks, add_mark, condemn
from cutpoint_simulations.oracles import Case, Retention
from tests.simulations.oracles.story import CUT, Stage, staged, till, vault

AT = datetime(2026, 1, 1, tzinfo=UTC)
LAST = CutNumber(30)


class Kept(Stage):
    """A stage whose coordinator was told what to keep."""

    keep = "last 1, label keep*"

    @property
    def case(self) -> Case:
        """See `Stage.case`."""
        whole = super().case
        return Case(
            chronicle=whole.chronicle, inspect=whole.inspect, ledger=whole.ledger, clock=whole.clock, keep=self.keep
        )


def point(cut: int) -> RecoveryPoint:
    """Another one, of which nothing is stored."""
    return RecoveryPoint(
        cut=CutNumber(cut),
        incarnation=Incarnation(1),
        parent=CUT,
        members={},
        left=(),
        in_flight=0,
        bytes=0,
        duration_seconds=0.0,
        stall_seconds=0.0,
    )


def told() -> Kept:
    """Cut 1 is stored, cut 30 is the last; a mark says that cut 1 goes."""
    stage = Kept(chronicle=staged().chronicle)
    stage.publish(till(), vault())
    stage.amend(point(LAST))
    assert condemn(stage.backend, PointMarks(cut=CUT), by="test", at=AT)
    return stage


def forgotten(stage: Stage) -> list[str]:
    """What is said when the registry forgets cut 1."""
    gone = stage.ledger.points[CUT]
    stage.ledger = stage.ledger.without([CUT])
    return [str(violation) for violation in Retention().forgotten(gone, stage.case)]


def test_what_no_rule_keeps_may_go() -> None:
    assert forgotten(told()) == []


def test_the_last_one_stays() -> None:
    stage = told()
    stage.ledger = stage.ledger.without([LAST])
    assert forgotten(stage) == ["retention: cut 1: it was dropped, and it was the last one"]


def test_what_runs_descends_from_something_that_stays() -> None:
    stage = told()
    computation = msgspec.structs.replace(stage.ledger.computation, base=CUT)
    stage.ledger = stage.ledger.with_records([computation])
    assert forgotten(stage) == ["retention: cut 1: it was dropped, and what runs descends from it"]


def test_nothing_goes_while_a_recovery_is_under_way() -> None:
    stage = told()
    recovering = Recovering(incarnation=Incarnation(2), target=LAST, reason="lost")
    computation = msgspec.structs.replace(stage.ledger.computation, recovering=recovering)
    stage.ledger = stage.ledger.with_records([computation])
    assert forgotten(stage) == ["retention: cut 1: it was dropped, and a recovery is under way"]


@pytest.mark.parametrize(
    ("event", "label", "why"),
    [
        ("pin", "", "it is pinned"),
        ("label", "keep-me", "it is labelled keep-me"),
        ("label", "other", "no mark said so"),
    ],
)
def test_what_somebody_has_marked_stays(event: Event, label: str, why: str) -> None:
    stage = Kept(chronicle=staged().chronicle)
    stage.publish(till(), vault())
    stage.amend(point(LAST))
    add_mark(stage.backend, CUT, event, label=label, by="test", at=AT)
    assert forgotten(stage) == [f"retention: cut 1: it was dropped, and {why}"]


def test_what_the_policy_keeps_stays() -> None:
    stage = told()
    stage.keep = "last 2"
    (complaint,) = forgotten(stage)
    assert complaint.endswith("there are 1 newer ones, last 2 are to stay")


def pack(backend: Backend, era: int) -> str:
    """A pack that nothing names."""
    name = PackRef(era=CutNumber(era), digest=Digest("sha256:" + "0" * 64), bytes=1).name()
    backend.create(name, b"x")
    return name


def test_a_collection_leaves_nothing_that_could_have_gone() -> None:
    stage, oracle = told(), Retention()
    old, young = pack(stage.backend, 21), pack(stage.backend, 22)
    oracle.collects(stage.case)
    complaints = [str(violation) for violation in oracle.collected(stage.case)]
    assert complaints == [
        "retention: cut 1: it could have gone, and a collection has left it",
        f"retention: a collection has left 1 objects that nobody needs, {old} first",
    ]
    stage.ledger = stage.ledger.without([CUT])
    stage.backend.delete(old)
    assert oracle.collected(stage.case) == ()
    assert stage.backend.size(young) == 1


def test_the_manifest_of_an_abandoned_cut_goes_too() -> None:
    stage, oracle = told(), Retention()
    abandoned = AbandonedCut(cut=CUT, incarnation=Incarnation(1), reason="late")
    stage.ledger = stage.ledger.without([CUT]).with_records([abandoned])
    oracle.collects(stage.case)
    (violation,) = oracle.collected(stage.case)
    assert violation.complaint.endswith("manifests/000000000001.json first")


def test_where_everything_is_kept_nothing_is_demanded() -> None:
    stage, oracle = told(), Retention()
    stage.keep = ""
    pack(stage.backend, 1)
    oracle.collects(stage.case)
    assert oracle.collected(stage.case) == ()
