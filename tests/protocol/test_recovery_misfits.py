"""A program that does not fit is not a damaged recovery point: it is waited for, and nothing is marked."""

from __future__ import annotations

from cutpoint.names import CutNumber, Incarnation
from cutpoint.protocol import coordinator_effects as ask
from cutpoint.protocol import coordinator_events as was
from cutpoint.protocol.coordination import Policy
from cutpoint.protocol.messages import Delayed, Prepare, Rejected, Start, Unfit
from tests.protocol.coordination_rig import Rig, running, with_new_leader
from tests.protocol.histories import digest

TWO, THREE = Incarnation(2), Incarnation(3)
WHY = "state 'x' was recorded with version 2, this program knows versions up to 1; start the newer program"


def misfit(rig: Rig, name: str, reason: str = WHY) -> was.AgentSaid:
    incarnation = rig.said_to(name, Prepare)[-1].incarnation
    return rig.says(name, Unfit(incarnation=incarnation, reason=reason, damaged=False))


def torn(rig: Rig, name: str) -> was.AgentSaid:
    return rig.says(name, Unfit(incarnation=rig.said_to(name, Prepare)[-1].incarnation, reason="torn"))


def starts_anew(rig: Rig, name: str) -> None:
    if name in rig.lines:
        rig.run(rig.leaves_the_line(name))
    rig.reborn(name)
    rig.run(rig.arrives(name))


def with_points(count: int) -> Rig:
    rig = running("a", "b")
    for _ in range(count):
        rig.publish("a", "b")
    rig.forget()
    return rig


def waits_for(rig: Rig) -> tuple[str, ...]:
    status = rig.core.statistics().recovery
    assert status is not None
    return status.waits_for


def damaged(rig: Rig) -> list[str]:
    return [point.damaged for point in rig.core.ledger.points.values()]


def test_a_process_whose_store_is_away_is_waited_for_with_the_reason_and_nothing_is_given_up() -> None:
    rig = with_points(2)
    starts_anew(rig, "a")
    rig.run(rig.ready("b"))
    incarnation = rig.said_to("a", Prepare)[-1].incarnation
    rig.run(rig.says("a", Delayed(incarnation=incarnation, reason="the store does not answer")))
    told = "a is loading its part and tries again: the store does not answer"
    assert waits_for(rig) == (told,)
    assert [member.waits_for for member in rig.core.statistics().members if member.process == "a"] == [told]
    rig.run(rig.says("a", Delayed(incarnation=Incarnation(incarnation + 1), reason="of another recovery")))
    assert waits_for(rig) == (told,)
    rig.run(rig.ready("a"))
    assert (damaged(rig), rig.core.statistics().recovery) == (["", ""], None)
    assert rig.core.ledger.recoveries[incarnation].cut == 2


def test_an_older_program_started_by_mistake_costs_nothing_once_the_right_one_is_started() -> None:
    rig = with_points(3)
    starts_anew(rig, "a")
    rig.run(rig.ready("b"))
    rig.run(misfit(rig, "a"))
    complaint = f"a does not fit recovery point 3: {WHY}"
    assert waits_for(rig) == (complaint,)
    assert [member.waits_for for member in rig.core.statistics().members if member.process == "a"] == [complaint]
    assert rig.notices[-1] == (
        "process does not fit",
        f"{complaint}; nothing was lost and everybody waits; start the version of a that fits it, "
        "or mend what is named here and ask again with `cutpoint recover`",
    )
    assert damaged(rig) == ["", "", ""]
    starts_anew(rig, "a")
    assert waits_for(rig) == ("a is loading its part",)
    assert [(p.cut, p.incarnation, p.object) for p in rig.said_to("a", Prepare)] == [(3, TWO, digest())]
    rig.run(rig.ready("a"))
    assert rig.said_to("a", Start) == rig.said_to("b", Start) == [Start(incarnation=TWO)]
    assert (rig.core.ledger.recoveries[TWO].cut, damaged(rig)) == (3, ["", "", ""])


def test_a_program_that_does_not_fit_is_announced_once_a_life_and_named_in_every_reminder() -> None:
    rig = with_points(1)
    starts_anew(rig, "a")
    rig.run(rig.ready("b"))
    for _ in range(3):
        rig.run(misfit(rig, "a"))
    assert [kind for kind, _ in rig.notices].count("process does not fit") == 1
    rig.run(was.RecoveryOverdue(now=rig.now(), incarnation=TWO))
    assert rig.notices[-1] == (
        "recovery waits",
        f"going back to recovery point 1 waits: a does not fit recovery point 1: {WHY}; "
        "start the version of a that fits",
    )
    starts_anew(rig, "a")
    rig.run(misfit(rig, "a"))
    assert [kind for kind, _ in rig.notices].count("process does not fit") == 2


