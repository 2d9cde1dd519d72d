"""Opening, resuming and refusing sessions: given events, the whole tuple of effects and every frame."""

from __future__ import annotations

import dataclasses

import pytest

from cutpoint.names import CutNumber, Incarnation, ProcessName, Sequence, SessionName
from cutpoint.protocol import effects as ask
from cutpoint.protocol import events as was
from cutpoint.protocol.messages import PROTOCOL_VERSION, Close, PartCaptured, Refused
from cutpoint.protocol.process import Process
from tests.protocol.talk import (
    abandon,
    accepted,
    acknowledge,
    begin,
    came,
    credit,
    data,
    drained,
    ended,
    hello,
    marker,
    opened,
    ours,
    part_of,
    restored,
    said,
    send,
    take,
    told,
    welcome,
)

TALK = SessionName("me~you:/talk")
THEIRS = SessionName("you~me:/talk")


def open_requested(process: Process, connection: int = 1, key: str = "k") -> tuple[ask.Effect, ...]:
    return process.step(was.OpenRequested(connection=connection, key=key, label="/talk", address="there"))


def accept(process: Process, connection: int = 1) -> None:
    assert process.step(was.AcceptRequested(connection=connection)) == ()


# ----------------------------------------------------------------------------------------------------- the initiator


def test_opening_says_hello_and_lets_nothing_flow() -> None:
    me = ours(cut=3)
    assert open_requested(me) == (
        ask.AttachConnection(connection=1, key="k", fresh=True),
        ask.Transmit(connection=1),
    )
    send(me, "a")
    said_hello = hello("k", cut=3, process="me", life="me.1")
    assert drained(me) == (said_hello,)


def test_a_welcome_establishes_the_session_and_lets_messages_flow() -> None:
    me = ours()
    open_requested(me)
    send(me, "a")
    drained(me)
    assert came(me, welcome()) == (
        ask.SessionEstablished(key="k", session=TALK),
        ask.Transmit(connection=1),
        ask.WakeSenders(key="k"),
    )
    assert drained(me) == (credit(4), data(1, "a"))


def test_a_welcome_from_after_our_cut_makes_us_record_first() -> None:
    me = ours()
    open_requested(me)
    drained(me)
    effects = came(me, welcome(cut=1))
    record, established = (
        ask.RecordState(cut=CutNumber(1), base=CutNumber(0)),
        ask.SessionEstablished(key="k", session=TALK),
    )
    assert effects.index(record) < effects.index(established)
    (session,) = part_of(effects).sessions
    assert session.evidence.outgoing.opening, "inside this cut nobody had answered"


def test_a_welcome_that_knows_an_older_cut_lets_the_initiator_mark_the_new_one() -> None:
    me = ours()
    open_requested(me)
    drained(me)
    waiting = (ask.Transmit(connection=1), ask.WatchCut(cut=CutNumber(1), seconds=2.0))
    assert said(me, begin(1)) == waiting, "it waits for the answer"
    effects = came(me, welcome(cut=0))
    assert ask.RecordState(cut=CutNumber(1), base=CutNumber(0)) in effects
    assert drained(me) == (marker(1, 0), credit(4, cut=1))


def test_a_welcome_of_another_version_closes_the_connection() -> None:
    me = ours()
    open_requested(me)
    reason = f"you speaks protocol version 99, this process {PROTOCOL_VERSION}"
    assert came(me, welcome(version=99)) == (ask.CloseConnection(connection=1, reason=reason, violation=True),)


def test_a_lost_connection_is_redialled_and_the_session_resumes_at_the_right_number() -> None:
    me = ours()
    opened(me)
    send(me, "a", "b", "c")
    drained(me)
    came(me, data(1, "x"))
    assert me.step(was.ConnectionLost(connection=1)) == (ask.Redial(key="k"),)
    assert me.step(was.Redialled(connection=2, key="k")) == (
        ask.AttachConnection(connection=2, key="k", fresh=False),
        ask.Transmit(connection=2),
    )
    assert drained(me, 2) == (hello("k", session=TALK, arrived=1, process="me", life="me.1"),)
    assert came(me, welcome(arrived=1), 2) == (
        ask.Transmit(connection=2),
        ask.WakeReceiver(key="k"),
        ask.WakeSenders(key="k"),
    )
    assert drained(me, 2) == (credit(4), data(2, "b", "c"))


