"""The way of one process through a recovery: stop, load and check, say Ready, start."""

from __future__ import annotations

import pytest

from cutpoint.errors import UsageError
from cutpoint.names import CutNumber, Incarnation
from cutpoint.protocol import effects as ask
from cutpoint.protocol import events as was
from cutpoint.protocol.effects import Effect
from cutpoint.protocol.messages import Close, Delayed, Hello, Prepare, Ready, Unfit
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
    prepare,
    restored,
    said,
    send,
    start,
    take,
    welcome,
)

TWO = Incarnation(2)
KEY = "initiator of me~you:/talk"


def stopped(process: Process, incarnation: int = 2) -> tuple[Effect, ...]:
    return process.step(was.ActivityStopped(incarnation=Incarnation(incarnation)))


def loaded(process: Process, incarnation: int = 2) -> tuple[Effect, ...]:
    return process.step(was.PartLoaded(incarnation=Incarnation(incarnation), sessions=()))


def ready(incarnation: int) -> tuple[Effect, ...]:
    return (ask.SendToCoordinator(message=Ready(incarnation=Incarnation(incarnation))),)


def test_a_recovery_is_stop_load_ready_start() -> None:
    me = ours(cut=3)
    to: Prepare = prepare(2, cut=2, last_cut=4, part="sha256:1")
    assert said(me, to) == (ask.StopActivity(incarnation=TWO, reason="recovery to cut 2"),)
    assert stopped(me) == (ask.LoadPart(prepare=to),)
    assert loaded(me) == ready(2)
    assert said(me, start(2)) == (ask.RestoreState(incarnation=TWO, cut=CutNumber(2)), ask.WakeTurns())
    assert (me.phase, me.incarnation, me.cut) == ("running", 2, 4), "it counts on from the highest number ever used"


def test_a_recovery_to_the_beginning_says_so() -> None:
    assert said(ours(), prepare(2)) == (ask.StopActivity(incarnation=TWO, reason="recovery to the beginning"),)


def test_nothing_is_given_out_or_sent_from_prepare_to_start() -> None:
    me = ours()
    opened(me)
    came(me, data(1, "a"))
    said(me, prepare(2))
    assert me.holding
    assert take(me) is None
    assert me.step(was.TurnWanted(turn=1)) == ()
    with pytest.raises(UsageError, match="this channel is closed; nothing was sent"):
        send(me, "x")
    assert drained(me) == ()
    assert came(me, data(2, "b")) == ()


def test_an_open_cut_is_given_up_when_a_recovery_begins() -> None:
    me = ours()
    opened(me)
    said(me, begin(1))
    assert said(me, prepare(2))[0] == ask.DiscardCapture(cut=CutNumber(1))


def test_a_part_that_does_not_fit_is_reported_and_nothing_was_changed() -> None:
    me = ours()
    said(me, prepare(2, cut=1, last_cut=1, part="sha256:1"))
    stopped(me)
    unfit = (ask.SendToCoordinator(message=Unfit(incarnation=TWO, reason="its digest is wrong")),)
    assert me.step(was.PartUnfit(incarnation=TWO, reason="its digest is wrong")) == unfit
    assert said(me, start(2)) == (), "it is not ready"
    assert said(me, prepare(3)) == (ask.StopActivity(incarnation=Incarnation(3), reason="recovery to the beginning"),)


def test_a_store_that_is_away_is_told_of_as_often_as_somebody_asks_and_ends_in_ready() -> None:
    me = ours()
    said(me, prepare(2, cut=1, last_cut=1, part="sha256:1"))
    assert me.step(was.PartDelayed(incarnation=TWO, reason="no answer")) == (), "it has not stopped yet"
    stopped(me)
    away = ask.SendToCoordinator(message=Delayed(incarnation=TWO, reason="no answer"))
    assert me.step(was.PartDelayed(incarnation=TWO, reason="no answer")) == (away,)
    assert me.step(was.PartDelayed(incarnation=Incarnation(1), reason="no answer")) == (), "it is of another recovery"
    assert away in me.step(was.CoordinatorConnected())
    assert loaded(me, 2) == ready(2)
    assert away not in me.step(was.CoordinatorConnected())


