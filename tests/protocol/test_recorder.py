"""When a process records, what it waits for, how its part of a cut comes to an end."""

from __future__ import annotations

import msgspec

from cutpoint.names import CutNumber
from cutpoint.protocol import effects as ask
from cutpoint.protocol import events as was
from cutpoint.protocol.messages import CutRefused, PartCaptured, PartStored
from tests.protocol.talk import (
    abandon,
    accepted,
    acknowledge,
    begin,
    came,
    credit,
    data,
    drained,
    hello,
    marker,
    opened,
    ours,
    part_of,
    published,
    said,
    send,
    stored,
    summary,
    take,
    told,
    welcome,
)

ONE = CutNumber(1)
RECORD = ask.RecordState(cut=ONE, base=CutNumber(0))
WATCH = ask.WatchCut(cut=ONE, seconds=2.0)
CAPTURED = ask.SendToCoordinator(message=PartCaptured(cut=ONE))


def test_a_process_without_channels_records_and_is_captured_in_one_step() -> None:
    me = ours()
    assert said(me, begin(1, "me")) == (
        RECORD,
        ask.WakeTurns(),
        CAPTURED,
        ask.PersistPart(cut=ONE, sessions=(), boundary=()),
        WATCH,
    )


def test_the_record_comes_before_every_other_effect_of_its_step() -> None:
    me = ours()
    opened(me)
    accepted(me, "l", connection=2)
    came(me, data(1, "a"))
    assert said(me, begin(1))[0] == RECORD
    assert came(ours(), hello()) == ()


def test_begin_puts_a_marker_on_every_outgoing_channel() -> None:
    me = ours()
    opened(me)
    accepted(me, "l", connection=2)
    send(me, "a", "b")
    said(me, begin(1))
    assert drained(me, 1) == (marker(1, 2, recorded_from=1), data(1, "a", "b", cut=1))
    assert drained(me, 2) == (marker(1, 0),)


def test_a_message_that_was_sent_and_never_left_is_transmitted_with_the_new_stamp() -> None:
    me = ours()
    opened(me)
    send(me, "a")
    drained(me)
    send(me, "b")
    said(me, begin(1))
    assert drained(me) == (marker(1, 2, recorded_from=2), data(2, "b", cut=1))


def test_begin_that_comes_after_the_marker_adds_the_membership() -> None:
    me = ours()
    opened(me)
    assert came(me, marker(1, 0))[0] == RECORD
    assert said(me, begin(1)) == (WATCH,)


def test_a_repeated_begin_repeats_what_the_coordinator_may_have_missed() -> None:
    me = ours()
    said(me, begin(1, "me"))
    assert said(me, begin(1, "me")) == ()
    stored(me, 1)
    assert said(me, begin(1, "me")) == (ask.SendToCoordinator(message=PartStored(summary=summary(1))),)


def test_a_cut_is_recorded_once_whatever_comes() -> None:
    me = ours()
    opened(me)
    said(me, begin(1))
    came(me, marker(1, 0))
    assert came(me, acknowledge(0, cut=1)) == (ask.WakeSenders(key="k"),)
    assert said(me, begin(1)) == ()
    assert me.statistics().recorded == 1


# -------------------------------------------------------------------------------------------------------------- turns


def test_recording_waits_for_open_turns_and_gives_out_no_new_ones() -> None:
    me = ours()
    opened(me)
    came(me, data(1, "a", "b"))
    assert take(me, 1, ends=False) == "a"
    assert said(me, begin(1)) == (ask.Transmit(connection=1), WATCH)
    assert me.holding
    assert me.step(was.TurnWanted(turn=2)) == ()
    assert take(me, 3) is None
    effects = me.step(was.TurnEnded(turn=1))
    assert effects == (
        RECORD,
        ask.Transmit(connection=1),
        ask.WakeTurns(),
        ask.WakeReceiver(key="k"),
        ask.Transmit(connection=1),
    )
    assert take(me, 3) == "b"


def test_a_turn_that_is_open_may_go_on_receiving_and_sending() -> None:
    me = ours()
    opened(me)
    came(me, data(1, "a", "b"))
    take(me, 1, ends=False)
    said(me, begin(1))
    assert take(me, 1, ends=False) == "b"
    send(me, "x")
    effects = me.step(was.TurnEnded(turn=1))
    (record,) = part_of((*effects, *came(me, marker(1, 2)))).sessions
    assert record.evidence.incoming.received == ((1, 2),)
    assert record.evidence.outgoing.sent == 1, "what the turn sent belongs to what it did to the state"


