from __future__ import annotations

from typing import Any

import pytest

from cutpoint.names import CutNumber, Digest, Incarnation, Life, ProcessName
from cutpoint.protocol import coordinator_effects as ask
from cutpoint.protocol import coordinator_events as was
from cutpoint.protocol.coordination import Policy
from cutpoint.protocol.ledger import CompletedRecovery, Computation, Member, Members, Recovering, encode
from cutpoint.protocol.messages import Abandon, Admit, Begin, CutRefused, Leave, Prepare, Ready, Start, Unfit
from tests.protocol.coordination_rig import STORE, Rig, of_type, running
from tests.protocol.histories import digest

A, B = ProcessName("a"), ProcessName("b")
ONE, TWO = CutNumber(1), Incarnation(2)


def dies(rig: Rig, name: str) -> None:
    rig.run(rig.leaves_the_line(name))
    rig.reborn(name)


def comes_back(rig: Rig, name: str, **join: Any) -> tuple[ask.Effect, ...]:
    return rig.run(rig.arrives(name, **join))


def unfit(rig: Rig, name: str, reason: str = "its digest is wrong") -> was.AgentSaid:
    incarnation = rig.said_to(name, Prepare)[-1].incarnation
    return rig.says(name, Unfit(incarnation=incarnation, reason=reason))


def prepare(cut: int, incarnation: int, *, last_cut: int = 1, part: str = digest()) -> Prepare:
    return Prepare(
        computation="test",
        incarnation=Incarnation(incarnation),
        cut=CutNumber(cut),
        last_cut=CutNumber(last_cut),
        object=part,
        store=STORE,
    )


def with_points(count: int, *names: str, policy: Policy | None = None) -> Rig:
    rig = running(*(names or "ab"), policy=policy)
    for _ in range(count):
        rig.publish(*(names or "ab"))
    rig.forget()
    return rig


def all_ready(rig: Rig, names: str = "ab") -> None:
    for name in names:
        rig.run(rig.ready(name))


# ------------------------------------------------------------------------------------------------ a whole recovery


def test_a_recovery_from_the_loss_to_the_start() -> None:
    rig = with_points(1)
    dies(rig, "a")
    died_at = rig.time
    reason = "a lost its memory"
    recovering = Recovering(incarnation=TWO, target=ONE, reason=reason, lost=(A,))
    fence = Computation(
        name="test", incarnation=TWO, last_cut=ONE, base=ONE, recovering=recovering, request="leader1-6"
    )
    arrival = rig.arrives("a")
    assert rig.step(arrival) == (ask.WriteLedger(request="leader1-6", puts=(("computation", encode(fence)),)),)
    rig.commit(rig.writes[-1])
    assert rig.step(was.LedgerWritten(now=rig.now(), request="leader1-6")) == (
        ask.Notice(
            kind="recovery started",
            text="going back to recovery point 1 as incarnation 2: a lost its memory",
            fields={"incarnation": 2, "cut": 1},
        ),
        ask.WatchRecovery(incarnation=TWO, seconds=5.0),
        ask.Say(connection=3, message=prepare(1, 2)),
        ask.Say(connection=2, message=prepare(1, 2)),
    )
    assert rig.step(rig.ready("a")) == ()
    ready = rig.ready("b")
    seconds = ready.now - died_at
    over = Computation(name="test", incarnation=TWO, last_cut=ONE, base=ONE, request="leader1-7")
    recovery = CompletedRecovery(
        incarnation=TWO, cut=ONE, reason=reason, lost=(A,), seconds=seconds, request="leader1-7"
    )
    lives = Members(members={A: Member(life=Life("a-2")), B: Member(life=Life("b-1"))}, request="leader1-7")
    puts = (("computation", encode(over)), ("recoveries/2", encode(recovery)), ("members", encode(lives)))
    assert rig.step(ready) == (ask.WriteLedger(request="leader1-7", puts=puts),)
    rig.commit(rig.writes[-1])
    assert rig.step(was.LedgerWritten(now=rig.now(), request="leader1-7")) == (
        ask.Say(connection=3, message=Start(incarnation=TWO)),
        ask.Say(connection=2, message=Start(incarnation=TWO)),
        ask.Notice(
            kind="recovery done",
            text="everybody runs on from recovery point 1 as incarnation 2",
            fields={"incarnation": 2, "cut": 1, "seconds": seconds},
        ),
    )
    assert rig.publish("a", "b").incarnation == TWO