def test_a_later_recovery_takes_the_place_of_one_that_is_under_way() -> None:
    me = ours()
    said(me, prepare(2))
    said(me, prepare(3))
    assert stopped(me, 2) == ()
    assert stopped(me, 3) == (ask.LoadPart(prepare=prepare(3)),)
    assert loaded(me, 2) == ()
    assert loaded(me, 3) == ready(3)
    assert said(me, start(2)) == ()
    assert me.phase == "ready"


def test_an_older_prepare_is_not_news_and_a_repeated_one_is_answered_again() -> None:
    me = ours()
    said(me, prepare(2))
    assert said(me, prepare(2)) == (), "it is stopping"
    stopped(me)
    loaded(me)
    assert said(me, prepare(2)) == ready(2)
    assert said(me, prepare(1)) == ()


def test_start_counts_once() -> None:
    me, _ = restored(ask.PersistPart(cut=CutNumber(1), sessions=(), boundary=()))
    assert said(me, start(2)) == ()


def test_a_returning_agent_says_again_that_it_is_ready() -> None:
    me = ours()
    said(me, prepare(2))
    stopped(me)
    loaded(me)
    join, again = me.step(was.CoordinatorConnected())
    assert isinstance(join, ask.SendToCoordinator)
    assert (again,) == ready(2)


def test_a_process_that_was_fenced_is_taken_back_by_the_coordinator() -> None:
    me = ours()
    opened(me)
    came(me, data(1, "new", incarnation=2))
    assert me.phase == "fenced"
    assert said(me, prepare(2)) == (ask.StopActivity(incarnation=TWO, reason="recovery to the beginning"),)


def test_what_was_in_flight_both_ways_is_delivered_once_after_both_ends_are_back() -> None:
    before = ours()
    opened(before)
    send(before, *"abcdef")
    drained(before)
    came(before, data(1, "x", "y"))
    take(before)
    effects = (*said(before, begin(1)), *came(before, marker(1, 2)))
    me, started = restored(part_of(effects))
    assert started == (ask.RestoreState(incarnation=TWO, cut=CutNumber(1)), ask.WakeTurns())
    me.step(was.OpenRequested(connection=1, key="n", label="/talk", address="there"))
    send(me, "later", key="n")
    assert drained(me)[0] == hello("n", cut=1, process="me", life="me.1", incarnation=2)
    effects = came(me, welcome(cut=1, arrived=4, limit=8, incarnation=2))
    assert ask.WakeReceiver(key="n") in effects
    frames = drained(me)
    assert data(5, "e", "f", "later", cut=1, incarnation=2) in frames, "its past first"
    came(me, data(2, "y", "z", cut=1, incarnation=2))
    assert [take(me, key="n"), take(me, key="n"), take(me, key="n")] == ["y", "z", None]


def test_a_restored_acceptor_gives_the_application_what_was_in_flight_when_the_session_is_opened_again() -> None:
    before = ours()
    accepted(before)
    said(before, begin(1))
    came(before, data(1, "a"))
    part = part_of(came(before, marker(1, 1)))
    assert part.sessions[0].incoming_in_flight == in_flight(1, "a")
    me, _ = restored(part)
    me.step(was.AcceptRequested(connection=1))
    effects = came(me, hello("n", cut=1, incarnation=2))
    assert effects[-1] == ask.WakeReceiver(key="n")
    assert take(me, key="n") == "a"


def test_what_the_application_had_closed_is_reopened_to_deliver_what_is_under_way() -> None:
    before = ours()
    opened(before)
    send(before, *"abcd", "e", Close())
    drained(before)
    part = part_of((*said(before, begin(1)), *came(before, marker(1, 0))))
    me, started = restored(part)
    assert started[-1] == ask.Reopen(key=KEY, address="there")
    me.step(was.Redialled(connection=3, key=KEY))
    (asks,) = drained(me, 3)
    assert asks == hello(
        KEY, cut=1, session="me~you:/talk", closed=("me~you:/talk",), process="me", life="me.1", incarnation=2
    )
    came(me, welcome(cut=1, arrived=4, limit=8, incarnation=2), 3)
    assert data(5, "e", Close(), cut=1, incarnation=2) in drained(me, 3)