def test_while_it_waits_a_process_takes_in_beyond_its_window_and_says_so() -> None:
    me = ours()
    opened(me)
    me.step(was.TurnWanted(turn=1))
    said(me, begin(1))
    assert drained(me) == (credit(4, suspended=True),)
    came(me, data(1, "a", "b", "c", "d"))
    assert drained(me) == (credit(8, suspended=True),)
    me.step(was.TurnEnded(turn=1))
    assert drained(me) == (marker(1, 0), credit(4, cut=1))


def test_what_waits_behind_a_marker_counts_as_taken_in() -> None:
    me = ours()
    opened(me)
    me.step(was.TurnWanted(turn=1))
    came(me, marker(1, 0))
    drained(me)
    came(me, data(1, "a", "b", cut=1))
    assert drained(me) == (credit(6, suspended=True),)


def test_a_turn_that_nobody_opened_ends_nothing() -> None:
    assert ours().step(was.TurnEnded(turn=1)) == ()


def test_what_holds_a_cut_up_is_named() -> None:
    me = ours()
    opened(me)
    me.step(was.OpenRequested(connection=2, key="n", label="/new", address="there"))
    me.step(was.TurnWanted(turn=1))
    said(me, begin(1))
    hold_up = was.HoldUpNoticed(cut=ONE)
    assert me.step(hold_up) == (
        ask.ReportHoldUp(cut=ONE, turns=(1,), channels=("the answer to (unanswered):/new",)),
        WATCH,
    )
    me.step(was.TurnEnded(turn=1))
    drained(me, 2)
    came(me, welcome("me~you:/new"), 2)
    assert me.step(hold_up) == (
        ask.ReportHoldUp(cut=ONE, turns=(), channels=("you on me~you:/talk", "you on me~you:/new")),
        WATCH,
    )
    came(me, marker(1, 2))
    assert me.step(hold_up) == (
        ask.ReportHoldUp(cut=ONE, turns=(), channels=("you on me~you:/talk (messages up to 2)", "you on me~you:/new")),
        WATCH,
    )


def test_a_part_that_is_still_being_stored_is_named_again_and_again() -> None:
    me = ours()
    said(me, begin(1, "me"))
    storing = ask.ReportHoldUp(cut=ONE, turns=(), channels=(), storing=True)
    assert me.step(was.HoldUpNoticed(cut=ONE)) == (storing, WATCH)


def test_a_cut_that_is_complete_is_held_up_by_nothing() -> None:
    me = ours()
    said(me, begin(1, "me"))
    me.step(was.PartPersisted(cut=ONE, summary=summary(1)))
    assert me.step(was.HoldUpNoticed(cut=ONE)) == ()
    assert me.step(was.HoldUpNoticed(cut=CutNumber(9))) == ()


# --------------------------------------------------------------------------------------------------------- membership


def test_a_cut_is_refused_by_name_if_there_is_a_channel_to_somebody_outside() -> None:
    me = ours()
    opened(me)
    effects = said(me, begin(1, "me"))
    reason = "me has the channel me~you:/talk to you, which is not a member of cut 1"
    assert told(effects) == (CutRefused(cut=ONE, reason=reason),)
    assert told(said(me, begin(1, "me"))) == (CutRefused(cut=ONE, reason=reason),), "and again when asked again"


def test_a_marker_may_be_faster_than_the_membership() -> None:
    me = ours()
    opened(me)
    assert told(came(me, marker(1, 0))) == (PartCaptured(cut=ONE),)
    (refused,) = told(said(me, begin(1, "me")))
    assert isinstance(refused, CutRefused)


# -------------------------------------------------------------------------------------------------------------- ends


def test_a_part_is_reported_when_it_is_durable() -> None:
    me = ours()
    said(me, begin(1, "me"))
    assert stored(me, 1) == (ask.SendToCoordinator(message=PartStored(summary=summary(1))),)
    assert stored(me, 1) == (), "once"


def test_a_part_that_cannot_be_stored_refuses_the_cut() -> None:
    me = ours()
    said(me, begin(1, "me"))
    reason = "me could not store its part: the disk is full"
    refused = (ask.SendToCoordinator(message=CutRefused(cut=ONE, reason=reason, unstored=True)),)
    assert me.step(was.PersistFailed(cut=ONE, reason="the disk is full")) == refused


def test_a_value_that_cannot_be_kept_is_not_the_stores_fault() -> None:
    me = ours()
    said(me, begin(1, "me"))
    (refused,) = told(me.step(was.PersistFailed(cut=ONE, reason="state 'v' cannot be kept", of_store=False)))
    assert refused == CutRefused(cut=ONE, reason="me could not store its part: state 'v' cannot be kept")


