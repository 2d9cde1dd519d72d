"""What a process does about arriving frames: act, hold until it has recorded, drop, or close the connection."""

from __future__ import annotations

import pytest

from cutpoint.names import CutNumber, Incarnation
from cutpoint.protocol import effects as ask
from cutpoint.protocol import events as was
from cutpoint.protocol.effects import Effect
from cutpoint.protocol.messages import AnyFrame, Close, PartCaptured, Refused
from cutpoint.protocol.process import Process
from tests.protocol.talk import (
    accepted,
    acknowledge,
    begin,
    came,
    credit,
    data,
    drained,
    ended,
    hello,
    in_flight,
    marker,
    opened,
    ours,
    part_of,
    said,
    send,
    take,
    told,
    welcome,
)

RECORD = ask.RecordState(cut=CutNumber(1), base=CutNumber(0))


def recorded_first(effects: tuple[Effect, ...], then: Effect) -> bool:
    return effects.index(RECORD) < effects.index(then)


# ------------------------------------------------------------------------------------------------------------- stamps


def test_a_message_from_inside_our_cuts_is_delivered_at_once() -> None:
    me = ours(cut=2)
    opened(me)
    assert came(me, data(1, "a", cut=1)) == (ask.WakeReceiver(key="k"),)


def test_a_message_from_after_a_cut_makes_us_record_before_it_can_be_had() -> None:
    me = ours()
    opened(me)
    effects = came(me, data(1, "a", cut=1))
    assert effects[0] == RECORD
    assert recorded_first(effects, ask.WakeReceiver(key="k"))
    assert part_of((*effects, *came(me, marker(1, 0)))).sessions[0].incoming_in_flight == ()


def test_an_acknowledgement_from_after_a_cut_does_not_count_inside_it() -> None:
    me = ours()
    opened(me)
    send(me, "a")
    drained(me)
    effects = came(me, acknowledge(1, cut=1))
    assert effects[0] == RECORD
    outgoing = part_of((*effects, *came(me, marker(1, 0)))).sessions[0].evidence.outgoing
    assert (outgoing.sent, outgoing.acknowledged) == (1, 0)


def test_what_follows_a_held_frame_waits_behind_it_on_a_channel_that_keeps_order() -> None:
    me = ours()
    opened(me)
    turn = me.step(was.TurnWanted(turn=9))
    assert turn == (ask.OpenTurn(turn=9),)
    assert came(me, marker(1, 1)) == (ask.Transmit(connection=1),)
    came(me, data(1, "late", cut=0))
    session = me.session("k")
    assert session is not None
    assert len(session.held) == 2
    effects = me.step(was.TurnEnded(turn=9))
    (record,) = part_of(effects).sessions
    assert record.incoming_in_flight == in_flight(1, "late"), "it came after the record: in-flight"


def test_what_is_of_the_past_does_not_wait_on_a_channel_without_order() -> None:
    me = ours()
    opened(me, fifo=False)
    me.step(was.TurnWanted(turn=9))
    came(me, marker(1, 1))
    assert came(me, data(1, "early", cut=0)) == (ask.Transmit(connection=1), ask.WakeReceiver(key="k"))


def test_credit_is_acted_on_at_once_even_from_after_a_cut() -> None:
    me = ours()
    opened(me)
    send(me, "a", "b", "c", "d", "e", "f")
    drained(me)
    assert came(me, credit(6, cut=1)) == (ask.Transmit(connection=1), ask.WakeSenders(key="k"))
    assert drained(me) == (data(5, "e", "f"),)
    assert me.cut == 0, "credit is no reason to record"


def test_credit_of_a_suspended_window_takes_the_limit_in_bytes_away() -> None:
    me = ours(window_bytes=2)
    opened(me)
    send(me, "aaa")
    assert not me.room("k")
    came(me, credit(4, suspended=True))
    assert me.room("k")
    came(me, credit(4))
    assert not me.room("k")


# ------------------------------------------------------------------------------------------------------------ markers


def test_a_marker_records_and_closes_its_channel_with_what_had_arrived() -> None:
    me = ours()
    opened(me)
    came(me, data(1, "a", "b"))
    take(me)
    effects = came(me, marker(1, 2))
    (record,) = part_of(effects).sessions
    incoming = record.evidence.incoming
    assert (incoming.received, incoming.in_flight) == (((1, 1),), ((2, 2),))
    assert record.incoming_in_flight == in_flight(2, "b")