def test_a_requested_recovery_goes_where_it_is_told_and_the_lineage_branches() -> None:
    rig = with_points(3)
    rig.run(rig.request_recovery(1))
    all_ready(rig)
    (done,) = rig.answers["back"]
    assert isinstance(done, ask.RecoveryDone)
    assert (done.recovery.cut, done.recovery.lost) == (1, ())
    assert rig.said_to("a", Prepare) == [prepare(1, 2, last_cut=3)]
    assert rig.core.ledger.computation.base == 1
    point = rig.publish("a", "b")
    assert (point.cut, point.parent) == (4, 1)


def test_several_lost_processes_are_all_named() -> None:
    rig = with_points(1)
    dies(rig, "a")
    dies(rig, "b")
    comes_back(rig, "b")
    comes_back(rig, "a")
    all_ready(rig)
    assert rig.core.ledger.recoveries[TWO].lost == ("a", "b")


@pytest.mark.parametrize(
    ("target", "text"),
    [
        (None, "there is no recovery point yet; nothing was changed; `cutpoint recover 0` begins anew"),
        (7, "there is no recovery point 7; nothing was changed; `cutpoint points` lists them"),
    ],
)
def test_a_recovery_to_nowhere_is_refused(target: int | None, text: str) -> None:
    rig = running("a")
    assert rig.run(rig.request_recovery(target)) == (ask.Answer(request="back", outcome=ask.Refusal(reason=text)),)


def test_a_recovery_of_nobody_is_refused() -> None:
    rig = running()
    rig.run(rig.request_recovery(0))
    assert isinstance(rig.answers["back"][0], ask.Refusal)


# ---------------------------------------------------------------------------------------------- cuts in the way


def test_a_loss_abandons_the_open_cut_durably_before_anybody_is_stopped() -> None:
    rig = with_points(1)
    rig.run(rig.request_cut())
    rig.run(rig.stored("a", 2))
    dies(rig, "a")
    effects = rig.step(rig.arrives("a"))
    assert [effect.message.cut for effect in of_type(effects, ask.Say) if isinstance(effect.message, Abandon)] == [2]
    (write,) = of_type(effects, ask.WriteLedger)
    assert [key for key, _ in write.puts] == ["computation", "abandoned/2"]
    rig.commit(write)
    rig.run(was.LedgerWritten(now=rig.now(), request=write.request))
    assert rig.said_to("a", Prepare) == [prepare(1, 2, last_cut=2)]


def test_a_recovery_waits_for_the_cut_whose_manifest_is_being_written_and_goes_back_to_it() -> None:
    rig = with_points(1)
    rig.run(rig.request_cut())
    rig.step(rig.stored("a", 2))
    rig.step(rig.stored("b", 2))
    rig.step(was.PartsChecked(now=rig.now(), cut=CutNumber(2), complaints=()))
    dies(rig, "a")
    assert comes_back(rig, "a") == ()
    rig.run(rig.manifest_written(2))
    assert [message.cut for message in rig.said_to("a", Prepare)] == [2]


def test_a_cut_that_is_asked_for_during_a_recovery_is_refused_and_told_whom_it_waits_for() -> None:
    rig = with_points(1)
    dies(rig, "a")
    comes_back(rig, "a")
    rig.run(rig.request_cut())
    (refusal,) = rig.answers["ask"]
    assert refusal == ask.Refusal(
        reason="no cut was opened: a recovery is under way (a is loading its part; b is loading its part); "
        "ask again when it is over"
    )
    assert rig.run(was.IntervalElapsed(now=rig.now())) == ()


def test_a_cut_may_be_taken_right_after_a_recovery() -> None:
    rig = with_points(1)
    dies(rig, "a")
    comes_back(rig, "a")
    all_ready(rig)
    assert rig.publish("a", "b").parent == 1


# --------------------------------------------------------------------------------------------------- who takes part