def test_a_marker_is_repeated_when_a_session_resumes_in_mid_cut() -> None:
    me = ours()
    opened(me)
    said(me, begin(1))
    me.step(was.ConnectionLost(connection=1))
    me.step(was.Redialled(connection=2, key="k"))
    drained(me, 2)
    came(me, welcome(), 2)
    assert drained(me, 2) == (marker(1, 0), credit(4, cut=1))


def test_a_peer_of_another_life_has_lost_its_memory() -> None:
    me = ours()
    opened(me)
    me.step(was.ConnectionLost(connection=1))
    me.step(was.Redialled(connection=2, key="k"))
    reason = "you has lost its memory; a recovery will follow"
    assert came(me, welcome(life="you.2"), 2) == (
        ask.SessionEnded(key="k", reason=reason),
        ask.CloseConnection(connection=2, reason=reason),
    )


def test_redialling_a_session_that_is_over_closes_the_connection() -> None:
    me = ours()
    closed = ask.CloseConnection(connection=2, reason="the session is over")
    assert me.step(was.Redialled(connection=2, key="k")) == (closed,)


def test_a_refusal_for_good_ends_the_session_and_gives_back_what_was_sent() -> None:
    me = ours()
    open_requested(me)
    send(me, "a", "b")
    refused = Refused(incarnation=Incarnation(1), cut=CutNumber(0), reason="no", waiting_helps=False)
    assert came(me, refused) == (
        ask.SessionEnded(key="k", reason="no", unsent=("a", "b")),
        ask.CloseConnection(connection=1, reason="no"),
    )


def test_a_refusal_for_now_is_tried_again() -> None:
    me = ours()
    open_requested(me)
    refused = Refused(incarnation=Incarnation(1), cut=CutNumber(0), reason="later", waiting_helps=True)
    assert came(me, refused) == (ask.CloseConnection(connection=1, reason="later"),)
    assert me.step(was.ConnectionLost(connection=1)) == (ask.Redial(key="k"),)


def test_no_cut_waits_for_a_session_that_is_refused() -> None:
    me = ours()
    open_requested(me)
    send(me, "a")
    said(me, begin(1))
    refused = Refused(incarnation=Incarnation(1), cut=CutNumber(0), reason="later", waiting_helps=True)
    effects = came(me, refused)
    assert effects[:3] == (
        ask.SessionEnded(key="k", reason="later", unsent=("a",)),
        ask.CloseConnection(connection=1, reason="later"),
        ask.RecordState(cut=CutNumber(1), base=CutNumber(0)),
    )


def test_no_cut_waits_for_a_session_that_its_driver_has_given_up() -> None:
    me = ours()
    open_requested(me)
    said(me, begin(1))
    effects = me.step(was.OpenGivenUp(key="k", reason="nobody answers"))
    assert effects[:3] == (
        ask.SessionEnded(key="k", reason="nobody answers"),
        ask.CloseConnection(connection=1, reason="nobody answers"),
        ask.RecordState(cut=CutNumber(1), base=CutNumber(0)),
    )


def test_a_name_that_is_given_again_ends_the_session_that_had_it() -> None:
    """The acceptor has forgotten it, so its end lies in a recovery point; the Ended was lost with the connection."""
    me = ours()
    opened(me)
    send(me, Close())
    drained(me)
    came(me, data(1, Close()))
    take(me)
    drained(me)
    me.step(was.ConnectionLost(connection=1))
    open_requested(me, connection=2, key="again")
    drained(me, 2)
    effects = came(me, welcome(TALK), 2)
    assert effects[0] == ask.SessionEnded(key="k", reason="")
    assert ask.SessionEstablished(key="again", session=TALK) in effects
    assert me.session("k") is None


def test_a_name_that_is_given_again_while_its_session_is_open_is_a_violation() -> None:
    me = ours()
    opened(me)
    open_requested(me, connection=2, key="again")
    reason = f"the name {TALK} was given again while the session that has it is open"
    assert came(me, welcome(TALK), 2) == (ask.CloseConnection(connection=2, reason=reason, violation=True),)


