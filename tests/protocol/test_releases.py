from __future__ import annotations

import pytest

from cutpoint.names import CutNumber, Incarnation, ProcessName
from cutpoint.protocol import coordinator_effects as ask
from cutpoint.protocol import coordinator_events as was
from cutpoint.protocol.coordination import Policy
from cutpoint.protocol.messages import Admit, Begin, Leave, Prepare, Rejected, Start
from tests.protocol.coordination_rig import Rig, of_type, running, with_new_leader

STRAY = ProcessName("stray")
TWO = Incarnation(2)


def release(rig: Rig, name: str = "stray", request: str = "let go") -> was.ReleaseRequested:
    return was.ReleaseRequested(now=rig.now(), request=request, process=ProcessName(name))


def members(rig: Rig) -> dict[str, str]:
    return {name: member.state for name, member in rig.core.ledger.members.members.items()}


def with_stray(*, points: int = 0, policy: Policy | None = None) -> Rig:
    """``a`` and ``b`` run; ``stray`` has joined, took part in some recovery points, and is gone."""
    rig = running("a", "b", "stray", policy=policy)
    for _ in range(points):
        rig.publish("a", "b", "stray")
    rig.run(rig.leaves_the_line("stray"))
    rig.forget()
    return rig


def recover(rig: Rig, target: int | None, *names: str, request: str = "back") -> None:
    rig.run(rig.request_recovery(target, request))
    for name in names:
        rig.run(rig.ready(name))


# ------------------------------------------------------------------------------------------------------ being granted


def test_a_release_is_durable_before_it_is_answered() -> None:
    rig = with_stray()
    (write,) = rig.step(release(rig))
    assert isinstance(write, ask.WriteLedger)
    rig.commit(write)
    assert rig.ledger().members.members[STRAY].dismissed
    assert rig.step(was.LedgerWritten(now=rig.now(), request=write.request)) == (
        ask.Answer(request="let go", outcome=ask.Released(process=STRAY)),
        ask.Notice(
            kind="process released",
            text="stray was released by an operator: no cut and no recovery waits for it any more",
            fields={"process": "stray"},
        ),
    )


def test_cuts_go_on_without_a_released_process_and_name_it_ever_after() -> None:
    rig = with_stray()
    assert "or `cutpoint release stray` if it will not come back" in rig.core.statistics().hindrance
    rig.run(release(rig))
    assert rig.core.statistics().hindrance == ""
    for _ in range(3):
        point = rig.publish("a", "b")
        begin = rig.said_to("a", Begin)[-1]
        assert (rig.members_told("a"), begin.released, point.left) == (("a", "b"), ("stray",), ("stray",))
    assert members(rig) == {"a": "member", "b": "member", "stray": "released"}


def test_no_recovery_waits_for_a_released_process_not_even_to_a_point_that_holds_a_part_of_it() -> None:
    rig = with_stray(points=2)
    rig.run(release(rig))
    rig.publish("a", "b")
    for target in (1, 3, 2):
        recover(rig, target, "a", "b", request=f"to {target}")
        assert isinstance(rig.answers[f"to {target}"][0], ask.RecoveryDone)
    rig.run(rig.request_cut())
    assert rig.said_to("a", Begin)[-1].released == ("stray",)


def test_a_recovery_that_waits_goes_on_when_the_missing_process_is_released() -> None:
    rig = with_stray(points=1)
    recover(rig, None, "a", "b")
    status = rig.core.statistics().recovery
    assert status is not None
    assert status.waits_for == ("stray is not connected",)
    rig.run(release(rig))
    assert isinstance(rig.answers["back"][0], ask.RecoveryDone)
    assert members(rig) == {"a": "member", "b": "member", "stray": "released"}
    assert rig.publish("a", "b").left == ("stray",)


def test_a_release_during_a_recovery_outlives_the_record_that_ends_it() -> None:
    """The process was ready and its connection broke while the end was written."""
    rig = running("a", "stray")
    rig.publish("a", "stray")
    rig.run(rig.request_recovery(None))
    rig.run(rig.ready("a"))
    rig.step(rig.ready("stray"))
    rig.step(rig.leaves_the_line("stray"))
    assert of_type(rig.step(release(rig)), ask.WriteLedger) == []
    rig.commit(rig.writes[-1])
    rig.run(was.LedgerWritten(now=rig.now(), request=rig.writes[-1].request))
    assert rig.answers["let go"] == [ask.Released(process=STRAY)]
    assert members(rig) == {"a": "member", "stray": "released"}


