from __future__ import annotations

from typing import Any

import pytest

from cutpoint.names import CutNumber, Incarnation, Life, ProcessName
from cutpoint.protocol import coordinator_effects as ask
from cutpoint.protocol import coordinator_events as was
from cutpoint.protocol.coordination import Policy
from cutpoint.protocol.ledger import Computation, Member, Members, encode
from cutpoint.protocol.messages import Abandon, Admit, Begin, CutRefused, Leave, Published, Rejected
from tests.protocol.coordination_rig import STORE, Rig, of_type, running, with_new_leader

A, B, FIRST = ProcessName("a"), ProcessName("b"), Incarnation(1)


def admit(cut: int = 0, base: int = 0) -> Admit:
    return Admit(computation="test", incarnation=FIRST, cut=CutNumber(cut), base=CutNumber(base), store=STORE)


def members(rig: Rig) -> dict[str, str]:
    return {name: member.state for name, member in rig.core.ledger.members.members.items()}


# -------------------------------------------------------------------------------------------------------- coming in


def test_a_newcomer_is_admitted_when_the_registry_knows_it() -> None:
    rig = Rig()
    founded = Computation(name="test", request="leader1-1")
    assert rig.load() == (ask.WriteLedger(request="leader1-1", puts=(("computation", encode(founded)),)),)
    rig.step(was.LedgerWritten(now=rig.now(), request="leader1-1"))
    known = Members(members={A: Member(life=Life("a-1"))}, request="leader1-2")
    assert rig.step(rig.arrives("a")) == (ask.WriteLedger(request="leader1-2", puts=(("members", encode(known)),)),)
    assert rig.step(was.LedgerWritten(now=rig.now(), request="leader1-2")) == (
        ask.Say(connection=1, message=admit()),
        ask.Notice(kind="process admitted", text="a was admitted", fields={"process": "a"}),
    )


def test_processes_that_come_before_the_ledger_was_read_are_admitted_together_afterwards() -> None:
    rig = Rig()
    assert rig.step(rig.arrives("b")) == rig.step(rig.arrives("a")) == ()
    rig.run(was.LedgerLoaded(now=rig.now(), ledger=rig.ledger()))
    assert len(rig.writes) == 2
    assert members(rig) == {"a": "member", "b": "member"}
    assert rig.said_to("a", Admit) == rig.said_to("b", Admit) == [admit()]


def test_a_newcomer_waits_for_the_end_of_the_open_cut() -> None:
    rig = running("a")
    rig.run(rig.request_cut())
    assert rig.run(rig.arrives("b")) == ()
    rig.run(rig.stored("a", 1))
    assert rig.said_to("b", Admit) == [admit(cut=1, base=1)]


def test_another_version_is_turned_away_and_told_both() -> None:
    rig = running()
    text = (
        "a speaks protocol version 9, this coordinator version 1; nothing was lost; "
        "install the same version of Cutpoint at both ends"
    )
    assert rig.run(rig.arrives("a", version=9)) == (
        ask.Say(connection=1, message=Rejected(reason=text, waiting_helps=False)),
        ask.Disconnect(connection=1, reason=text),
        ask.Notice(kind="connection refused", text=text),
    )
    assert rig.run(rig.leaves_the_line("a")) == ()


def test_two_processes_of_one_name_are_told_apart() -> None:
    rig = running("a")
    rig.reborn("a")
    rig.run(rig.arrives("a"))
    (rejected,) = rig.said_to("a", Rejected)
    assert rejected.waiting_helps
    assert rejected.reason.startswith("another process of the name a is connected")


def test_a_second_connection_of_the_same_life_takes_the_place_of_the_first() -> None:
    rig = running("a")
    first = rig.lines["a"]
    effects = rig.run(rig.arrives("a", incarnation=1))
    assert effects == (
        ask.Disconnect(connection=first, reason="a has connected again"),
        ask.Say(connection=first + 1, message=admit()),
        ask.Notice(kind="process returned", text="a is connected again", fields={"process": "a"}),
    )
    assert rig.run(was.AgentLost(now=rig.now(), connection=first)) == ()
    assert rig.core.statistics().members[0].running


