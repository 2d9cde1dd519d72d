from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cutpoint.errors import ProtocolViolation, UsageError
from cutpoint.names import CutNumber, Incarnation, Life, ProcessName
from cutpoint.protocol.messages import (
    Abandon,
    Admit,
    Begin,
    CutRefused,
    Delayed,
    HeldUp,
    Join,
    Leave,
    PartCaptured,
    PartStored,
    Prepare,
    Published,
    Ready,
    Rejected,
    Start,
    ToAgent,
    ToCoordinator,
    Unfit,
)
from cutpoint.wire import decode_to_agent, decode_to_coordinator, encode_control

from .strategies import stored

ONE, TWO = Incarnation(1), CutNumber(2)
DIGEST = "sha256:" + "0a" * 32


def violation(text: str | bytes, **limits: int) -> str:
    with pytest.raises(ProtocolViolation) as caught:
        decode_to_coordinator(text, **limits)
    complaint = str(caught.value)
    assert complaint.isprintable()
    assert len(complaint) < 500
    return complaint


@pytest.mark.parametrize(
    "message",
    [
        Join(version=1, process=ProcessName("p"), life=Life("x"), incarnation=ONE, cut=TWO, prepared=Incarnation(0)),
        Leave(),
        PartCaptured(cut=TWO),
        CutRefused(cut=TWO, reason="channel p->q:"),
        HeldUp(cut=TWO, by="handler\nat line 3"),
        Ready(incarnation=ONE),
        Unfit(incarnation=ONE, reason="no such state"),
        Delayed(incarnation=ONE, reason="the store does not answer"),
    ],
)
def test_every_message_to_the_coordinator_arrives_as_it_was_sent(message: ToCoordinator) -> None:
    assert decode_to_coordinator(encode_control(message)) == message


@pytest.mark.parametrize(
    "message",
    [
        Admit(computation="c", incarnation=ONE, cut=TWO, base=TWO, store="file:///s"),
        Begin(
            incarnation=ONE,
            cut=TWO,
            base=CutNumber(0),
            members=(ProcessName("p"),),
            released=(ProcessName("q"),),
            deadline_seconds=1.5,
        ),
        Begin(
            incarnation=ONE,
            cut=TWO,
            base=CutNumber(0),
            members=None,
            released=(),
            deadline_seconds=1.5,
            joined=(ProcessName("r"),),
            gone=(ProcessName("q"),),
        ),
        Abandon(incarnation=ONE, cut=TWO, reason="late"),
        Published(incarnation=ONE, cut=TWO),
        Prepare(computation="c", incarnation=ONE, cut=TWO, last_cut=TWO, object=DIGEST, store="file:///s"),
        Prepare(computation="c", incarnation=ONE, cut=CutNumber(0), last_cut=TWO, object="", store="file:///s"),
        Start(incarnation=ONE),
        Rejected(reason="another life", waiting_helps=True),
    ],
)
def test_every_message_to_an_agent_arrives_as_it_was_sent(message: ToAgent) -> None:
    assert decode_to_agent(encode_control(message)) == message


@given(stored)
def test_a_parts_summary_arrives_as_it_was_sent(message: PartStored) -> None:
    assert decode_to_coordinator(encode_control(message)) == message


@given(stored, st.data())
def test_an_altered_summary_is_read_or_refused_and_never_worse(message: PartStored, draw: st.DataObject) -> None:
    data = bytearray(encode_control(message).encode())
    data[draw.draw(st.integers(0, len(data) - 1))] = draw.draw(st.integers(0, 255))
    with contextlib.suppress(ProtocolViolation):
        decode_to_coordinator(bytes(data))


@given(st.text(max_size=100) | st.binary(max_size=100))
def test_noise_is_refused(text: str | bytes) -> None:
    violation(text)
    with pytest.raises(ProtocolViolation):
        decode_to_agent(text)


JOIN = {"type": "join", "version": 1, "process": "p", "life": "x", "incarnation": 0, "cut": 0, "prepared": 0}


@pytest.mark.parametrize(
    ("message", "complaint"),
    [
        ({"type": "captured", "cut": -1}, "cut -1"),
        ({"type": "captured", "cut": 2**60}, "cut 1152921504606846976"),
        ({"type": "captured", "cut": 1.5}, "Expected `int`"),
        ({"type": "captured"}, "missing required field `cut`"),
        ({"type": "vanish"}, "'vanish'"),
        ({}, "missing required field `type`"),
        ([], "Expected `object`"),
        (JOIN | {"process": "../p"}, "is not a process name"),
        (JOIN | {"life": "x" * 2000}, "life has 2000 characters"),
        (JOIN | {"prepared": -2}, "prepared -2"),
        ({"type": "held", "cut": 1, "by": "x" * 20_000}, "by has 20000 characters"),
        ({"type": "join", "version": 9, "who": "p"}, "speaks version 9 of the protocol, this end version 1"),
    ],
)
def test_what_no_agent_says_is_refused_by_name(message: Any, complaint: str) -> None:
    assert complaint in violation(json.dumps(message))


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"object": "md5:1"}, "is not a sha256 digest"),
        ({"stall_seconds": -1.0}, "stall_seconds -1.0 is not a duration"),
        ({"bytes": -1}, "bytes -1"),
        ({"sessions": [[3, 1]]}, "Expected `object`"),
        ({"received": [[3, 1]]}, "session 's': the range 3 to 1"),
        ({"received": [[1, 2], [3, 4]]}, "touches"),
        ({"received": [[0, 2]]}, "the range 0 to 2"),
        ({"in_flight_from": 9}, "in_flight_from 9 is beyond the 7 sent"),
        ({"version": -1}, "version -1"),
    ],
)
def test_a_summary_that_no_process_can_have_made_is_refused(change: dict[str, Any], complaint: str) -> None:
    outgoing = {"session": "s", "receiver": "q", "fifo": True, "sent": 7, "acknowledged": 0, "in_flight_from": 8}
    outgoing |= {"closed": False, "opening": False}
    incoming: dict[str, Any] = {"session": "s", "sender": "q", "fifo": True, "received": [[1, 4]], "in_flight": []}
    incoming |= {"closed": False}
    state = {"name": "n", "kind": "table", "version": 1, "format": "msgpack", "bytes": 3, "digest": DIGEST}
    for part in (outgoing, incoming, state):
        part |= {k: v for k, v in change.items() if k in part and k != "bytes"}
    session = {"session": "s", "peer": "q", "initiator": True, "outgoing": outgoing, "incoming": incoming}
    summary = {"process": "p", "life": "x", "incarnation": 1, "cut": 2, "sessions": [session], "states": [state]}
    summary |= {"object": DIGEST, "bytes": 10, "in_flight_messages": 0, "stall_seconds": 0.1}
    summary |= {k: v for k, v in change.items() if k in summary}
    assert complaint in violation(json.dumps({"type": "stored", "summary": summary}))


def test_a_message_longer_than_allowed_is_refused_before_it_is_decoded() -> None:
    assert "11 bytes, 10 are allowed" in violation("x" * 11, bytes_max=10)


def test_a_deeply_nested_message_is_refused() -> None:
    violation('{"type":"leave","x":' + "[" * 100_000)


def test_unknown_fields_of_a_newer_release_are_ignored() -> None:
    assert decode_to_coordinator('{"type":"leave","why":"moved"}') == Leave()


def test_text_that_is_no_unicode_is_refused_where_it_is_sent() -> None:
    with pytest.raises(UsageError, match="nothing was sent"):
        encode_control(HeldUp(cut=TWO, by="\ud800"))