# ------------------------------------------------------------------------------------------------------ the acceptor


def test_a_hello_is_welcomed_under_a_name_and_nothing_flows_before_an_answer() -> None:
    me = ours(cut=2)
    accept(me)
    assert came(me, hello("k", cut=2)) == (
        ask.AttachConnection(connection=1, key="k", fresh=True),
        ask.SessionEstablished(key="k", session=THEIRS),
        ask.Transmit(connection=1),
    )
    send(me, "a")
    assert drained(me) == (welcome(THEIRS, cut=2, process="me", life="me.1"),)
    assert came(me, credit(4, cut=2)) == (
        ask.Transmit(connection=1),
        ask.Transmit(connection=1),
        ask.WakeSenders(key="k"),
    )
    assert drained(me) == (credit(4, cut=2), data(1, "a", cut=2))


def test_a_hello_from_a_later_cut_waits_until_that_is_recorded() -> None:
    me = ours()
    accept(me)
    assert came(me, hello("k", cut=1)) == ()
    assert drained(me) == ()
    effects = said(me, begin(1))
    record = ask.RecordState(cut=CutNumber(1), base=CutNumber(0))
    attached = ask.AttachConnection(connection=1, key="k", fresh=True)
    assert effects.index(record) < effects.index(attached)
    assert drained(me) == (welcome(THEIRS, cut=1, process="me", life="me.1"),)


def test_a_hello_from_somebody_outside_the_open_cut_waits_until_it_is_over() -> None:
    me = ours()
    opened(me)
    said(me, begin(1))
    accept(me, 2)
    assert came(me, hello("j", cut=1, process="stranger", life="stranger.1"), 2) == ()
    effects = said(me, abandon(1))
    assert ask.AttachConnection(connection=2, key="j", fresh=True) in effects


def test_a_hello_that_is_repeated_opens_the_session_once() -> None:
    me = ours()
    accept(me)
    came(me, hello("k"))
    drained(me)
    accept(me, 2)
    assert came(me, hello("k"), 2) == (
        ask.CloseConnection(connection=1, reason="the session moved to another connection"),
        ask.AttachConnection(connection=2, key="k", fresh=False),
        ask.Transmit(connection=2),
        ask.WakeSenders(key="k"),
    )
    assert drained(me, 2) == (welcome(THEIRS, process="me", life="me.1"),)
    assert me.session_count == 1


def test_a_repeated_hello_of_a_restored_session_is_welcomed_again_although_it_knows_no_numbers() -> None:
    me = restored_acceptor()
    accept(me)
    came(me, hello("new", cut=1, incarnation=2))
    drained(me)
    me.step(was.ConnectionLost(connection=1))
    accept(me, 2)
    effects = came(me, hello("new", cut=1, incarnation=2), 2)
    assert ask.AttachConnection(connection=2, key="new", fresh=False) in effects
    (answer,) = drained(me, 2)
    assert answer == welcome(THEIRS, cut=1, arrived=2, limit=6, process="me", life="me.1", incarnation=2)


def restored_acceptor() -> Process:
    """Acceptor of a session on which 2 messages were received and 2 sent inside cut 1, now in incarnation 2."""
    before = ours()
    accepted(before)
    send(before, "x", "y")
    drained(before)
    came(before, data(1, "a", "b"))
    take(before)
    take(before)
    effects = (*said(before, begin(1)), *came(before, marker(1, 2)))
    return restored(part_of(effects))[0]


def test_a_resumed_session_transmits_what_had_not_arrived_and_drops_what_comes_twice() -> None:
    me = ours()
    accepted(me)
    send(me, "x", "y")
    drained(me)
    came(me, data(1, "a", "b"))
    me.step(was.ConnectionLost(connection=1))
    accept(me, 2)
    came(me, hello("k", session=THEIRS, arrived=1), 2)
    came(me, data(2, "b", "c"), 2)
    assert drained(me, 2) == (
        welcome(THEIRS, arrived=2, process="me", life="me.1"),
        credit(4),
        data(2, "y"),
    )
    assert [take(me), take(me), take(me), take(me)] == ["a", "b", "c", None]
    assert me.statistics().duplicates == 1


