"""A connection that keeps no order may double what lies on it: nothing is believed twice, and nothing too early."""

from __future__ import annotations

import pytest

from cutpoint.protocol import effects as ask
from cutpoint.protocol import events as was
from cutpoint.protocol.messages import Data
from cutpoint.protocol.process import Process
from tests.protocol.talk import (
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
    said,
    send,
    take,
    welcome,
)


def greeted(*, fifo: bool) -> Process:
    """You have said Hello, and have not said yet that you have had our Welcome."""
    me = ours()
    me.step(was.AcceptRequested(connection=1))
    came(me, hello(fifo=fifo))
    drained(me)
    send(me, "a")
    return me


def test_a_hello_that_comes_twice_does_not_say_that_the_welcome_has_come() -> None:
    me = greeted(fifo=False)
    assert came(me, hello(fifo=False)) == ()
    assert drained(me) == (), "the message waits for a sign of life"
    came(me, credit())
    assert [frame for frame in drained(me) if isinstance(frame, Data)] == [data(1, "a")]


def test_a_second_hello_on_a_channel_that_keeps_order_closes_the_connection_and_says_nothing() -> None:
    me = greeted(fifo=True)
    (close,) = came(me, hello())
    assert isinstance(close, ask.CloseConnection)
    assert (close.violation, close.reason) == (True, "Hello is not expected on you~me:/talk")
    assert drained(me) == ()


def test_a_hello_from_the_end_that_accepted_is_a_violation_on_any_channel() -> None:
    me = ours()
    opened(me, fifo=False)
    (close,) = came(me, hello(fifo=False))
    assert isinstance(close, ask.CloseConnection)
    assert close.violation


def test_a_welcome_that_comes_twice_changes_nothing() -> None:
    me = ours()
    opened(me, fifo=False)
    send(me, "a")
    drained(me)
    assert came(me, welcome()) == ()
    assert drained(me) == (), "nothing is transmitted again"
    assert me.statistics().stale == 1


def test_a_welcome_that_comes_twice_before_its_cut_is_recorded_is_acted_on_once() -> None:
    me = ours()
    me.step(was.OpenRequested(connection=1, key="k", label="/talk", fifo=False, address="there"))
    me.step(was.TurnWanted(turn=1))
    came(me, welcome(cut=1))
    assert came(me, welcome(cut=1)) == ()
    said(me, begin(1))
    effects = me.step(was.TurnEnded(turn=1))
    assert [effect for effect in effects if isinstance(effect, ask.CloseConnection)] == []
    assert [effect.session for effect in effects if isinstance(effect, ask.SessionEstablished)] == ["me~you:/talk"]


def test_a_second_welcome_on_a_channel_that_keeps_order_closes_the_connection() -> None:
    me = ours()
    opened(me)
    (close,) = came(me, welcome())
    assert isinstance(close, ask.CloseConnection)
    assert close.violation


@pytest.mark.parametrize("times", [1, 2])
def test_a_cut_is_the_same_whether_its_marker_and_messages_come_once_or_twice(times: int) -> None:
    me = ours()
    opened(me, fifo=False)
    effects = list(said(me, begin(1)))
    for _ in range(times):
        effects += came(me, data(1, "a"))
    for _ in range(times):
        effects += came(me, marker(1, 2))
    for _ in range(times):
        effects += came(me, data(2, "b"))
    (record,) = part_of(tuple(effects)).sessions
    assert [message.payload for message in record.incoming_in_flight] == ["a", "b"]
    assert [take(me), take(me), take(me)] == ["a", "b", None]
    assert me.statistics().duplicates == 2 * (times - 1)


def test_an_acknowledgement_that_comes_twice_counts_once() -> None:
    me = ours()
    accepted(me, fifo=False)
    send(me, "a")
    drained(me)
    came(me, acknowledge(1))
    assert came(me, acknowledge(1)) == (ask.WakeSenders(key="k"),)
    session = me.session("k")
    assert session is not None
    assert session.outgoing.acknowledged == 1