def test_messages_between_our_record_and_the_marker_are_recorded_and_delivered() -> None:
    me = ours()
    opened(me)
    said(me, begin(1))
    assert came(me, data(1, "a")) == (ask.WakeReceiver(key="k"),)
    assert take(me) == "a"
    (record,) = part_of(came(me, marker(1, 1))).sessions
    assert record.incoming_in_flight == in_flight(1, "a")
    assert record.evidence.incoming.received == ()


def test_a_marker_says_how_many_messages_have_to_come_before_the_channel_closes() -> None:
    me = ours()
    opened(me, fifo=False)
    said(me, begin(1))
    assert came(me, marker(1, 3)) == ()
    assert came(me, data(4, "outside", cut=1)) == (ask.WakeReceiver(key="k"),)
    assert came(me, data(2, "b")) == ()
    assert came(me, data(1, "a")) == ()
    (record,) = part_of(came(me, data(3, "c"))).sessions
    assert sorted(message.number for message in record.incoming_in_flight) == [1, 2, 3]


def test_what_the_sender_has_recorded_itself_is_not_waited_for() -> None:
    me = ours()
    opened(me)
    said(me, begin(1))
    (record,) = part_of(came(me, marker(1, 5, recorded_from=1))).sessions
    assert record.evidence.incoming.in_flight == ()


def test_a_late_marker_of_a_cut_that_is_over_changes_nothing() -> None:
    me = ours(cut=5)
    opened(me)
    assert came(me, marker(5, 0)) == ()
    assert came(me, marker(4, 0)) == ()


def test_a_marker_that_contradicts_itself_is_a_violation() -> None:
    me = ours()
    opened(me)
    said(me, begin(1))
    reason = "a marker on me~you:/talk recorded from 9"
    assert came(me, marker(1, 2, recorded_from=9)) == (
        ask.CloseConnection(connection=1, reason=reason, violation=True),
    )


def test_a_marker_that_builds_on_its_own_cut_is_a_violation() -> None:
    me = ours()
    opened(me)
    said(me, begin(1))
    reason = "a marker of cut 1 on me~you:/talk builds on cut 1"
    assert came(me, marker(1, 0, base=1)) == (ask.CloseConnection(connection=1, reason=reason, violation=True),)


def test_a_marker_of_the_next_cut_ends_the_one_before_as_it_says() -> None:
    for base, end in ((1, ask.KeepCapture(cut=CutNumber(1))), (0, ask.DiscardCapture(cut=CutNumber(1)))):
        me = ours()
        opened(me)
        said(me, begin(1))
        came(me, marker(1, 0))
        effects = came(me, marker(2, 0, base=base))
        assert effects[:2] == (end, ask.RecordState(cut=CutNumber(2), base=CutNumber(base)))


# -------------------------------------------------------------------------------------------------------- overtaking


def test_a_marker_goes_ahead_of_what_waits_for_credit_and_the_sender_records_that() -> None:
    me = ours()
    opened(me)
    send(me, "a", "b", "c", "d", "e", "f")
    assert drained(me) == (data(1, "a", "b", "c", "d"),)
    effects = said(me, begin(1))
    assert drained(me) == (marker(1, 6, recorded_from=5),)
    (record,) = part_of((*effects, *came(me, marker(1, 0)))).sessions
    assert record.outgoing_in_flight == in_flight(5, "e", "f")
    came(me, credit(9, cut=1))
    assert drained(me) == (data(5, "e", "f", cut=1),), "sent inside the cut, transmitted after it"


def test_a_receiver_takes_what_the_marker_overtook_as_news_of_the_sender_but_not_as_in_flight() -> None:
    me = ours()
    opened(me)
    effects = came(me, marker(1, 2, recorded_from=2))
    assert effects[0] == RECORD
    assert told(effects) == (), "message 1 has not come yet"
    (record,) = part_of(came(me, data(1, "a"))).sessions
    assert record.incoming_in_flight == in_flight(1, "a")
    came(me, data(2, "b", cut=1))
    assert [take(me), take(me)] == ["a", "b"]


def test_the_first_frame_after_a_record_has_the_marker_before_any_message() -> None:
    me = ours()
    opened(me)
    send(me, "inside")
    said(me, begin(1))
    send(me, "outside")
    came(me, credit(9))
    assert drained(me) == (marker(1, 1, recorded_from=1), data(1, "inside", "outside", cut=1))


# ------------------------------------------------------------------------------------------------------------- closes