def test_a_process_that_comes_back_ready_while_its_release_is_written_is_not_started() -> None:
    rig = running("a", "stray")
    rig.publish("a", "stray")
    rig.run(rig.request_recovery(None))
    rig.run(rig.ready("stray"))
    rig.run(rig.leaves_the_line("stray"))
    rig.step(release(rig))
    rig.step(rig.arrives("stray", incarnation=1, prepared=2))
    rig.step(rig.ready("a"))
    rig.commit(rig.writes[-1])
    rig.run(was.LedgerWritten(now=rig.now(), request=rig.writes[-1].request))
    assert isinstance(rig.answers["back"][0], ask.RecoveryDone)
    assert rig.said_to("stray", Start) == []
    assert len(rig.said_to("stray", Rejected)) == 1
    assert members(rig) == {"a": "member", "stray": "released"}


def test_an_open_cut_that_counts_on_the_process_is_abandoned_by_name_first() -> None:
    rig = running("a", "stray")
    rig.run(rig.request_cut())
    rig.run(rig.stored("stray", 1))
    rig.run(rig.leaves_the_line("stray"))
    rig.run(release(rig))
    assert rig.answers["ask"][-1] == ask.CutAbandoned(
        cut=CutNumber(1), reason="stray is not connected and was released by an operator"
    )
    assert rig.answers["let go"] == [ask.Released(process=STRAY)]
    assert rig.publish("a").cut == 2


def test_a_release_waits_for_the_cut_whose_manifest_is_being_written() -> None:
    rig = running("a", "stray")
    rig.run(rig.request_cut())
    rig.step(rig.stored("a", 1))
    rig.step(rig.stored("stray", 1))
    rig.step(was.PartsChecked(now=rig.now(), cut=CutNumber(1), complaints=()))
    rig.step(rig.leaves_the_line("stray"))
    assert rig.run(release(rig)) == ()
    rig.run(rig.manifest_written(1))
    assert rig.answers["let go"] == [ask.Released(process=STRAY)]
    assert 1 in rig.core.ledger.points


def test_a_new_leader_knows_who_was_released() -> None:
    rig = with_stray(points=1)
    rig.run(release(rig))
    with_new_leader(rig, "a", "b")
    recover(rig, None, "a", "b")
    assert isinstance(rig.answers["back"][0], ask.RecoveryDone)


def test_somebody_who_left_before_is_released_for_good_from_the_points_that_still_demand_it() -> None:
    rig = running("a", "b")
    rig.publish("a", "b")
    rig.run(rig.says("b", Leave()))
    rig.run(rig.stored("a", 2))
    rig.run(rig.stored("b", 2))
    rig.run(rig.leaves_the_line("b"))
    rig.publish("a")
    assert members(rig) == {"a": "member"}
    recover(rig, 1, "a")
    assert "back" not in rig.answers
    rig.run(release(rig, "b"))
    assert isinstance(rig.answers["back"][0], ask.RecoveryDone)


# ------------------------------------------------------------------------------------------------------ being refused


def test_a_process_that_is_connected_is_not_released() -> None:
    rig = running("a", "b")
    reason = "b is connected; nothing was changed; stop it first, or let it call agent.leave()"
    assert rig.run(release(rig, "b")) == (ask.Answer(request="let go", outcome=ask.Refusal(reason=reason)),)
    rig.run(rig.request_cut())
    rig.run(release(rig, "b", "once more"))
    assert rig.answers["once more"] == [ask.Refusal(reason=reason)]
    assert rig.core.statistics().cut is not None


def test_a_name_that_nobody_had_is_refused_and_the_names_are_listed() -> None:
    rig = with_stray()
    rig.run(release(rig, "strey"))
    reason = "there is no process strey; nothing was changed; take one of those that there are: a, b, stray"
    assert rig.answers["let go"] == [ask.Refusal(reason=reason)]


def test_too_many_releases_at_once_are_refused() -> None:
    rig = with_stray(policy=Policy(requests_max=1))
    rig.step(release(rig))
    rig.step(release(rig, request="second"))
    assert isinstance(rig.answers["second"][0], ask.Refusal)