def test_a_missing_process_is_waited_for_and_named_again_and_again() -> None:
    rig = with_points(1, "a", "b", "c")
    dies(rig, "a")
    dies(rig, "c")
    comes_back(rig, "a")
    rig.run(rig.ready("a"))
    overdue = was.RecoveryOverdue(now=rig.now(), incarnation=TWO)
    for _ in range(2):
        assert rig.run(overdue) == (
            ask.Notice(
                kind="recovery waits",
                text="going back to recovery point 1 waits: b is loading its part; c is not connected; "
                "start what is missing, or `cutpoint release c` if it will not come back",
                fields={"incarnation": 2},
            ),
            ask.WatchRecovery(incarnation=TWO, seconds=5.0),
        )
    status = rig.core.statistics().recovery
    assert status is not None
    assert (status.participants, status.waits_for) == (
        ("a", "b", "c"),
        ("b is loading its part", "c is not connected"),
    )
    rig.run(rig.ready("b"))
    comes_back(rig, "c")
    rig.run(rig.ready("c"))
    assert rig.run(overdue) == ()
    assert rig.core.ledger.recoveries[TWO].lost == ("a", "c")


def test_a_process_that_the_recovery_point_does_not_know_begins_anew() -> None:
    rig = with_points(1)
    rig.run(rig.arrives("c"))
    dies(rig, "a")
    comes_back(rig, "a")
    assert rig.said_to("c", Prepare) == [prepare(1, 2, part="")]


def test_a_stranger_that_comes_during_a_recovery_is_admitted_after_it() -> None:
    rig = with_points(1)
    dies(rig, "a")
    comes_back(rig, "a")
    assert rig.run(rig.arrives("z")) == ()
    all_ready(rig)
    assert [message.incarnation for message in rig.said_to("z", Admit)] == [TWO]


def test_a_process_that_left_after_the_recovery_point_is_needed_again() -> None:
    rig = with_points(1)
    rig.run(rig.says("b", Leave()))
    rig.run(rig.stored("a", 2))
    rig.run(rig.stored("b", 2))
    rig.run(rig.leaves_the_line("b"))
    rig.run(rig.request_recovery(1))
    rig.run(rig.ready("a"))
    status = rig.core.statistics().recovery
    assert status is not None
    assert status.waits_for == ("b is not connected",)
    rig.reborn("b")
    comes_back(rig, "b")
    rig.run(rig.ready("b"))
    assert {name: m.state for name, m in rig.core.ledger.members.members.items()} == {"a": "member", "b": "member"}


def test_a_process_that_left_with_the_recovery_point_is_not_waited_for() -> None:
    rig = running("a", "b")
    rig.run(rig.says("b", Leave()))
    rig.run(rig.stored("a", 1))
    rig.run(rig.stored("b", 1))
    rig.run(rig.leaves_the_line("b"))
    rig.run(rig.request_recovery(None))
    rig.run(rig.ready("a"))
    assert isinstance(rig.answers["back"][0], ask.RecoveryDone)
    rig.run(rig.request_cut())
    assert rig.said_to("a", Begin)[-1].released == ("b",)


def test_a_process_lost_while_preparing_is_told_again_in_its_next_life() -> None:
    rig = with_points(1)
    dies(rig, "a")
    comes_back(rig, "a")
    all_ready(rig, "a")
    dies(rig, "a")
    comes_back(rig, "a")
    assert rig.said_to("a", Prepare) == [prepare(1, 2)]
    all_ready(rig)
    assert rig.core.ledger.members.members[A].life == "a-3"


def test_a_process_that_reconnects_ready_is_not_told_again() -> None:
    rig = with_points(1)
    dies(rig, "a")
    comes_back(rig, "a")
    all_ready(rig, "a")
    comes_back(rig, "a", prepared=2)
    assert rig.said_to("a", Prepare) == []
    rig.run(rig.ready("b"))
    assert rig.said_to("a", Start) == [Start(incarnation=TWO)]


def test_a_process_lost_after_the_end_was_written_starts_another_recovery() -> None:
    rig = with_points(1)
    dies(rig, "a")
    comes_back(rig, "a")
    all_ready(rig, "a")
    rig.step(rig.ready("b"))
    dies(rig, "a")
    comes_back(rig, "a")
    assert rig.said_to("a", Prepare) == []
    rig.commit(rig.writes[-1])
    rig.run(was.LedgerWritten(now=rig.now(), request=rig.writes[-1].request))
    assert rig.said_to("a", Start) == []
    assert rig.said_to("a", Prepare) == [prepare(1, 3)]


