from __future__ import annotations

import struct

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cutpoint.errors import UsageError
from cutpoint.names import Sequence
from cutpoint.protocol.messages import Close, InFlight, SessionRecord
from cutpoint.store import in_flight
from cutpoint.store.in_flight import STREAM_BYTES, counted, decode_messages, encode_messages

from .samples import ORDERS, PAYMENTS, messages, payloads, session


def stream(*records: SessionRecord) -> bytes:
    return b"".join(encode_messages(records))


def decoded(data: bytes, *records: SessionRecord) -> tuple[tuple[InFlight, ...], ...]:
    return decode_messages([data], [record.evidence for record in records])


some = st.lists(payloads, max_size=4)


@given(st.lists(st.tuples(some, some), max_size=3), st.integers(1, 40))
def test_messages_come_back_in_order_however_the_stream_is_cut(drawn: list[tuple[list, list]], length: int) -> None:  # type: ignore[type-arg]
    records = [session(ORDERS, PAYMENTS, messages(6, *sent), messages(4, *got)) for sent, got in drawn]
    data = stream(*records)
    pieces = [data[at : at + length] for at in range(0, len(data), length)]
    expected = tuple(part for r in records for part in (r.outgoing_in_flight, r.incoming_in_flight))
    assert decode_messages(pieces, [record.evidence for record in records]) == expected


def test_what_was_text_is_text_again_and_bytes_are_bytes() -> None:
    sent = messages(6, "é", b"\xc3\xa9", Close(code=65535, reason="é" * 1000), "", b"")
    record = session(ORDERS, PAYMENTS, sent, ())
    assert decoded(stream(record), record) == (sent, ())


def test_no_messages_are_no_bytes() -> None:
    record = session(ORDERS, PAYMENTS, (), ())
    assert list(encode_messages([record])) == []
    assert decoded(b"", record) == ((), ())


def test_the_stream_comes_in_pieces_of_about_equal_length() -> None:
    record = session(ORDERS, PAYMENTS, messages(6, *["x" * 1000] * 3000), ())
    pieces = list(encode_messages([record]))
    assert len(pieces) == 3
    assert all(STREAM_BYTES <= len(piece) < STREAM_BYTES + 2000 for piece in pieces[:-1])
    assert counted(record.evidence) == (3000, 0)


RECORD = session(ORDERS, PAYMENTS, messages(6, "six"), messages(4, "four"))
FRAME = struct.Struct(">BQI")


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"", "messages are missing"),
        (stream(RECORD)[:-1], "cut short"),
        (stream(RECORD) + b"\0", "cut short"),
        (stream(RECORD) + FRAME.pack(0, 9, 0), "more messages than the evidence counts"),
        (FRAME.pack(3, 6, 0) + FRAME.pack(0, 4, 0), "a message of kind 3"),
        (FRAME.pack(2, 6, 1) + b"x" + FRAME.pack(0, 4, 0), "a message of kind 2 and of 1 bytes is none"),
        (FRAME.pack(2, 6, 1003) + b"\0\0" + b"x" * 1001 + FRAME.pack(0, 4, 0), "of kind 2 and of 1003 bytes is none"),
        (FRAME.pack(0, 6, 1) + b"\xff" + FRAME.pack(0, 4, 0), "utf-8"),
        (FRAME.pack(0, 6, 2**32 - 1), "cut short|missing"),
    ],
)
def test_a_stream_that_nobody_has_written_is_refused(data: bytes, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        decoded(data, RECORD)


def test_too_many_bytes_are_refused_while_they_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(in_flight, "IN_FLIGHT_BYTES_MAX", 100)
    with pytest.raises(UsageError, match=r"more than 100 bytes of messages .* the cut is abandoned"):
        stream(session(ORDERS, PAYMENTS, messages(6, "x" * 100), ()))


@pytest.mark.parametrize("number", [-1, 2**53])
def test_a_message_whose_number_is_none_is_refused(number: int) -> None:
    wrong = msgspec.structs.replace(RECORD, outgoing_in_flight=(InFlight(number=Sequence(number), payload="six"),))
    with pytest.raises(UsageError, match="neither text, bytes nor a Close"):
        stream(wrong)