def test_real_damage_falls_back_while_another_program_does_not_fit() -> None:
    rig = with_points(2)
    rig.run(rig.request_recovery(None))
    rig.run(misfit(rig, "a"))
    rig.run(torn(rig, "b"))
    assert damaged(rig) == ["", "b: torn"]
    assert [rig.said_to(name, Prepare)[-1].cut for name in "ab"] == [1, 1]
    assert waits_for(rig) == ("a is loading its part", "b is loading its part")


def test_an_operator_may_leave_the_point_that_a_program_does_not_fit() -> None:
    rig = with_points(2)
    rig.run(rig.request_recovery(None))
    rig.run(misfit(rig, "a"))
    rig.run(rig.request_recovery(1, "older"))
    assert isinstance(rig.answers["back"][0], ask.RecoveryFailed)
    for name in "ab":
        rig.run(rig.ready(name))
    assert isinstance(rig.answers["older"][0], ask.RecoveryDone)
    assert damaged(rig) == ["", ""]


def test_asking_for_the_same_again_lets_the_same_process_try_again() -> None:
    """Its store could not be reached, and now it can."""
    rig = with_points(2)
    rig.run(rig.request_recovery(None, "first"))
    rig.run(rig.ready("b"))
    rig.run(misfit(rig, "a", "the store cannot be reached"))
    rig.run(rig.request_recovery(None, "second"))
    assert [rig.said_to(name, Prepare)[-1].incarnation for name in "ab"] == [THREE, THREE]
    for name in "ab":
        rig.run(rig.ready(name))
    assert rig.answers["first"] == rig.answers["second"]
    assert rig.core.ledger.recoveries[THREE].cut == 2


def test_a_new_leader_asks_a_program_that_did_not_fit_again() -> None:
    rig = with_points(1)
    rig.run(rig.request_recovery(None))
    rig.run(misfit(rig, "a"))
    with_new_leader(rig, "a", "b", joins=lambda _: {"incarnation": 1, "cut": 1})
    assert rig.said_to("a", Prepare)[-1].incarnation == THREE
    for name in "ab":
        rig.run(rig.ready(name))
    assert rig.core.ledger.recoveries[THREE].cut == 1


def test_a_program_that_does_not_fit_and_is_stopped_is_missing_and_may_be_released() -> None:
    rig = with_points(1)
    rig.run(rig.request_recovery(None))
    rig.run(rig.ready("b"))
    rig.run(misfit(rig, "a"))
    rig.run(rig.leaves_the_line("a"))
    assert waits_for(rig) == ("a is not connected",)


def test_a_newcomer_that_does_not_fit_the_beginning_is_waited_for_too() -> None:
    rig = with_points(1)
    rig.run(rig.arrives("c"))
    rig.run(rig.request_recovery(None))
    rig.run(misfit(rig, "c", "no default"))
    assert waits_for(rig)[-1] == "c does not fit recovery point 1: no default"
    assert "back" not in rig.answers


def test_where_every_point_is_marked_the_advice_is_to_look_and_try_again_before_beginning_anew() -> None:
    rig = with_points(2)
    rig.run(rig.request_recovery(None))
    rig.run(torn(rig, "a"))
    rig.run(torn(rig, "a"))
    advice = (
        "`cutpoint verify` says whose bytes are sound, `cutpoint recover 2` tries that one again, "
        "and only then `cutpoint recover 0` begins anew"
    )
    (failed,) = rig.answers["back"]
    assert isinstance(failed, ask.RecoveryFailed)
    assert failed.reason.endswith(advice)
    rig.run(rig.request_recovery(None, "again"))
    assert rig.answers["again"] == [
        ask.Refusal(reason=f"no undamaged recovery point is left; nothing was changed; {advice}")
    ]
    rig.run(rig.request_recovery(2, "insist"))
    for name in "ab":
        rig.run(rig.ready(name))
    assert isinstance(rig.answers["insist"][0], ask.RecoveryDone)
    assert rig.core.ledger.points[CutNumber(2)].damaged == ""


def test_one_process_is_and_several_are() -> None:
    rig = running("a", "b", policy=Policy(automatic_recovery=False))
    for name in "ab":
        rig.run(rig.leaves_the_line(name))
    assert rig.core.statistics().hindrance == (
        "a, b are not connected; start them again, or `cutpoint release NAME` for each that will not come back"
    )
    starts_anew(rig, "a")
    assert rig.core.statistics().hold.startswith("a lost its memory; ")
    starts_anew(rig, "b")
    assert rig.core.statistics().hold.startswith("a, b lost their memory; ")
    assert rig.core.statistics().hindrance == "a, b wait for a recovery; `cutpoint recover` begins one"


def test_a_second_process_of_one_name_that_keeps_knocking_is_told_of_once_a_minute() -> None:
    rig = running("a")
    rig.reborn("a")
    told = 0
    for _ in range(130):
        rig.run(rig.arrives("a"))
        told = [kind for kind, _ in rig.notices].count("connection refused")
        assert isinstance(rig.said_to("a", Rejected)[0], Rejected)
    assert told == 3
