"""A registry was lost and the store was not: the next coordinator takes over what the manifests tell."""

from __future__ import annotations

import msgspec
import pytest

from cutpoint.names import BEGINNING, CutNumber, Incarnation, ProcessName
from cutpoint.protocol import coordinator_effects as ask
from cutpoint.protocol import coordinator_events as was
from cutpoint.protocol.adoption import POINTS_PER_WRITE
from cutpoint.protocol.ledger import RecoveryPoint
from cutpoint.protocol.messages import Admit, Prepare, Rejected
from tests.protocol.coordination_rig import Rig
from tests.protocol.histories import digest


def point(cut: int, parent: int | None = None, *, incarnation: int = 1, members: str = "ab") -> RecoveryPoint:
    return RecoveryPoint(
        cut=CutNumber(cut),
        incarnation=Incarnation(incarnation),
        parent=CutNumber(cut - 1 if parent is None else parent),
        members={ProcessName(name): digest(name) for name in members},
        left=(),
        in_flight=0,
        bytes=1,
        duration_seconds=0.0,
        stall_seconds=0.0,
    )


def loaded(rig: Rig, *points: RecoveryPoint, last: int | None = None) -> was.LedgerLoaded:
    number = CutNumber(max((each.cut for each in points), default=BEGINNING) if last is None else last)
    return was.LedgerLoaded(now=rig.now(), ledger=rig.ledger(), last_stored=number, stored=points)


def test_what_the_store_tells_is_durable_before_anything_else_is_decided() -> None:
    rig = Rig()
    (points,) = rig.step(loaded(rig, point(3, 0), point(4, incarnation=2), last=6))
    assert isinstance(points, ask.WriteLedger)
    assert [key for key, _ in points.puts] == ["points/3", "points/4"]
    assert rig.step(rig.arrives("a")) == rig.step(rig.request_cut()) == ()
    rig.commit(points)
    (standing,) = rig.step(was.LedgerWritten(now=rig.now(), request=points.request))
    assert isinstance(standing, ask.WriteLedger)
    assert [key for key, _ in standing.puts] == ["computation", "members"]
    rig.commit(standing)
    computation = rig.ledger().computation
    assert (computation.base, computation.last_cut, computation.incarnation) == (4, 6, 3)
    assert rig.ledger().belonging() == ("a", "b")


def test_whoever_comes_is_taken_back_to_the_newest_point() -> None:
    rig = Rig()
    rig.run(loaded(rig, point(7, 0)))
    rig.run(rig.arrives("a"))
    rig.run(rig.arrives("b"))
    assert [message.cut for message in rig.said_to("a", Prepare)] == [7]
    for name in ("a", "b"):
        rig.run(rig.ready(name))
    assert rig.core.ledger.computation.base == 7
    assert rig.publish("a", "b").cut == 8


def test_a_process_that_has_run_meanwhile_is_taken_back_too_and_none_begins_anew() -> None:
    rig = Rig()
    rig.run(loaded(rig, point(7, 0)))
    rig.run(rig.arrives("a", incarnation=1, cut=9))
    rig.run(rig.arrives("b"))
    assert [message.cut for message in rig.said_to("a", Prepare)] == [7]
    assert rig.said_to("a", Admit) == rig.said_to("b", Admit) == []


def test_a_process_of_a_later_incarnation_than_the_store_tells_of_is_asked_to_come_again() -> None:
    rig = Rig()
    rig.run(loaded(rig, point(7, 0)))
    rig.run(rig.arrives("a", incarnation=5))
    (rejected,) = rig.said_to("a", Rejected)
    assert rejected.waiting_helps


@pytest.mark.parametrize("lost_after", [0, 1, 2])
def test_a_coordinator_that_vanishes_meanwhile_is_followed_by_one_that_does_it_again(lost_after: int) -> None:
    rig = Rig()
    points = tuple(point(cut) for cut in range(1, POINTS_PER_WRITE + 3))
    effects = rig.step(loaded(rig, *points))
    for _ in range(lost_after):
        (write,) = effects
        assert isinstance(write, ask.WriteLedger)
        assert len(write.puts) <= POINTS_PER_WRITE
        rig.commit(write)
        effects = rig.step(was.LedgerWritten(now=rig.now(), request=write.request))
    rig.new_leader()
    rig.run(loaded(rig, *points))
    assert sorted(rig.ledger().points) == [each.cut for each in points]
    assert rig.ledger().computation.base == points[-1].cut


def test_points_whose_parents_are_gone_fall_back_to_the_nearest_before_them() -> None:
    rig = Rig()
    rig.run(loaded(rig, point(2, 1), point(5, 4), point(6, 5)))
    assert [each.older for each in rig.ledger().points.values()] == [0, 2, 5]
    broken = msgspec.structs.replace(rig.core.ledger.points[CutNumber(5)], damaged="torn")
    assert rig.core.ledger.with_records([broken]).restorable(CutNumber(5)) == 2


def test_an_empty_store_is_a_beginning() -> None:
    rig = Rig()
    rig.run(loaded(rig))
    rig.run(rig.arrives("a"))
    assert rig.said_to("a", Admit)
    assert rig.publish("a").cut == 1
