"""One cut as a process records it: which channels are open, and when they close."""

from __future__ import annotations

import pytest

from cutpoint.names import CutNumber, ProcessName, SessionName
from cutpoint.protocol.messages import Close
from cutpoint.protocol.recording import Recording
from cutpoint.protocol.session import Session
from cutpoint.protocol.transitions import ForbiddenTransition
from tests.protocol.talk import data, in_flight, marker


def session(peer: str = "you", *, fifo: bool = True, initiator: bool = True, phase: str = "open") -> Session:
    talk = Session(key=f"k-{peer}", label="/talk", initiator=initiator, fifo=fifo, window=4, bytes_max=1 << 20)
    talk.name, talk.peer, talk.phase = SessionName(f"me~{peer}:/talk"), ProcessName(peer), phase
    return talk


def recording(*sessions: Session) -> Recording:
    cut = Recording(cut=CutNumber(1), base=CutNumber(0))
    cut.record(list(sessions), boundary=())
    return cut


def arrive(cut: Recording, talk: Session, first: int, *payloads: str) -> None:
    cut.arrived(talk, talk.incoming.arrive(data(first, *payloads)))


def test_a_channel_closes_at_its_marker_when_nothing_is_missing() -> None:
    talk = session()
    cut = recording(talk)
    assert (cut.phase, cut.close_channels(), cut.is_unmarked(talk)) == ("recorded", False, True)
    cut.marked(talk, marker(1, 0))
    assert (cut.close_channels(), cut.phase) == (True, "captured")
    assert not cut.close_channels(), "once"


def test_a_channel_stays_open_until_everything_up_to_the_markers_count_has_arrived() -> None:
    talk = session(fifo=False)
    cut = recording(talk)
    cut.marked(talk, marker(1, 2))
    arrive(cut, talk, 2, "b")
    assert not cut.close_channels()
    assert cut.open_channels() == ("you on me~you:/talk (messages up to 2)",)
    arrive(cut, talk, 1, "a")
    assert cut.close_channels()
    (record,) = cut.records()
    assert record.incoming_in_flight == (*in_flight(2, "b"), *in_flight(1, "a")), "in the order of delivery"
    assert record.evidence.incoming.in_flight == ((1, 2),)


def test_what_was_sent_after_the_cut_is_not_recorded_even_if_it_overtook_the_marker() -> None:
    talk = session(fifo=False)
    cut = recording(talk)
    arrive(cut, talk, 2, "outside")
    arrive(cut, talk, 1, "inside")
    cut.marked(talk, marker(1, 1))
    assert cut.close_channels()
    assert cut.records()[0].incoming_in_flight == in_flight(1, "inside")


def test_what_lay_in_the_buffer_at_the_record_is_in_flight() -> None:
    talk = session()
    talk.incoming.arrive(data(1, "a", "b"))
    talk.incoming.take()
    cut = recording(talk)
    cut.marked(talk, marker(1, 2))
    assert cut.close_channels()
    (record,) = cut.records()
    assert (record.evidence.incoming.received, record.incoming_in_flight) == (((1, 1),), in_flight(2, "b"))


def test_what_is_delivered_after_the_record_is_in_flight_all_the_same() -> None:
    talk = session()
    talk.incoming.arrive(data(1, "a"))
    cut = recording(talk)
    talk.incoming.take()
    cut.marked(talk, marker(1, 1))
    assert cut.close_channels()
    assert cut.records()[0].incoming_in_flight == in_flight(1, "a")


def test_a_second_marker_changes_nothing() -> None:
    talk = session()
    cut = recording(talk)
    cut.marked(talk, marker(1, 3))
    cut.marked(talk, marker(1, 0))
    assert not cut.close_channels()


def test_a_marker_of_a_channel_that_is_not_awaited_changes_nothing() -> None:
    cut = recording()
    cut.marked(session(), marker(1, 3))
    assert cut.close_channels()


@pytest.mark.parametrize("phase", ["dormant", "opening"])
def test_nothing_flows_on_a_session_that_nobody_has_connected_or_answered(phase: str) -> None:
    assert recording(session(phase=phase)).close_channels()


def test_an_acceptor_awaits_the_marker_of_a_session_that_is_opening() -> None:
    assert not recording(session(initiator=False, phase="opening")).close_channels()


def test_a_channel_that_was_closed_before_the_record_needs_no_marker() -> None:
    talk = session()
    talk.incoming.arrive(data(1, Close()))
    talk.incoming.take()
    assert recording(talk).close_channels()


def test_a_session_that_broke_before_its_peer_knew_of_it_is_in_no_cut() -> None:
    talk, other = session(), session("them")
    cut = recording(talk, other)
    cut.forget(talk)
    cut.marked(other, marker(1, 0))
    assert cut.close_channels()
    assert [record.evidence.peer for record in cut.records()] == ["them"]


def test_an_outsider_is_somebody_neither_in_the_cut_nor_released() -> None:
    talk = session("you")
    cut = Recording(cut=CutNumber(1), base=CutNumber(0))
    assert cut.outsider([talk], ()) == "", "the membership is not known yet"
    cut.members = frozenset({ProcessName("me")})
    assert cut.outsider([talk], ()) == "the channel me~you:/talk to you"
    assert cut.outsider([], (ProcessName("them"),)) == "had a channel to them"
    cut.released = (ProcessName("you"), ProcessName("them"))
    assert cut.outsider([talk], (ProcessName("them"),)) == ""
    assert not cut.is_member(ProcessName("you"))


def test_a_part_is_not_captured_twice_nor_published_before_it_is() -> None:
    cut = recording()
    with pytest.raises(ForbiddenTransition, match="recording: no step 'publish' from phase 'recorded'"):
        cut.advance("publish")
    with pytest.raises(ForbiddenTransition, match="recording: no step 'record' from phase 'recorded'"):
        cut.record([], boundary=())
