"""The process core as one machine: the coordinator's words, leaving, what it says of itself, and that it is total."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cutpoint.errors import UsageError
from cutpoint.names import CutNumber, Incarnation, Life, ProcessName
from cutpoint.protocol import effects as ask
from cutpoint.protocol import events as was
from cutpoint.protocol.events import Event
from cutpoint.protocol.messages import PROTOCOL_VERSION, Admit, Close, Join, Leave, Refused, Rejected
from cutpoint.protocol.process import Process, Statistics
from tests.protocol.talk import (
    COMPUTATION,
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
    prepare,
    published,
    said,
    send,
    start,
    stored,
    summary,
    take,
    told,
    welcome,
)


def newborn() -> Process:
    return Process(name=ProcessName("me"), life=Life("me.1"))


def join(*, incarnation: int = 0, cut: int = 0, prepared: int = 0) -> Join:
    return Join(
        version=PROTOCOL_VERSION,
        process=ProcessName("me"),
        life=Life("me.1"),
        incarnation=Incarnation(incarnation),
        cut=CutNumber(cut),
        prepared=Incarnation(prepared),
    )


def test_the_first_word_to_a_coordinator_is_join() -> None:
    assert told(newborn().step(was.CoordinatorConnected())) == (join(),)


def test_an_admitted_process_runs_from_the_cut_that_it_is_told() -> None:
    me = newborn()
    assert me.holding
    admit = Admit(computation="c", incarnation=Incarnation(3), cut=CutNumber(7), base=CutNumber(6), store="s")
    assert said(me, admit) == (ask.Admitted(incarnation=Incarnation(3), computation="c", store="s"),)
    assert (me.phase, me.incarnation, me.cut, me.holding) == ("running", 3, 7, False)
    assert told(me.step(was.CoordinatorConnected())) == (join(incarnation=3, cut=7),)


def test_an_admission_of_another_incarnation_is_ignored() -> None:
    admit = Admit(computation="c", incarnation=Incarnation(3), cut=CutNumber(7), base=CutNumber(6), store="s")
    assert said(ours(), admit) == ()


def test_a_returning_process_repeats_what_the_coordinator_may_have_missed() -> None:
    me = ours()
    said(me, begin(1, "me"))
    stored(me, 1)
    joined, part = told(me.step(was.CoordinatorConnected()))
    assert joined == join(incarnation=1, cut=1)
    assert part.summary == summary(1)  # type: ignore[union-attr]


def test_a_process_that_is_rejected_says_so() -> None:
    away = ask.TurnedAway(reason="no", waiting_helps=False)
    assert said(newborn(), Rejected(reason="no", waiting_helps=False)) == (away,)


def test_a_process_leaves_when_everything_that_it_had_open_has_ended() -> None:
    me = ours()
    accepted(me)
    assert me.step(was.LeaveRequested()) == ()
    send(me, Close())
    drained(me)
    came(me, data(1, Close()))
    take(me)
    assert told(came(me, acknowledge(1))) == (Leave(),)
    assert me.step(was.LeaveRequested()) == (), "once"


def test_a_process_with_nothing_open_leaves_at_once() -> None:
    assert told(ours().step(was.LeaveRequested())) == (Leave(),)


def test_sending_on_a_closed_or_unknown_channel_is_the_callers_mistake() -> None:
    me = ours()
    opened(me)
    send(me, Close())
    for key in ("k", "nobody"):
        with pytest.raises(UsageError, match="this channel is closed; nothing was sent"):
            send(me, "late", key=key)


def test_a_driver_may_ask_what_there_is() -> None:
    me = ours()
    opened(me)
    assert (me.connection_of("k"), me.connection_of("nobody")) == (1, None)
    assert (me.room("k"), me.room("nobody")) == (True, True)
    assert me.session("nobody") is None
    assert me.step(was.MessageWanted(key="nobody", turn=1)) == ()
    came(me, data(1, "a", "a"))
    came(me, data(1, "a", "a", "b"))
    me.step(was.TurnWanted(turn=1))
    expected = Statistics(sessions=1, open_turns=1, recorded=0, stale=0, duplicates=2)
    assert me.statistics() == expected


def test_a_message_is_delivered_in_the_turn_that_wanted_it() -> None:
    me = ours()
    opened(me)
    came(me, data(1, "a"))
    (deliver, transmit) = me.step(was.MessageWanted(key="k", turn=5))
    assert isinstance(deliver, ask.Deliver)
    assert (deliver.turn, deliver.payload, transmit) == (5, "a", ask.Transmit(connection=1))
    assert me.open_turns == (5,)


def test_a_close_opens_no_turn() -> None:
    me = ours()
    opened(me)
    came(me, data(1, Close()))
    assert isinstance(take(me, ends=False), Close)
    assert me.open_turns == ()


# --------------------------------------------------------------------------------------------------------------- total

SMALL = st.integers(min_value=0, max_value=4)
PAYLOADS = st.lists(st.sampled_from(["a", "b", Close()]), min_size=1, max_size=3)
KEYS = st.sampled_from(["k", "l", "m"])
CONNECTIONS = st.integers(min_value=1, max_value=4)
NAMES = st.sampled_from(["", "me~you:/talk", "you~me:/talk", "you~me:/talk#2"])

FRAMES = st.one_of(
    st.builds(
        hello,
        KEYS,
        cut=SMALL,
        session=NAMES,
        arrived=SMALL,
        fifo=st.booleans(),
        life=st.sampled_from(["you.1", "you.2"]),
        incarnation=st.sampled_from([0, 1, 2]),
        reopens=st.booleans(),
    ),
    st.builds(welcome, NAMES, cut=SMALL, arrived=SMALL, life=st.sampled_from(["you.1", "you.2"])),
    st.builds(lambda first, payloads, cut: data(first, *payloads, cut=cut), st.integers(1, 4), PAYLOADS, SMALL),
    st.builds(marker, SMALL, SMALL, recorded_from=st.none() | st.integers(0, 6)),
    st.builds(acknowledge, SMALL, cut=SMALL),
    st.builds(credit, SMALL, cut=SMALL, suspended=st.booleans()),
    st.builds(ended, cut=SMALL),
    st.builds(
        lambda helps: Refused(incarnation=Incarnation(1), cut=CutNumber(0), reason="no", waiting_helps=helps),
        st.booleans(),
    ),
)

WORDS = st.one_of(
    st.builds(begin, SMALL, st.just("me"), st.just("you"), incarnation=st.sampled_from([1, 2])),
    st.builds(begin, SMALL, st.just("me"), released=st.just(("you",))),
    st.builds(abandon, SMALL),
    st.builds(published, SMALL),
    st.builds(prepare, st.integers(1, 3), cut=SMALL, last_cut=SMALL),
    st.builds(start, st.integers(1, 3)),
)

EVENTS: st.SearchStrategy[Event] = st.one_of(
    st.builds(lambda frame, connection: was.FrameArrived(connection=connection, frame=frame), FRAMES, CONNECTIONS),
    st.builds(lambda frame, connection: was.FrameArrived(connection=connection, frame=frame), FRAMES, st.just(1)),
    st.builds(lambda message: was.CoordinatorSaid(message=message), WORDS),
    st.builds(was.AcceptRequested, connection=CONNECTIONS),
    st.builds(was.ConnectionLost, connection=CONNECTIONS),
    st.builds(was.Redialled, connection=CONNECTIONS, key=KEYS),
    st.builds(was.OpenGivenUp, key=KEYS, reason=st.just("no")),
    st.builds(was.MessageWanted, key=KEYS, turn=SMALL),
    st.builds(was.TurnWanted, turn=SMALL),
    st.builds(was.TurnEnded, turn=SMALL),
    st.builds(was.HoldUpNoticed, cut=SMALL),
    st.builds(lambda cut: was.PartPersisted(cut=CutNumber(cut), summary=summary(cut)), SMALL),
    st.builds(was.PersistFailed, cut=SMALL, reason=st.just("no")),
    st.builds(was.ActivityStopped, incarnation=st.integers(1, 3)),
    st.builds(was.PartLoaded, incarnation=st.integers(1, 3), sessions=st.just(())),
    st.builds(was.PartDelayed, incarnation=st.integers(1, 3), reason=st.just("later")),
    st.builds(was.PartUnfit, incarnation=st.integers(1, 3), reason=st.just("no")),
    st.just(was.CoordinatorConnected()),
    st.just(was.LeaveRequested()),
)


class Driver:
    """The duties of a driver: a connection's number is used once, and closing a connection ends in ConnectionLost."""

    def __init__(self) -> None:
        self.me = ours()
        self.living = {1: 1}
        self.numbers = 1
        opened(self.me)

    def step(self, event: Event) -> None:
        event = self.renumbered(event)
        key: Any = getattr(event, "key", None)
        if isinstance(event, was.Redialled) and self.me.connection_of(key) is not None:
            return
        pending = list(self.me.step(event))
        while pending:
            effect = pending.pop(0)
            if isinstance(effect, ask.CloseConnection):
                drained(self.me, effect.connection)
                pending += self.me.step(was.ConnectionLost(connection=effect.connection))
        for connection in range(1, self.numbers + 1):
            drained(self.me, connection)
        self.me.check()

    def renumbered(self, event: Event) -> Event:
        """Small numbers in events stand for the connections that live now."""
        if isinstance(event, was.AcceptRequested | was.Redialled):
            self.numbers += 1
            self.living[event.connection] = self.numbers
        if isinstance(event, was.AcceptRequested):
            return was.AcceptRequested(connection=self.numbers)
        if isinstance(event, was.Redialled):
            return was.Redialled(connection=self.numbers, key=event.key)
        if isinstance(event, was.FrameArrived):
            return was.FrameArrived(connection=self.living.get(event.connection, 0), frame=event.frame)
        if isinstance(event, was.ConnectionLost):
            return was.ConnectionLost(connection=self.living.pop(event.connection, 0))
        return event


@settings(max_examples=600)
@example(events=[])
@given(events=st.lists(EVENTS, max_size=25))
def test_whatever_peers_and_coordinators_say_the_core_answers_and_stays_sound(events: list[Event]) -> None:
    driver = Driver()
    for event in events:
        driver.step(event)


def test_what_the_tests_are_about_is_one_computation() -> None:
    assert ours().identity.computation == COMPUTATION