def finished() -> ask.PersistPart:
    """The part of an acceptor that has given and had everything, and whose initiator does not know that."""
    before = ours()
    accepted(before)
    send(before, Close())
    drained(before)
    came(before, data(1, Close()))
    take(before)
    came(before, acknowledge(1))
    return part_of(said(before, begin(1)))


def test_a_session_that_had_ended_inside_the_cut_is_over_for_its_acceptor() -> None:
    me, started = restored(finished())
    assert started == (ask.RestoreState(incarnation=TWO, cut=CutNumber(1)), ask.WakeTurns())
    session = me.session("acceptor of you~me:/talk")
    assert session is not None
    assert session.phase == "ended"


@pytest.mark.parametrize("reopens", [False, True])
def test_an_initiator_that_asks_for_a_session_that_has_ended_hears_so_whatever_it_thinks_we_know(reopens: bool) -> None:
    me, _ = restored(finished())
    me.step(was.AcceptRequested(connection=3))
    asks = hello("initiator of you~me:/talk", cut=1, session="you~me:/talk", arrived=1, reopens=reopens, incarnation=2)
    over = ask.CloseConnection(connection=3, reason="the session is over")
    assert came(me, asks, 3) == (ask.Transmit(connection=3), over)
    assert drained(me, 3) == (ended(cut=1, incarnation=2),)


def closing(*, answered: bool) -> ask.PersistPart:
    """The part of an initiator that has closed its session and waits for the other end, if that knows of it at all."""
    before = ours()
    before.step(was.OpenRequested(connection=1, key="k", label="/talk", address="there"))
    send(before, "a", Close())
    drained(before)
    if not answered:
        return part_of(came(before, welcome(cut=1)))
    came(before, welcome())
    drained(before)
    return part_of((*said(before, begin(1)), *came(before, marker(1, 0))))


def reopened(part: ask.PersistPart) -> tuple[Process, Hello]:
    """The process that goes back to ``part``, and how it asks for its session."""
    me, _ = restored(part)
    me.step(was.Redialled(connection=3, key=KEY))
    (asks,) = drained(me, 3)
    assert isinstance(asks, Hello)
    return me, asks


@pytest.mark.parametrize("answered", [True, False])
def test_whether_the_acceptor_may_never_have_heard_of_a_session_is_recorded_as_it_was(answered: bool) -> None:
    part = closing(answered=answered)
    for _ in range(2):
        me, asks = reopened(part)
        (session,) = part.sessions
        assert session.evidence.outgoing.opening is asks.reopens is not answered
        part = part_of(said(me, begin(part.cut + 1, incarnation=2)))


def test_an_acceptor_that_has_welcomed_a_session_knows_it_in_every_later_cut() -> None:
    me, asks = reopened(closing(answered=False))
    assert asks.reopens
    came(me, welcome(cut=1, limit=8, incarnation=2), 3)
    (session,) = part_of((*said(me, begin(2, incarnation=2)), *came(me, marker(2, 0, incarnation=2), 3))).sessions
    assert not session.evidence.outgoing.opening


def test_a_leave_is_forgotten_by_a_recovery() -> None:
    me = ours()
    opened(me)
    me.step(was.LeaveRequested())
    said(me, prepare(2))
    stopped(me)
    loaded(me)
    said(me, start(2))
    me.step(was.AcceptRequested(connection=1))
    effects = came(me, hello(incarnation=2))
    assert ask.AttachConnection(connection=1, key="k", fresh=True) in effects


def test_credit_that_was_given_before_a_recovery_means_nothing_after_it() -> None:
    me = ours()
    opened(me)
    came(me, credit(50))
    part = part_of((*said(me, begin(1)), *came(me, marker(1, 0))))
    again, _ = restored(part)
    session = again.session("initiator of me~you:/talk")
    assert session is not None
    assert session.outgoing.limit == 4