@pytest.mark.parametrize(
    ("name", "join", "text", "waiting_helps"),
    [
        ("z", {"incarnation": 1}, "z has lived in a computation that this registry does not know", False),
        ("a", {"incarnation": 5}, "a is of a later incarnation than this coordinator knows of", True),
        ("a", {"incarnation": 1, "prepared": 5}, "a is of a later incarnation", True),
    ],
)
def test_who_does_not_belong_here_is_turned_away_with_the_reason(
    name: str, join: dict[str, Any], text: str, waiting_helps: bool
) -> None:
    rig = running("a")
    rig.run(rig.leaves_the_line("a"))
    rig.run(rig.arrives(name, **join))
    (rejected,) = rig.said_to(name, Rejected)
    assert rejected.reason.startswith(text)
    assert rejected.waiting_helps is waiting_helps
    assert rig.said_to(name, Admit) == []


# ---------------------------------------------------------------------------------------------------- coming back


def test_a_process_that_returns_into_an_open_cut_hears_begin_again() -> None:
    rig = running("a", "b")
    rig.run(rig.request_cut())
    rig.run(rig.arrives("a", incarnation=1))
    assert rig.said_to("a", Admit) == [admit(cut=0)]
    assert [begin.cut for begin in rig.said_to("a", Begin)] == [1]


def test_a_process_that_has_stored_its_part_does_not_hear_begin_again() -> None:
    rig = running("a", "b")
    rig.run(rig.request_cut())
    rig.run(rig.stored("a", 1))
    rig.run(rig.leaves_the_line("a"))
    rig.run(rig.arrives("a", incarnation=1, cut=1))
    assert rig.said_to("a", Begin) == []


def test_a_process_that_missed_the_end_of_its_cut_hears_it() -> None:
    rig = running("a", "b")
    rig.run(rig.request_cut())
    rig.run(rig.stored("a", 1))
    rig.run(rig.leaves_the_line("a"))
    rig.run(rig.stored("b", 1))
    rig.run(rig.arrives("a", incarnation=1, cut=1))
    assert rig.said_to("a", Published) == [Published(incarnation=FIRST, cut=CutNumber(1))]


def test_a_process_that_waits_for_an_abandoned_cut_hears_that_it_is_over() -> None:
    rig = running("a", "b")
    rig.run(rig.request_cut())
    rig.run(rig.leaves_the_line("a"))
    rig.run(rig.arrives("a", incarnation=1, cut=0))
    assert [(message.cut, message.reason[:6]) for message in rig.said_to("a", Abandon)] == [(1, "lost a")]


def test_what_a_returning_process_hears_is_bounded() -> None:
    rig = running("a")
    for _ in range(30):
        rig.run(rig.request_cut())
        rig.run(rig.says("a", CutRefused(cut=rig.core.ledger.computation.open_cut, reason="no")))
    rig.run(rig.arrives("a", incarnation=1, cut=0))
    assert [message.cut for message in rig.said_to("a", Abandon)] == list(range(15, 31))


def test_a_newcomer_that_vanished_before_it_was_told_is_no_loss() -> None:
    rig = running("a")
    rig.step(rig.arrives("b"))
    rig.step(rig.leaves_the_line("b"))
    rig.commit(rig.writes[-1])
    rig.run(was.LedgerWritten(now=rig.now(), request=rig.writes[-1].request))
    rig.reborn("b")
    rig.run(rig.arrives("b"))
    assert rig.said_to("b", Admit) == [admit()]
    assert rig.core.ledger.computation.incarnation == 1


# ---------------------------------------------------------------------------------------------------------- leaving


def test_a_process_that_leaves_goes_with_the_next_recovery_point() -> None:
    rig = running("a", "b")
    rig.run(rig.says("b", Leave()))
    assert members(rig) == {"a": "member", "b": "leaving"}
    (begin,) = rig.said_to("b", Begin)
    assert begin.members == ("a", "b")
    rig.run(rig.stored("a", 1))
    rig.run(rig.stored("b", 1))
    assert rig.said_to("b", Published) == [Published(incarnation=FIRST, cut=CutNumber(1))]
    assert members(rig) == {"a": "member", "b": "released"}
    assert rig.core.ledger.points[CutNumber(1)].left == ("b",)
    assert ("process released", "b has left the computation with cut 1") in rig.notices
    assert rig.run(rig.leaves_the_line("b")) == ()


