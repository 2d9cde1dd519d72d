from __future__ import annotations

import contextlib
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cutpoint.errors import ProtocolViolation, UsageError
from cutpoint.names import CutNumber, Incarnation, ProcessName, Sequence
from cutpoint.protocol.messages import AnyFrame, Close, Credit, Data, Hello, Marker
from cutpoint.wire import NUMBER_MAX, decode_frames, encode_frames, looks_like_frames

from .strategies import frames

LIMIT = 1 << 20
ONE, TWO = Incarnation(1), CutNumber(2)


def violation(data: bytes, bytes_max: int = LIMIT) -> str:
    with pytest.raises(ProtocolViolation) as caught:
        decode_frames(data, bytes_max=bytes_max)
    text = str(caught.value)
    assert text.isprintable()
    assert len(text) < 500
    return text


def raw(*frames_: Any) -> bytes:
    return msgspec.msgpack.encode(list(frames_))


@given(st.lists(frames, min_size=1, max_size=5))
def test_every_frame_arrives_as_it_was_sent(sent: list[AnyFrame]) -> None:
    data = encode_frames(sent)
    assert decode_frames(data, bytes_max=len(data)) == sent
    assert looks_like_frames(data)


@given(st.lists(frames, min_size=1, max_size=3), st.data())
def test_a_message_cut_short_is_refused(sent: list[AnyFrame], draw: st.DataObject) -> None:
    data = encode_frames(sent)
    violation(data[: draw.draw(st.integers(0, len(data) - 1))])


@given(st.lists(frames, min_size=1, max_size=3), st.data())
def test_one_altered_byte_is_read_or_refused_and_never_worse(sent: list[AnyFrame], draw: st.DataObject) -> None:
    data = bytearray(encode_frames(sent))
    data[draw.draw(st.integers(0, len(data) - 1))] = draw.draw(st.integers(0, 255))
    with contextlib.suppress(ProtocolViolation):
        decode_frames(bytes(data), bytes_max=LIMIT)


@given(st.binary(max_size=200))
def test_noise_is_refused(data: bytes) -> None:
    looks_like_frames(data)
    with contextlib.suppress(ProtocolViolation):
        decode_frames(data, bytes_max=LIMIT)


plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=12) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=20,
)


@given(st.integers(0, 9), st.lists(plain, max_size=13))
def test_frames_with_fields_of_any_type_are_read_or_refused(tag: int, fields: list[Any]) -> None:
    with contextlib.suppress(ProtocolViolation):
        decode_frames(raw([tag, *fields]), bytes_max=LIMIT)


def test_a_message_longer_than_allowed_is_refused_before_it_is_decoded() -> None:
    assert "11 bytes, 10 are allowed" in violation(b"\x00" * 11, bytes_max=10)


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"", "not frames"),
        (b"hello", "not frames"),
        (b"\x90", "without frames"),
        (b"\x91" * 100_000, "not frames"),
        (b"\xdd\xff\xff\xff\xff", "not frames"),
        (raw([99, 1, 2]), "not frames"),
        (raw([4, 1, 2, 1, []]), "carries no messages"),
        (raw([4, 1, 2, 0, ["x"]]), "number 0"),
        (raw([4, 1, 2, -5, ["x"]]), "number -5"),
        (raw([4, 1, 2, NUMBER_MAX, ["x", "y"]]), "first message"),
        (raw([4, 1, 2, 2**64 - 1, ["x"]]), "first message"),
        (raw([4, -1, 2, 1, ["x"]]), "incarnation -1"),
        (raw([4, 1, -2, 1, ["x"]]), "cut -2"),
        (raw([4, 1, 2, 1, [7]]), "neither text, bytes nor a Close (int)"),
        (raw([4, 1, 2, 1, [{"a": 1}]]), "neither text"),
        (raw([4, 1, 2, 1, [[101, 1000, ""]]]), "neither text"),
        (raw([4, 1, 2, 1, [[100, "x", ""]]]), "neither text"),
        (raw([4, 1, 2, 1, [[100, -1, ""]]]), "neither text"),
        (raw([4, 1, 2, 1, [[]]]), "neither text"),
        (raw([4, 1, 2, 1, [[100, 1000, ""], "after"]]), "follows the Close"),
        (b"\x91\x95\x04\x01\x02\x01\x91\xa1\xff", "not frames"),
        (raw([5, 1, 2, 0, 7, 9]), "recorded_from 9 is beyond the 7 sent"),
        (raw([5, 1, 2, 0, 7, 0]), "recorded_from 0"),
        (raw([6, 1, 2, -1]), "received -1"),
        (raw([7, 1, 2, 2**60]), "limit"),
        (raw([1, 1, 2, 1, "bad name", "life", "", "", "", True, 0, 0]), "'bad name' is not a process name"),
        (raw([1, 1, 2, 1, "orders", "li\nfe", "", "", "", True, 0, 0]), "life holds"),
        (raw([1, 1, 2, 1, "orders", "x" * 1001, "", "", "", True, 0, 0]), "life has 1001 characters"),
        (raw([3, 1, 2, "x" * 10_001, True]), "reason has"),
    ],
)
def test_what_no_agent_says_is_refused_by_name(data: bytes, complaint: str) -> None:
    assert complaint in violation(data)


def test_a_peer_of_another_version_is_named_even_if_its_hello_has_other_fields() -> None:
    assert "version 7 of the protocol, this agent version 1" in violation(raw([1, 1, 0, 7, {"something": "new"}]))


def test_a_hello_of_another_version_with_known_fields_is_handed_on() -> None:
    data = raw([1, 1, 0, 2, "orders", "life", "", "n", "", True, 0, 0, [], False, "added later"])
    (hello,) = decode_frames(data, bytes_max=LIMIT)
    assert isinstance(hello, Hello)
    assert hello.version == 2
    assert hello.process == ProcessName("orders")


def test_a_close_becomes_a_close_again() -> None:
    sent = Data(incarnation=ONE, cut=TWO, first=Sequence(1), payloads=("a", b"b", Close(code=1001, reason="bye")))
    assert decode_frames(encode_frames([sent]), bytes_max=LIMIT) == [sent]


def test_a_bad_frame_behind_good_ones_refuses_the_whole_message() -> None:
    good = Credit(incarnation=ONE, cut=TWO, limit=Sequence(5))
    bad = Marker(incarnation=ONE, cut=TWO, base=CutNumber(0), sent=Sequence(-1), recorded_from=Sequence(1))
    assert "bad Marker" in violation(encode_frames([good, bad]))


def test_text_that_is_no_unicode_is_refused_where_it_is_sent() -> None:
    with pytest.raises(UsageError, match="nothing was sent"):
        encode_frames([Data(incarnation=ONE, cut=TWO, first=Sequence(1), payloads=("\ud800",))])


STRANGE = [b"", b"\x91", b"hello", b"\x00\x01", b"\x91\x91\x63", b"\x91\xa5hello", b"{}", b"\xdc", b"\x81\x01\x02"]


@pytest.mark.parametrize("data", STRANGE)
def test_what_a_peer_without_an_agent_sends_does_not_look_like_frames(data: bytes) -> None:
    assert not looks_like_frames(data)