def test_a_published_cut_is_kept_and_the_next_deltas_build_on_it() -> None:
    me = ours()
    said(me, begin(1, "me"))
    stored(me, 1)
    assert said(me, published(1)) == (ask.KeepCapture(cut=ONE), ask.WakeTurns())
    assert said(me, begin(2, "me", base=1))[0] == ask.RecordState(cut=CutNumber(2), base=ONE)


def test_nobody_believes_that_a_cut_is_published_whose_part_is_not_stored() -> None:
    me = ours()
    said(me, begin(1, "me"))
    assert said(me, published(1)) == ()
    stored(me, 1)
    assert said(me, published(1)) == (ask.KeepCapture(cut=ONE), ask.WakeTurns())


def test_an_abandoned_cut_gives_its_capture_back() -> None:
    me = ours()
    opened(me)
    said(me, begin(1))
    assert said(me, abandon(1))[0] == ask.DiscardCapture(cut=ONE)
    assert came(me, marker(1, 0)) == (), "a late marker is only a stamp"


def test_a_cut_that_is_abandoned_while_it_waits_records_nothing_and_gives_turns_out_again() -> None:
    me = ours()
    opened(me)
    me.step(was.TurnWanted(turn=1))
    came(me, marker(1, 1))
    came(me, data(1, "a"))
    assert said(me, abandon(1)) == (
        ask.WakeTurns(),
        ask.Transmit(connection=1),
        ask.WakeReceiver(key="k"),
    )
    assert (me.statistics().recorded, me.cut, me.holding) == (0, 1, False)


def test_the_number_of_an_abandoned_cut_is_never_recorded() -> None:
    me = ours()
    opened(me)
    said(me, abandon(1))
    assert me.cut == 1
    assert said(me, begin(1)) == ()
    assert came(me, marker(1, 0)) == ()
    assert said(me, begin(2))[0] == ask.RecordState(cut=CutNumber(2), base=CutNumber(0))


def test_what_left_before_an_abandoned_cut_is_sent_again_with_its_old_stamp() -> None:
    me = ours()
    opened(me)
    send(me, "a")
    drained(me)
    send(me, "b")
    said(me, abandon(1))
    me.step(was.ConnectionLost(connection=1))
    me.step(was.Redialled(connection=2, key="k"))
    drained(me, 2)
    came(me, welcome(), 2)
    assert drained(me, 2) == (credit(4, cut=1), data(1, "a", cut=0), data(2, "b", cut=1))


def test_the_next_cut_may_begin_before_the_end_of_the_last_was_heard() -> None:
    me = ours()
    said(me, begin(1, "me"))
    stored(me, 1)
    assert said(me, begin(2, "me", base=1))[0] == ask.KeepCapture(cut=ONE)
    me = ours()
    said(me, begin(1, "me"))
    assert said(me, begin(2, "me", base=0))[0] == ask.DiscardCapture(cut=ONE)


def test_words_of_another_incarnation_count_for_nothing() -> None:
    me = ours()
    assert said(me, begin(1, "me", incarnation=2)) == ()
    assert said(me, begin(1, "me", incarnation=0)) == ()
    said(me, begin(1, "me"))
    stored(me, 1)
    assert said(me, published(1, incarnation=2)) == ()
    assert said(me, abandon(1, incarnation=2)) == ()


def test_what_lies_outside_the_cut_is_listed_in_the_part() -> None:
    me = ours()
    assert me.step(was.BoundaryChanged(channels=("a browser",))) == ()
    assert part_of(said(me, begin(1, "me"))).boundary == ("a browser",)


def test_a_part_lists_its_sessions_by_name() -> None:
    me = ours()
    accepted(me, "z", connection=2)
    opened(me)
    effects = (*said(me, begin(1)), *came(me, marker(1, 0)), *came(me, marker(1, 0), 2))
    names = [record.evidence.session for record in part_of(effects).sessions]
    assert names == ["me~you:/talk", "you~me:/talk"]


def test_a_session_that_is_opened_after_the_record_is_not_in_the_cut() -> None:
    me = ours()
    effects = said(me, begin(1))
    me.step(was.AcceptRequested(connection=1))
    came(me, hello(cut=1))
    assert part_of(effects).sessions == ()


def test_a_session_that_is_opening_at_its_acceptor_says_so() -> None:
    me = ours()
    me.step(was.AcceptRequested(connection=1))
    came(me, hello())
    effects = (*said(me, begin(1)), *came(me, marker(1, 0, base=0)))
    (record,) = part_of(effects).sessions
    assert record.evidence.outgoing.opening


def test_the_address_of_a_session_is_recorded_with_it() -> None:
    me = ours()
    opened(me)
    (record,) = part_of((*said(me, begin(1)), *came(me, marker(1, 0)))).sessions
    assert record.address == "there"
    assert msgspec.json.decode(msgspec.json.encode(record))["address"] == "there"