def test_who_has_left_is_named_in_the_next_cut_and_then_forgotten() -> None:
    rig = running("a", "b")
    rig.run(rig.says("b", Leave()))
    rig.run(rig.stored("a", 1))
    rig.run(rig.stored("b", 1))
    rig.run(rig.request_cut())
    begin = rig.said_to("a", Begin)[-1]
    assert (begin.members, begin.gone, begin.released) == (None, ("b",), ("b",))
    assert rig.members_told("a") == ("a",)
    rig.run(rig.says("a", CutRefused(cut=CutNumber(2), reason="no")))
    assert members(rig) == {"a": "member", "b": "released"}
    assert rig.publish("a").left == ("b",)
    assert members(rig) == {"a": "member"}


def test_a_cut_for_somebody_who_leaves_is_tried_again_after_a_rest() -> None:
    rig = running("a", "b", policy=Policy(retry_seconds=3))
    rig.run(rig.says("b", Leave()))
    effects = rig.run(rig.says("a", CutRefused(cut=CutNumber(1), reason="no")))
    assert of_type(effects, ask.RetryCut) == [ask.RetryCut(seconds=3)]
    assert len(rig.said_to("b", Begin)) == 1
    rig.run(was.CutRetryDue(now=rig.now()))
    assert [begin.cut for begin in rig.said_to("b", Begin)] == [1, 2]


def test_somebody_who_leaves_and_vanishes_is_released_without_a_cut() -> None:
    rig = running("a", "b")
    rig.run(rig.says("b", Leave()))
    rig.run(rig.leaves_the_line("b"))
    assert members(rig) == {"a": "member", "b": "released"}
    assert rig.core.ledger.abandoned[CutNumber(1)].reason.startswith("lost b")
    assert ("process released", "b has left the computation without a last cut") in rig.notices


def test_a_new_leader_gives_somebody_who_leaves_time_to_come_back() -> None:
    rig = running("a", "b")
    rig.run(rig.says("b", Leave()))
    rig.new_leader()
    rig.run(was.LedgerLoaded(now=rig.now(), ledger=rig.ledger()))
    rig.run(rig.arrives("a", incarnation=1))
    assert members(rig) == {"a": "member", "b": "leaving"}
    rig.run(was.CutRetryDue(now=rig.now()))
    assert members(rig) == {"a": "member", "b": "released"}


def test_who_left_is_turned_away_and_may_come_back_anew() -> None:
    rig = running("a", "b")
    rig.run(rig.says("b", Leave()))
    rig.run(rig.leaves_the_line("b"))
    rig.run(rig.arrives("b", incarnation=1))
    assert rig.said_to("b", Rejected)[0].reason.startswith("b has left the computation")
    rig.reborn("b")
    rig.run(rig.arrives("b"))
    assert members(rig) == {"a": "member", "b": "member"}
    assert rig.core.ledger.computation.incarnation == 1


def test_a_member_that_leaves_while_a_cut_is_open_leaves_with_the_next_one() -> None:
    rig = running("a", "b")
    rig.run(rig.request_cut())
    rig.run(rig.says("b", Leave()))
    rig.run(rig.stored("a", 1))
    rig.run(rig.stored("b", 1))
    assert members(rig) == {"a": "member", "b": "leaving"}
    assert [begin.cut for begin in rig.said_to("b", Begin)] == [1, 2]


def test_members_come_back_to_a_new_leader_without_a_word_to_the_registry() -> None:
    rig = with_new_leader(running("a", "b"), "a", "b")
    assert len(rig.writes) == 0
    assert rig.said_to("a", Admit) == rig.said_to("b", Admit) == [admit()]
    assert rig.publish("a", "b").cut == 1
