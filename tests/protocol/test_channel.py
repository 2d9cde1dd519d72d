"""The two halves of a channel, each by itself."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cutpoint.errors import ProtocolViolation
from cutpoint.names import CutNumber, Incarnation
from cutpoint.protocol.channel import Incoming, Outgoing
from cutpoint.protocol.messages import Close, Data, Payload
from cutpoint.protocol.numbers import NumberSet
from tests.protocol.talk import data, in_flight

CLOSE = Close(code=1000, reason="")


def outgoing(*payloads: Payload, limit: int = 10, bytes_max: int = 100) -> Outgoing:
    half = Outgoing(limit=limit, bytes_max=bytes_max)
    for payload in payloads:
        half.send(payload)
    return half


def transmit(half: Outgoing, *, cut: int = 0, bytes_max: int = 1000) -> Data | None:
    frame = half.transmit(incarnation=Incarnation(1), cut=CutNumber(cut), bytes_max=bytes_max)
    half.check()
    return frame


# -------------------------------------------------------------------------------------------------------- the sender


def test_messages_are_numbered_from_one_when_the_call_is_made() -> None:
    half = outgoing()
    assert [half.send("a"), half.send("b")] == [1, 2]
    assert (half.sent, half.transmitted) == (2, 0)


def test_one_frame_takes_what_credit_allows() -> None:
    half = outgoing("a", "b", "c", limit=2)
    assert transmit(half) == data(1, "a", "b")
    assert transmit(half) is None
    half.limit = 3
    assert transmit(half) == data(3, "c")


def test_one_frame_takes_what_fits_and_at_least_one_message() -> None:
    half = outgoing("aaaa", "bb", "cc", "d")
    frames = [transmit(half, bytes_max=3) for _ in range(4)]
    assert frames == [data(1, "aaaa"), data(2, "bb"), data(3, "cc", "d"), None]


def test_a_frame_never_crosses_a_cut() -> None:
    half = outgoing("a", "b")
    transmit(half)
    half.resume(0)
    half.send("c")
    half.mark(before=CutNumber(0))
    assert transmit(half, cut=1) == data(1, "a", "b", cut=0)
    assert transmit(half, cut=1) == data(3, "c", cut=1)


def test_what_never_left_is_in_flight_and_its_sender_records_it() -> None:
    half = outgoing("a", "b", "c", limit=1)
    transmit(half)
    assert half.in_flight() == in_flight(2, "b", "c")


def test_what_once_left_is_the_receivers_to_record_even_if_it_has_to_be_sent_again() -> None:
    half = outgoing("a", "b", "c", limit=2)
    transmit(half)
    half.resume(0)
    assert half.in_flight() == in_flight(3, "c")


def test_a_message_is_kept_until_it_is_acknowledged() -> None:
    half = outgoing("a", "b", "c")
    transmit(half)
    half.acknowledge(2)
    half.resume(2)
    assert transmit(half) == data(3, "c")
    assert half.acknowledged == 2


def test_an_acknowledgement_of_what_was_never_sent_is_a_violation() -> None:
    half = outgoing("a", "b", limit=1)
    transmit(half)
    with pytest.raises(ProtocolViolation, match="message 2 was acknowledged and only 1 were transmitted"):
        half.acknowledge(2)


def test_an_old_acknowledgement_changes_nothing() -> None:
    half = outgoing("a", "b")
    transmit(half)
    half.acknowledge(2)
    half.acknowledge(1)
    assert half.acknowledged == 2
    half.check()


@pytest.mark.parametrize("arrived", [0, 3])
def test_a_peer_that_contradicts_our_memory_is_a_violation(arrived: int) -> None:
    half = outgoing("a", "b", "c", limit=2)
    transmit(half)
    half.acknowledge(1)
    with pytest.raises(ProtocolViolation, match=f"the peer says that {arrived} messages have arrived"):
        half.resume(arrived)


def test_there_is_room_while_messages_and_bytes_are_within_their_limits() -> None:
    half = outgoing("a", "b", limit=2, bytes_max=3)
    assert half.room
    half.send("cc")
    assert not half.room, "beyond both limits"
    half.limit = 9
    assert not half.room, "beyond the limit in bytes"
    half.suspended = True
    assert half.room, "a peer that waits for its turns takes in whatever comes"


def test_acknowledged_bytes_make_room() -> None:
    half = outgoing("aaa", "bbb", bytes_max=4)
    transmit(half)
    assert not half.room
    half.acknowledge(1)
    assert half.room


def test_a_channel_is_finished_when_its_close_is_acknowledged() -> None:
    half = outgoing("a", CLOSE)
    transmit(half)
    half.acknowledge(1)
    assert (half.closed, half.finished) == (True, False)
    half.acknowledge(2)
    assert half.finished


def test_a_restored_sender_goes_on_with_the_numbers_of_the_cut() -> None:
    half = outgoing()
    half.restore(sent=7, acknowledged=3, closed=False, in_flight=in_flight(6, "f", "g"))
    half.check()
    assert half.in_flight() == in_flight(6, "f", "g")
    assert half.send("h") == 8
    assert transmit(half) == data(6, "f", "g", "h")
    half.acknowledge(8)
    half.check()


def test_what_was_sent_before_the_channel_was_known_to_be_an_old_one_comes_after_its_past() -> None:
    half = outgoing()
    half.restore(sent=2, acknowledged=2, closed=False, in_flight=())
    half.append(outgoing("x", "y"))
    assert transmit(half) == data(3, "x", "y")


# ------------------------------------------------------------------------------------------------------ the receiver


def test_messages_are_handed_over_in_order_and_once() -> None:
    half = Incoming(fifo=True)
    assert half.arrive(data(1, "a", "b")) == in_flight(1, "a", "b")
    assert half.arrive(data(2, "b", "c")) == in_flight(3, "c")
    assert [half.take(), half.take(), half.take(), half.take()] == [*in_flight(1, "a", "b", "c"), None]
    assert half.duplicates == 1
    half.check()


def test_a_gap_on_a_channel_that_keeps_order_is_a_violation() -> None:
    half = Incoming(fifo=True)
    half.arrive(data(1, "a"))
    with pytest.raises(ProtocolViolation, match="message 2 is missing: 3 came instead"):
        half.arrive(data(3, "c"))


def test_a_channel_without_order_hands_over_what_comes_as_it_comes() -> None:
    half = Incoming(fifo=False)
    half.arrive(data(2, "b"))
    half.arrive(data(1, "a", "b"))
    assert [half.take(), half.take(), half.take()] == [*in_flight(2, "b"), *in_flight(1, "a"), None]


def test_a_close_is_handed_over_after_everything_before_it() -> None:
    half = Incoming(fifo=False)
    half.arrive(data(3, CLOSE))
    assert not half.available
    half.arrive(data(1, "a", "b"))
    assert [half.take(), half.take(), half.take()] == [*in_flight(1, "a", "b", CLOSE)]
    assert half.closed
    half.check()


def test_nothing_comes_after_a_close() -> None:
    half = Incoming(fifo=False)
    half.arrive(data(2, CLOSE))
    with pytest.raises(ProtocolViolation, match="message 3 came after the channel was closed at 2"):
        half.arrive(data(3, "c"))


def test_a_restored_receiver_delivers_what_was_in_flight_first_and_drops_it_when_it_comes_again() -> None:
    half = Incoming(fifo=True)
    half.restore(received=NumberSet(2), closed=False, in_flight=in_flight(3, "c", "d"))
    half.check()
    assert half.arrive(data(3, "c", "d", "e")) == in_flight(5, "e")
    assert [half.take(), half.take(), half.take()] == [*in_flight(3, "c", "d", "e")]


def test_a_restored_receiver_whose_channel_was_closed_stays_closed() -> None:
    half = Incoming(fifo=True)
    half.restore(received=NumberSet(2), closed=True, in_flight=())
    half.check()
    assert not half.available
    with pytest.raises(ProtocolViolation, match="after the channel was closed at 2"):
        half.arrive(data(3, "c"))


@given(seed=st.integers(min_value=0, max_value=1 << 16), fifo=st.booleans())
def test_whatever_is_lost_doubled_or_reordered_each_message_is_handed_over_once(seed: int, fifo: bool) -> None:
    """Frames are lost with their connection, sent again from what had arrived, and overtake each other if they may."""
    chance = random.Random(seed)
    sender, receiver = Outgoing(limit=100, bytes_max=1 << 20), Incoming(fifo=fifo)
    handed: list[Payload] = []
    under_way: list[Data] = []
    while len(handed) < 12:
        dice = chance.random()
        if dice < 0.3 and sender.sent < 12:
            sender.send(f"m{sender.sent + 1}")
        elif dice < 0.5 and (frame := transmit(sender, bytes_max=3)) is not None:
            under_way.append(frame)
        elif dice < 0.8 and under_way:
            receiver.arrive(under_way.pop(0 if fifo else chance.randrange(len(under_way))))
        elif dice < 0.9:
            under_way.clear()
            sender.resume(receiver.seen.prefix)
        elif (message := receiver.take()) is not None:
            handed.append(message.payload)
            sender.acknowledge(receiver.taken.prefix)
        receiver.check()
    expected = [f"m{i}" for i in range(1, 13)]
    assert handed == expected if fifo else sorted(map(str, handed)) == sorted(expected)