def test_a_peer_that_claims_more_than_was_sent_is_a_violation() -> None:
    me = ours()
    accepted(me)
    me.step(was.ConnectionLost(connection=1))
    accept(me, 2)
    reason = "the peer says that 5 messages have arrived; it had 0 and 0 were transmitted"
    closed = ask.CloseConnection(connection=2, reason=reason, violation=True)
    assert came(me, hello("k", session=THEIRS, arrived=5), 2) == (closed,)


def test_a_session_that_nobody_knows_is_over() -> None:
    me = ours()
    accept(me)
    assert came(me, hello("k", session=THEIRS)) == (
        ask.Transmit(connection=1),
        ask.CloseConnection(connection=1, reason="the session is over"),
    )
    assert drained(me) == (ended(),)


def test_names_are_free_ones() -> None:
    me = ours()
    accepted(me)
    accepted(me, "l", connection=2)
    accept(me, 3)
    came(me, hello("m", closed=("you~me:/talk#3",)), 3)
    names = [session.name for session in me.handshakes.sessions.values()]
    assert names == ["you~me:/talk", "you~me:/talk#2", "you~me:/talk#4"]


def test_a_restored_session_is_gone_on_with_whatever_number_it_had() -> None:
    before = ours()
    accepted(before)
    accepted(before, "l", connection=2)
    part = part_of((*said(before, begin(1)), *came(before, marker(1, 0)), *came(before, marker(1, 0), 2)))
    me, _ = restored(dataclasses.replace(part, sessions=part.sessions[1:]))
    accept(me)
    accept(me, 2)
    came(me, hello("new", cut=1, incarnation=2))
    came(me, hello("newer", cut=1, incarnation=2), 2)
    names = [session.name for session in me.handshakes.sessions.values()]
    assert names == ["you~me:/talk#2", "you~me:/talk"]


def test_a_session_that_keeps_no_order_does_not_continue_a_restored_one_that_does() -> None:
    me = restored_acceptor()
    accept(me)
    came(me, hello("new", cut=1, incarnation=2, fifo=False))
    new = me.session("new")
    assert new is not None
    assert (new.name, new.incoming.taken.prefix) == ("you~me:/talk#2", 0)


