"""Every frame and control message that a well-behaved peer can send, drawn field by field."""

from __future__ import annotations

from hypothesis import strategies as st

from cutpoint.names import CutNumber, Digest, Incarnation, Life, ProcessName, Sequence, SessionName
from cutpoint.protocol.messages import (
    Acknowledge,
    AnyFrame,
    Close,
    Credit,
    Data,
    Ended,
    Hello,
    IncomingEvidence,
    Marker,
    OutgoingEvidence,
    PartStored,
    PartSummary,
    Ranges,
    Refused,
    SessionEvidence,
    StateSummary,
    Welcome,
)

numbers = st.integers(0, 2**40)
sequences = numbers.map(Sequence)
cuts = numbers.map(CutNumber)
incarnations = numbers.map(Incarnation)
processes = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,20}", fullmatch=True).map(ProcessName)
words = st.text(st.characters(categories=("L", "N", "P")), max_size=20)
lives = words.map(Life)
sessions = words.map(SessionName)
digests = st.binary(min_size=32, max_size=32).map(lambda b: Digest(f"sha256:{b.hex()}"))
plain_payloads = st.text() | st.binary()
closes = st.builds(Close, code=st.integers(0, 4999), reason=st.text(max_size=30))


@st.composite
def data_frames(draw: st.DrawFn) -> Data:
    payloads: list[str | bytes | Close] = list(draw(st.lists(plain_payloads, max_size=5)))
    if draw(st.booleans()) or not payloads:
        payloads.append(draw(closes))
    first = Sequence(draw(st.integers(1, 2**40)))
    return Data(incarnation=draw(incarnations), cut=draw(cuts), first=first, payloads=tuple(payloads))


@st.composite
def markers(draw: st.DrawFn) -> Marker:
    sent = draw(numbers)
    recorded_from = draw(st.integers(1, sent + 1))
    return Marker(
        incarnation=draw(incarnations),
        cut=draw(cuts),
        base=draw(cuts),
        sent=Sequence(sent),
        recorded_from=Sequence(recorded_from),
    )


_base = {"incarnation": incarnations, "cut": cuts}
frames: st.SearchStrategy[AnyFrame] = st.one_of(
    st.builds(
        Hello,
        **_base,
        version=numbers,
        process=processes,
        life=lives,
        label=words,
        nonce=words,
        session=sessions,
        fifo=st.booleans(),
        arrived=sequences,
        limit=sequences,
    ),
    st.builds(
        Welcome,
        **_base,
        version=numbers,
        process=processes,
        life=lives,
        session=sessions,
        opened=cuts,
        arrived=sequences,
        limit=sequences,
    ),
    st.builds(Refused, **_base, reason=st.text(max_size=50), waiting_helps=st.booleans()),
    data_frames(),
    markers(),
    st.builds(Acknowledge, **_base, received=sequences),
    st.builds(Credit, **_base, limit=sequences, suspended=st.booleans()),
    st.builds(Ended, **_base),
)


def _ranges(steps: list[tuple[int, int]]) -> Ranges:
    ranges, at = [], 0
    for gap, length in steps:
        first = at + gap
        at = first + length + 1
        ranges.append((first, at - 1))
    return tuple(ranges)


ranges = st.lists(st.tuples(st.integers(1, 50), st.integers(0, 50)), max_size=4).map(_ranges)


@st.composite
def outgoing(draw: st.DrawFn) -> OutgoingEvidence:
    sent = draw(numbers)
    return OutgoingEvidence(
        session=draw(sessions),
        receiver=draw(processes),
        fifo=draw(st.booleans()),
        sent=Sequence(sent),
        acknowledged=draw(sequences),
        in_flight_from=Sequence(draw(st.integers(1, sent + 1))),
        closed=draw(st.booleans()),
        opening=draw(st.booleans()),
    )


incoming = st.builds(
    IncomingEvidence,
    session=sessions,
    sender=processes,
    fifo=st.booleans(),
    received=ranges,
    in_flight=ranges,
    closed=st.booleans(),
)
session_evidence = st.builds(
    SessionEvidence, session=sessions, peer=processes, initiator=st.booleans(), outgoing=outgoing(), incoming=incoming
)
summaries = st.builds(
    PartSummary,
    process=processes,
    life=lives,
    incarnation=incarnations,
    cut=cuts,
    sessions=st.lists(session_evidence, max_size=3).map(tuple),
    states=st.lists(
        st.builds(StateSummary, name=words, kind=words, version=numbers, format=words, bytes=numbers, digest=digests),
        max_size=3,
    ).map(tuple),
    object=digests,
    bytes=numbers,
    in_flight_messages=numbers,
    stall_seconds=st.floats(0, 1e6),
    boundary=st.lists(words, max_size=2).map(tuple),
)
stored = st.builds(PartStored, summary=summaries)