def test_releasing_twice_is_no_mistake() -> None:
    rig = with_stray()
    rig.run(release(rig))
    rig.run(release(rig, request="again"))
    assert rig.answers["again"] == rig.answers["let go"] == [ask.Released(process=STRAY)]


# ------------------------------------------------------------------------------------------------------ coming again


def test_a_released_process_that_was_not_dead_is_turned_away_and_told_to_start_anew() -> None:
    rig = with_stray()
    rig.run(release(rig))
    rig.run(rig.arrives("stray", incarnation=1))
    (rejected,) = rig.said_to("stray", Rejected)
    assert rejected.reason.startswith("stray has left the computation, or was released from it; start it anew")
    assert not rejected.waiting_helps


@pytest.mark.parametrize("reborn", [False, True])
def test_a_process_that_comes_while_its_release_is_written_is_not_let_in_as_what_it_was(*, reborn: bool) -> None:
    rig = with_stray()
    rig.step(release(rig))
    if reborn:
        rig.reborn("stray")
    rig.step(rig.arrives("stray", incarnation=0 if reborn else 1))
    assert rig.said_to("stray", Admit) == []
    rig.commit(rig.writes[-1])
    rig.run(was.LedgerWritten(now=rig.now(), request=rig.writes[-1].request))
    assert rig.said_to("stray", Admit) == []
    assert rig.core.ledger.computation.incarnation == 1


def test_who_comes_under_a_released_name_begins_anew_once_a_cut_has_told_the_others() -> None:
    rig = with_stray(points=1)
    rig.run(release(rig))
    rig.reborn("stray")
    rig.run(rig.arrives("stray"))
    assert rig.said_to("stray", Admit) == []
    begin = rig.said_to("a", Begin)[-1]
    assert (rig.members_told("a"), begin.released) == (("a", "b"), ("stray",))
    rig.run(rig.stored("a", 2))
    rig.run(rig.stored("b", 2))
    assert [admit.base for admit in rig.said_to("stray", Admit)] == [2]
    assert members(rig)["stray"] == "member"
    assert rig.core.ledger.computation.incarnation == 1
    assert rig.publish("a", "b", "stray").left == ()


def test_who_comes_under_a_released_name_during_a_recovery_takes_no_part_in_it() -> None:
    rig = with_stray(points=1)
    rig.run(release(rig))
    rig.run(rig.request_recovery(1))
    rig.reborn("stray")
    rig.run(rig.arrives("stray"))
    for name in "ab":
        rig.run(rig.ready(name))
    assert isinstance(rig.answers["back"][0], ask.RecoveryDone)
    assert not rig.said_to("stray", Prepare)
    assert not rig.said_to("stray", Admit)
    rig.run(rig.stored("a", 2))
    rig.run(rig.stored("b", 2))
    assert len(rig.said_to("stray", Admit)) == 1


def test_the_cut_that_somebody_waits_for_is_tried_again_after_a_rest() -> None:
    rig = with_stray(policy=Policy(retry_seconds=3))
    rig.run(release(rig))
    rig.run(rig.leaves_the_line("b"))
    rig.reborn("stray")
    assert of_type(rig.run(rig.arrives("stray")), ask.RetryCut) == [ask.RetryCut(seconds=3)]
    rig.run(rig.arrives("b", incarnation=1))
    rig.run(was.CutRetryDue(now=rig.now()))
    assert rig.said_to("b", Begin)[-1].released == ("stray",)


def test_where_nobody_is_left_a_released_name_is_admitted_at_once() -> None:
    rig = running("stray")
    rig.run(rig.leaves_the_line("stray"))
    rig.run(release(rig))
    rig.reborn("stray")
    rig.run(rig.arrives("stray"))
    assert len(rig.said_to("stray", Admit)) == 1
    assert rig.publish("stray").cut == 1


def test_a_process_that_is_a_member_again_is_demanded_again() -> None:
    rig = with_stray(points=1)
    rig.run(release(rig))
    rig.publish("a", "b")
    rig.reborn("stray")
    rig.run(rig.arrives("stray"))
    rig.run(rig.request_recovery(1))
    assert rig.said_to("stray", Prepare)[-1].object
    for name in ("a", "b", "stray"):
        rig.run(rig.ready(name))
    assert rig.core.ledger.recoveries[TWO].cut == 1
    assert members(rig) == {"a": "member", "b": "member", "stray": "member"}