def test_who_was_cut_off_from_the_start_is_told_by_the_same_leader() -> None:
    rig = with_points(1)
    dies(rig, "a")
    comes_back(rig, "a")
    all_ready(rig, "a")
    rig.run(rig.ready("b"))
    comes_back(rig, "a", prepared=2)
    assert rig.said_to("a", Start) == [Start(incarnation=TWO)]


def test_who_missed_a_whole_recovery_calls_for_another() -> None:
    rig = with_points(1)
    rig.run(rig.request_recovery(None))
    all_ready(rig)
    comes_back(rig, "b", incarnation=1, cut=1)
    assert rig.core.ledger.computation.incarnation == 3
    status = rig.core.statistics().recovery
    assert status is not None
    assert (status.reason, status.lost) == ("b missed a recovery", ())


def test_words_of_another_incarnation_count_for_nothing() -> None:
    rig = with_points(1)
    dies(rig, "a")
    comes_back(rig, "a")
    rig.run(rig.says("a", Ready(incarnation=Incarnation(1))))
    rig.run(rig.says("b", Unfit(incarnation=Incarnation(3), reason="?")))
    rig.run(rig.ready("b"))
    assert rig.core.statistics().recovery is not None
    assert rig.core.ledger.points[ONE].damaged == ""


def test_a_late_repetition_of_ready_after_the_start_changes_nothing() -> None:
    rig = with_points(1)
    rig.run(rig.request_recovery(None))
    all_ready(rig)
    assert rig.run(rig.says("a", Ready(incarnation=TWO))) == ()
    assert rig.publish("a", "b").cut == 2


def test_a_process_that_stopped_for_a_recovery_that_failed_is_not_taken_for_running() -> None:
    rig = with_points(1)
    dies(rig, "b")
    comes_back(rig, "b")
    rig.run(unfit(rig, "a"))
    rig.run(rig.request_recovery(0, "anew"))
    all_ready(rig, "a")
    dies(rig, "b")
    comes_back(rig, "b")
    rig.run(unfit(rig, "a"))
    comes_back(rig, "b", prepared=0)
    rig.run(rig.says("b", Ready(incarnation=Incarnation(3))))
    assert not any(member.running for member in rig.core.statistics().members)


def test_a_process_that_was_admitted_by_mistake_while_it_was_stopped_is_started() -> None:
    """It was leaving, so the recovery went on without it when its connection broke; its Join cannot say so."""
    rig = with_points(1)
    rig.run(rig.says("b", Leave()))
    rig.run(rig.says("a", CutRefused(cut=CutNumber(2), reason="no")))
    rig.run(rig.request_recovery(0))
    rig.run(rig.leaves_the_line("b"))
    all_ready(rig, "a")
    comes_back(rig, "b", incarnation=0)
    assert len(rig.said_to("b", Admit)) == 1
    rig.run(rig.says("b", Ready(incarnation=TWO)))
    assert rig.said_to("b", Start) == [Start(incarnation=TWO)]
    assert rig.publish("a", "b").cut == 3


# ------------------------------------------------------------------------------------------------ what does not fit


def test_a_damaged_recovery_point_falls_back_to_the_one_before_loudly() -> None:
    rig = with_points(2)
    dies(rig, "a")
    comes_back(rig, "a")
    assert rig.said_to("b", Prepare) == [prepare(2, 2, last_cut=2)]
    rig.run(unfit(rig, "b"))
    assert rig.core.ledger.points[CutNumber(2)].damaged == "b: its digest is wrong"
    text = "recovery point 2 could not be restored (b: its digest is wrong); going back to 1 instead"
    assert ("recovery point damaged", text) in rig.notices
    assert rig.said_to("a", Prepare)[-1] == prepare(1, 3, last_cut=2)
    all_ready(rig)
    assert rig.core.ledger.recoveries[Incarnation(3)].cut == 1
    assert rig.core.ledger.computation.base == 1


def test_the_damage_and_the_next_fence_are_one_transaction() -> None:
    rig = with_points(2)
    dies(rig, "a")
    comes_back(rig, "a")
    (write,) = of_type(rig.step(unfit(rig, "b")), ask.WriteLedger)
    assert [key for key, _ in write.puts] == ["computation", "points/2"]


