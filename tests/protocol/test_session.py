"""What one end of a session keeps, freezes and tells its peer."""

from __future__ import annotations

import pytest

from cutpoint.names import CutNumber, Incarnation, ProcessName, Sequence, SessionName
from cutpoint.protocol.messages import AnyFrame, Close, IncomingEvidence, OutgoingEvidence, SessionEvidence
from cutpoint.protocol.session import Session
from cutpoint.protocol.transitions import ForbiddenTransition
from tests.protocol.talk import acknowledge, credit, data, in_flight


def session(*, fifo: bool = True, window: int = 4) -> Session:
    talk = Session(key="k", label="/talk", initiator=True, fifo=fifo, window=window, bytes_max=1 << 20)
    talk.name, talk.peer, talk.address = SessionName("me~you:/talk"), ProcessName("you"), "there"
    talk.connect(1)
    talk.advance("establish")
    return talk


def reports(talk: Session, *, suspended: bool = False) -> tuple[AnyFrame, ...]:
    return talk.reports(incarnation=Incarnation(1), cut=CutNumber(0), suspended=suspended)


def test_a_peer_is_told_of_our_window_once() -> None:
    talk = session()
    assert reports(talk) == (credit(4),)
    assert reports(talk) == ()


def test_what_the_application_has_taken_is_acknowledged_and_widens_the_window() -> None:
    talk = session()
    reports(talk)
    talk.incoming.arrive(data(1, "a", "b"))
    assert reports(talk) == (), "arrived is not received"
    talk.incoming.take()
    assert reports(talk) == (acknowledge(1), credit(5))


def test_a_suspended_window_follows_what_arrives_and_falls_back() -> None:
    talk = session()
    reports(talk)
    talk.incoming.arrive(data(1, "a", "b", "c"))
    assert reports(talk, suspended=True) == (credit(7, suspended=True),)
    assert reports(talk) == (credit(4),)


def test_a_window_without_order_never_falls_because_an_older_word_may_come_late() -> None:
    talk = session(fifo=False)
    talk.incoming.arrive(data(1, "a", "b", "c"))
    assert reports(talk, suspended=True) == (credit(7, suspended=True),)
    assert reports(talk) == (credit(7),)


def test_on_a_new_connection_everything_is_told_again() -> None:
    talk = session()
    talk.incoming.arrive(data(1, "a"))
    talk.incoming.take()
    reports(talk)
    talk.disconnect()
    talk.connect(2)
    assert reports(talk) == (acknowledge(1), credit(5))


def test_a_frozen_session_is_both_channels_as_they_are() -> None:
    talk = session()
    talk.outgoing.send("a")
    talk.outgoing.transmit(incarnation=Incarnation(1), cut=CutNumber(0), bytes_max=9)
    talk.outgoing.send("b")
    talk.incoming.arrive(data(1, "x", "y"))
    talk.incoming.take()
    talk.unanswered = False
    record = talk.freeze()
    name, you = SessionName("me~you:/talk"), ProcessName("you")
    assert record.evidence == SessionEvidence(
        session=name,
        peer=you,
        initiator=True,
        outgoing=OutgoingEvidence(
            session=name,
            receiver=you,
            fifo=True,
            sent=Sequence(2),
            acknowledged=Sequence(0),
            in_flight_from=Sequence(2),
            closed=False,
            opening=False,
        ),
        incoming=IncomingEvidence(
            session=name, sender=you, fifo=True, received=((1, 1),), in_flight=((2, 2),), closed=False
        ),
    )
    assert (record.outgoing_in_flight, record.incoming_in_flight) == (in_flight(2, "b"), in_flight(2, "y"))


@pytest.mark.parametrize("fifo", [True, False])
@pytest.mark.parametrize("closed", [True, False])
def test_what_is_restored_freezes_to_what_was_recorded(fifo: bool, closed: bool) -> None:
    talk = session(fifo=fifo)
    talk.outgoing.send("a")
    talk.outgoing.transmit(incarnation=Incarnation(1), cut=CutNumber(0), bytes_max=9)
    talk.outgoing.send("b")
    talk.incoming.arrive(data(1, "x", "y", *([Close()] if closed else [])))
    talk.incoming.take()
    record = talk.freeze()
    again = Session.restore(record, label="/talk", window=4, bytes_max=1 << 20)
    again.check()
    assert again.freeze() == record
    assert (again.phase, again.key) == ("dormant", "initiator of me~you:/talk")


def test_a_session_that_turns_out_to_be_a_restored_one_has_its_past_first() -> None:
    past = session()
    past.outgoing.send("a")
    past.incoming.arrive(data(1, "x"))
    dormant = Session.restore(past.freeze(), label="/talk", window=4, bytes_max=1 << 20)
    fresh = session()
    fresh.outgoing.limit = 9
    fresh.outgoing.send("b")
    fresh.adopt(dormant)
    fresh.check()
    assert fresh.outgoing.in_flight() == in_flight(1, "a", "b")
    assert (fresh.outgoing.limit, fresh.incoming.take()) == (9, in_flight(1, "x")[0])


def test_a_session_is_called_by_its_name_or_by_its_label_before_it_has_one() -> None:
    talk = session()
    assert talk.title() == "me~you:/talk"
    talk.name = SessionName("")
    assert talk.title() == "(unanswered):/talk"


def test_a_step_that_the_table_does_not_have_is_refused() -> None:
    with pytest.raises(ForbiddenTransition, match="session: no step 'reopen' from phase 'open'"):
        session().advance("reopen")