REFUSALS = {
    "another version": (
        hello(version=99),
        f"me speaks protocol version {PROTOCOL_VERSION}, you 99; upgrade one",
        False,
    ),
    "itself": (
        hello(process="me", life="me.1"),
        "me opened a channel to itself; use an asyncio.Queue and a table instead",
        False,
    ),
    "an older incarnation": (hello(incarnation=0), "me is at incarnation 1 (running); wait for the recovery", True),
    "a later incarnation": (hello(incarnation=2), "me is at incarnation 1 (running); wait for the recovery", True),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_a_hello_is_refused_by_name(case: str) -> None:
    frame, reason, helps = REFUSALS[case]
    me = ours()
    accept(me)
    assert came(me, frame) == (ask.Transmit(connection=1), ask.CloseConnection(connection=1, reason=reason))
    answer = Refused(incarnation=Incarnation(1), cut=CutNumber(0), reason=reason, waiting_helps=helps)
    assert drained(me) == (answer,)


def test_a_process_that_leaves_opens_nothing_any_more_and_resumes_what_it_has() -> None:
    me = ours()
    accepted(me)
    me.step(was.LeaveRequested())
    me.step(was.ConnectionLost(connection=1))
    accept(me, 2)
    came(me, hello("k", session=THEIRS), 2)
    accept(me, 3)
    came(me, hello("l"), 3)
    (resumed, *_), (refused,) = drained(me, 2), drained(me, 3)
    assert resumed == welcome(THEIRS, process="me", life="me.1")
    assert isinstance(refused, Refused)
    assert refused.reason == "me is leaving the computation; talk to somebody else"


def test_a_frame_where_a_hello_was_expected_is_a_violation() -> None:
    me = ours()
    accept(me)
    reason = "Data came where a Hello was expected"
    assert came(me, data(1, "a")) == (ask.CloseConnection(connection=1, reason=reason, violation=True),)


def test_a_hello_of_another_life_is_refused_until_a_recovery() -> None:
    me = ours()
    accepted(me)
    accept(me, 2)
    reason = f"you has lost its memory of {THEIRS}; a recovery will follow"
    assert came(me, hello("k", session=THEIRS, life="you.2"), 2)[1] == ask.CloseConnection(connection=2, reason=reason)


# ------------------------------------------------------------------------------------------------------- the endings


def test_an_acceptor_that_has_sent_and_received_everything_says_that_it_is_over() -> None:
    me = ours()
    accepted(me)
    send(me, "x", Close())
    came(me, data(1, Close()))
    assert isinstance(take(me), Close)
    assert drained(me) == (acknowledge(1), credit(5), data(1, "x", Close()))
    assert came(me, acknowledge(1)) == (ask.WakeSenders(key="k"),)
    assert came(me, acknowledge(2)) == (
        ask.WakeSenders(key="k"),
        ask.SessionEnded(key="k", reason=""),
        ask.Transmit(connection=1),
    )
    assert drained(me) == (ended(),)


def test_an_initiator_ends_when_it_is_told_and_answers() -> None:
    me = ours()
    opened(me)
    send(me, Close())
    drained(me)
    came(me, data(1, Close()))
    take(me)
    drained(me)
    assert came(me, ended()) == (
        ask.SessionEnded(key="k", reason=""),
        ask.Transmit(connection=1),
        ask.CloseConnection(connection=1, reason=""),
    )
    assert drained(me) == (ended(),)
    assert me.session("k") is None


def test_an_initiator_that_is_told_of_an_end_it_knows_nothing_of_breaks_off() -> None:
    me = ours()
    opened(me)
    assert came(me, ended()) == (
        ask.SessionEnded(key="k", reason="you does not know this session"),
        ask.CloseConnection(connection=1, reason="you does not know this session"),
    )


def test_a_session_does_not_end_while_the_initiators_marker_is_awaited() -> None:
    me = ours()
    accepted(me)
    send(me, Close())
    drained(me)
    said(me, begin(1))
    came(me, data(1, Close()))
    take(me)
    assert came(me, acknowledge(1)) == (ask.WakeSenders(key="k"),)
    effects = came(me, marker(1, 1))
    assert effects[0] == ask.SessionEnded(key="k", reason="")
    assert [type(effect) for effect in effects] == [
        ask.SessionEnded,
        ask.Transmit,
        ask.SendToCoordinator,
        ask.PersistPart,
    ]


def test_what_is_open_to_somebody_who_has_left_for_good_ends() -> None:
    me = ours()
    opened(me)
    send(me, Close())
    drained(me)
    came(me, data(1, Close()))
    take(me)
    effects = said(me, begin(1, "me", released=("you",)))
    assert effects[0] == ask.SessionEnded(key="k", reason="")
    assert told(effects) == (PartCaptured(cut=CutNumber(1)),), "the cut is not refused"


def test_a_restored_session_that_had_ended_is_reopened_by_its_initiator_alone() -> None:
    me, effects = restored(finished_initiator())
    assert ask.Reopen(key=f"initiator of {TALK}", address="there") in effects
    effects = me.step(was.Redialled(connection=9, key=f"initiator of {TALK}"))
    assert effects == (
        ask.AttachConnection(connection=9, key=f"initiator of {TALK}", fresh=False),
        ask.Transmit(connection=9),
    )
    (said_hello,) = drained(me, 9)
    nonce = f"initiator of {TALK}"
    assert said_hello == hello(
        nonce, cut=1, session=TALK, arrived=1, limit=5, closed=(TALK,), process="me", life="me.1", incarnation=2
    )
    assert came(me, ended(cut=1, incarnation=2), 9)[0] == ask.SessionEnded(key=nonce, reason="")


def finished_initiator() -> ask.PersistPart:
    """The part of an initiator whose session was closed and drained both ways, and not told so yet."""
    me = ours()
    opened(me)
    send(me, Close())
    drained(me)
    came(me, data(1, Close()))
    take(me)
    return part_of(said(me, begin(1)))


def test_peers_are_named() -> None:
    me = ours()
    accepted(me, peer="them")
    session = me.session("k")
    assert session is not None
    assert (session.peer, session.name, session.outgoing.limit) == (
        ProcessName("them"),
        SessionName("them~me:/talk"),
        Sequence(4),
    )