def test_a_close_in_mid_cut_that_was_sent_inside_is_in_flight() -> None:
    me = ours()
    opened(me)
    said(me, begin(1))
    came(me, data(1, Close()))
    take(me)
    (record,) = part_of(came(me, marker(1, 1))).sessions
    assert record.incoming_in_flight == in_flight(1, Close())
    assert not record.evidence.incoming.closed


def test_a_channel_that_was_closed_inside_the_cut_needs_no_marker() -> None:
    me = ours()
    opened(me)
    came(me, data(1, Close()))
    take(me)
    (record,) = part_of(said(me, begin(1))).sessions
    assert record.evidence.incoming.closed


def test_a_close_that_we_sent_inside_the_cut_is_part_of_our_count() -> None:
    me = ours()
    opened(me)
    send(me, "a", Close())
    effects = said(me, begin(1))
    assert drained(me)[0] == marker(1, 2, recorded_from=1)
    (record,) = part_of((*effects, *came(me, marker(1, 0)))).sessions
    assert record.evidence.outgoing.closed


def test_an_end_waits_until_the_marker_has_come_on_a_channel_without_order() -> None:
    me = ours()
    opened(me, fifo=False)
    send(me, Close())
    drained(me)
    said(me, begin(1))
    came(me, data(1, Close()))
    take(me)
    assert came(me, ended()) == ()
    effects = came(me, marker(1, 1))
    assert ask.SessionEnded(key="k", reason="") in effects
    assert told(effects) == (PartCaptured(cut=CutNumber(1)),)


# ----------------------------------------------------------------------------------------------- incarnations, faults


def test_a_frame_of_a_lower_incarnation_is_dropped_and_counted() -> None:
    me = ours()
    opened(me)
    assert came(me, data(1, "old", incarnation=0)) == ()
    assert take(me) is None
    assert me.statistics().stale == 1


def test_a_frame_of_a_higher_incarnation_stops_the_process_once() -> None:
    me = ours()
    opened(me)
    assert came(me, data(1, "new", incarnation=2)) == (ask.Fence(incarnation=Incarnation(2)),)
    assert came(me, data(1, "new", incarnation=2)) == ()
    assert (me.phase, me.holding) == ("fenced", True)


UNEXPECTED: dict[str, AnyFrame] = {
    "a Hello on an open session": hello("k"),
    "a Welcome on an open session": welcome(),
    "a message after a gap": data(7, "g"),
    "an acknowledgement of what was never sent": acknowledge(3),
}


@pytest.mark.parametrize("case", UNEXPECTED)
def test_what_the_protocol_does_not_allow_closes_the_connection(case: str) -> None:
    me = ours()
    opened(me)
    (effect,) = came(me, UNEXPECTED[case])
    assert isinstance(effect, ask.CloseConnection)
    assert effect.violation
    assert me.step(was.ConnectionLost(connection=1)) == (ask.Redial(key="k"),)


@pytest.mark.parametrize(
    "frame",
    [welcome(), Refused(incarnation=Incarnation(1), cut=CutNumber(0), reason="no", waiting_helps=False)],
    ids=["Welcome", "Refused"],
)
def test_only_an_acceptor_answers_a_hello(frame: AnyFrame) -> None:
    me = ours()
    accepted(me)
    (effect,) = came(me, frame)
    assert isinstance(effect, ask.CloseConnection)
    assert effect.violation


def test_a_held_frame_that_is_wrong_closes_the_connection_when_its_turn_comes() -> None:
    me = ours()
    opened(me)
    me.step(was.TurnWanted(turn=9))
    came(me, acknowledge(3, cut=1))
    effects = me.step(was.TurnEnded(turn=9))
    reason = "message 3 was acknowledged and only 0 were transmitted"
    assert ask.CloseConnection(connection=1, reason=reason, violation=True) in effects


def test_frames_on_a_connection_that_carries_nothing_are_ignored() -> None:
    assert came(ours(), data(1, "a"), 7) == ()


def test_what_was_held_is_lost_with_its_connection_and_comes_again() -> None:
    me: Process = ours()
    opened(me)
    me.step(was.TurnWanted(turn=9))
    came(me, data(1, "a", cut=1))
    me.step(was.ConnectionLost(connection=1))
    effects = me.step(was.TurnEnded(turn=9))
    assert effects[0] == RECORD
    me.step(was.Redialled(connection=2, key="k"))
    drained(me, 2)
    came(me, welcome(cut=1), 2)
    came(me, data(1, "a", cut=1), 2)
    assert take(me) == "a"