def test_falling_back_follows_the_lineage_not_the_numbers() -> None:
    rig = with_points(3)
    rig.run(rig.request_recovery(1))
    all_ready(rig)
    rig.publish("a", "b")
    rig.run(rig.request_recovery(None, "again"))
    rig.run(unfit(rig, "a"))
    assert rig.said_to("a", Prepare)[-1].cut == 1


def test_without_a_point_left_everybody_stays_stopped_and_an_operator_is_asked() -> None:
    rig = with_points(1)
    rig.run(rig.request_recovery(None))
    rig.run(unfit(rig, "a"))
    reason = (
        "recovery point 1 could not be restored (a: its digest is wrong), and no older one is left; "
        "no process was changed and all have stopped; `cutpoint verify` says whose bytes are sound, "
        "`cutpoint recover 1` tries that one again, and only then `cutpoint recover 0` begins anew"
    )
    assert rig.answers["back"] == [ask.RecoveryFailed(reason=reason)]
    assert rig.core.ledger.computation.recovering is None
    assert rig.core.ledger.points[ONE].damaged
    assert rig.said_to("a", Start) == rig.said_to("b", Start) == []
    assert not any(member.running for member in rig.core.statistics().members)
    rig.run(rig.request_cut())
    assert isinstance(rig.answers["ask"][0], ask.Refusal)


def test_after_a_failed_recovery_the_beginning_is_chosen_by_an_operator_only() -> None:
    rig = with_points(1)
    rig.run(rig.request_recovery(None))
    rig.run(unfit(rig, "a"))
    dies(rig, "b")
    comes_back(rig, "b")
    assert rig.core.statistics().recovery is None
    assert "no undamaged recovery point is left" in rig.core.statistics().hold
    rig.run(rig.request_recovery(0, "anew"))
    assert rig.said_to("b", Prepare)[-1] == prepare(0, 3, part="")
    all_ready(rig)
    assert isinstance(rig.answers["anew"][0], ask.RecoveryDone)
    assert rig.core.ledger.computation.base == 0


def test_a_failed_recovery_is_not_tried_again_by_itself_with_the_same_processes() -> None:
    rig = running("a")
    dies(rig, "a")
    comes_back(rig, "a")
    assert rig.said_to("a", Prepare) == [prepare(0, 2, last_cut=0, part="")]
    rig.run(unfit(rig, "a", "its constructor fails"))
    assert rig.core.statistics().recovery is None
    assert "a could not begin anew: its constructor fails" in rig.notices[-2][1]
    dies(rig, "a")
    comes_back(rig, "a")
    assert rig.said_to("a", Prepare) == [prepare(0, 3, last_cut=0, part="")]


def test_a_doubted_recovery_point_that_an_operator_insists_on_is_good_if_everybody_can_restore_it() -> None:
    rig = with_points(2)
    rig.run(rig.request_recovery(None))
    rig.run(unfit(rig, "a"))
    all_ready(rig)
    assert rig.core.ledger.points[CutNumber(2)].damaged
    rig.run(rig.request_recovery(2, "insist"))
    all_ready(rig)
    assert rig.core.ledger.points[CutNumber(2)].damaged == ""
    assert rig.core.ledger.computation.base == 2


def test_a_newcomer_that_cannot_begin_does_not_damage_the_recovery_point() -> None:
    rig = with_points(1)
    rig.run(rig.arrives("c"))
    rig.run(rig.request_recovery(None))
    rig.run(unfit(rig, "c", "no schema"))
    assert rig.core.ledger.points[ONE].damaged == ""
    (failed,) = rig.answers["back"]
    assert isinstance(failed, ask.RecoveryFailed)
    assert failed.reason.startswith("c could not begin anew: no schema")


# ----------------------------------------------------------------------------------------- requests and policies


def test_requests_for_the_same_recovery_share_it() -> None:
    rig = with_points(1)
    dies(rig, "a")
    comes_back(rig, "a")
    rig.run(rig.request_recovery(None, "one"))
    rig.run(rig.request_recovery(1, "two"))
    all_ready(rig)
    assert rig.answers["one"] == rig.answers["two"]
    assert isinstance(rig.answers["one"][0], ask.RecoveryDone)


def test_an_operator_may_choose_another_target_while_a_recovery_waits() -> None:
    rig = with_points(2)
    rig.run(rig.request_recovery(2, "first"))
    rig.run(rig.request_recovery(1, "second"))
    assert rig.answers["first"] == [
        ask.RecoveryFailed(reason="another recovery took its place: recovery point 1 was asked for")
    ]
    assert rig.said_to("a", Prepare)[-1] == prepare(1, 3, last_cut=2)
    all_ready(rig)
    assert isinstance(rig.answers["second"][0], ask.RecoveryDone)


def test_an_impossible_target_does_not_disturb_a_recovery() -> None:
    rig = with_points(1)
    rig.run(rig.request_recovery(1, "first"))
    rig.run(rig.request_recovery(9, "second"))
    assert isinstance(rig.answers["second"][0], ask.Refusal)
    all_ready(rig)
    assert isinstance(rig.answers["first"][0], ask.RecoveryDone)


def test_recovery_is_left_to_the_operator_when_the_policy_says_so() -> None:
    rig = with_points(1, policy=Policy(automatic_recovery=False))
    dies(rig, "a")
    assert comes_back(rig, "a") == (
        ask.Notice(
            kind="process waiting",
            text="a lost its memory; recovery is left to you: `cutpoint recover` goes back to the last recovery point",
        ),
    )
    comes_back(rig, "b", incarnation=1)
    assert [kind for kind, _ in rig.notices].count("process waiting") == 1
    rig.run(rig.request_recovery(None))
    all_ready(rig)
    assert isinstance(rig.answers["back"][0], ask.RecoveryDone)


def test_without_a_recovery_point_nobody_loses_what_it_has() -> None:
    rig = running("a", "b")
    dies(rig, "a")
    effects = comes_back(rig, "a")
    assert [effect.text for effect in of_type(effects, ask.Notice)] == [
        "a lost its memory and there is no recovery point yet, but b would lose what it has: "
        "`cutpoint recover 0` begins anew, or restart all services"
    ]
    assert rig.heard.get(rig.lines["a"], []) == []
    rig.run(rig.request_recovery(0))
    all_ready(rig)
    assert rig.said_to("a", Start) == [Start(incarnation=TWO)]


def test_without_a_recovery_point_everybody_begins_anew_when_nobody_has_anything_to_lose() -> None:
    rig = running("a", "b")
    dies(rig, "a")
    dies(rig, "b")
    comes_back(rig, "a")
    assert "everybody begins anew when b has come back" in rig.core.statistics().hold
    comes_back(rig, "b")
    assert rig.said_to("a", Prepare) == [prepare(0, 2, last_cut=0, part="")]
    all_ready(rig)
    assert rig.core.ledger.recoveries[TWO].cut == 0


def test_a_cut_that_may_become_the_first_recovery_point_is_not_given_up_for_a_loss() -> None:
    rig = running("a", "b")
    rig.run(rig.request_cut())
    rig.run(rig.stored("a", 1))
    dies(rig, "a")
    comes_back(rig, "a")
    rig.run(rig.stored("b", 1))
    assert 1 in rig.core.ledger.points
    assert rig.said_to("a", Prepare) == [prepare(1, 2)]


def test_numbers_go_on_after_a_recovery_from_the_highest_ever_used() -> None:
    rig = with_points(1)
    rig.run(rig.request_cut())
    rig.run(rig.says("a", CutRefused(cut=CutNumber(2), reason="no")))
    rig.run(rig.request_recovery(1))
    assert rig.said_to("a", Prepare)[-1].last_cut == 2
    all_ready(rig)
    assert rig.publish("a", "b").cut == 3


def test_every_process_restores_its_own_part() -> None:
    rig = running("a", "b")
    rig.run(rig.request_cut())
    rig.run(rig.stored("a", 1, object=digest("1")))
    rig.run(rig.stored("b", 1, object=digest("2")))
    rig.run(rig.request_recovery(None))
    parts = {name: Digest(rig.said_to(name, Prepare)[0].object) for name in ("a", "b")}
    assert parts == {"a": digest("1"), "b": digest("2")}
