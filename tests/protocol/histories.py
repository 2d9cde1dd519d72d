"""Global histories as evidence: the parts of a consistent cut, to be damaged by tests."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import strategies as st

from cutpoint.names import CutNumber, Digest, Incarnation, Life, ProcessName, Sequence, session_name
from cutpoint.protocol.accounting import count, holds, prefix, span
from cutpoint.protocol.messages import (
    IncomingEvidence,
    OutgoingEvidence,
    PartSummary,
    Ranges,
    SessionEvidence,
    StateSummary,
)

CUT, INCARNATION = CutNumber(4), Incarnation(2)


def digest(letter: str = "a") -> Digest:
    return Digest("sha256:" + letter * 64)


class Direction(msgspec.Struct, frozen=True, kw_only=True):
    """One channel of a session as both ends recorded it."""

    sent: int = 0
    received: Ranges = ()
    in_flight: Ranges = ()
    recorded_from: int = 0
    acknowledged: int = 0
    closed: bool = False

    def recorded(self) -> int:
        return self.recorded_from or self.sent + 1


def session(
    a: str, b: str, *, there: Direction, back: Direction, label: str = "x", fifo: bool = True
) -> tuple[SessionEvidence, SessionEvidence]:
    """Both ends' evidence of the session that ``a`` opened to ``b``."""
    name = session_name(ProcessName(a), ProcessName(b), label)

    def half(me: str, peer: str, out: Direction, got: Direction) -> SessionEvidence:
        return SessionEvidence(
            session=name,
            peer=ProcessName(peer),
            initiator=me == a,
            outgoing=OutgoingEvidence(
                session=name,
                receiver=ProcessName(peer),
                fifo=fifo,
                sent=Sequence(out.sent),
                acknowledged=Sequence(out.acknowledged),
                in_flight_from=Sequence(out.recorded()),
                closed=out.closed,
                opening=False,
            ),
            incoming=IncomingEvidence(
                session=name,
                sender=ProcessName(peer),
                fifo=fifo,
                received=got.received,
                in_flight=got.in_flight,
                closed=got.closed and holds(got.received, got.sent),
            ),
        )

    return half(a, b, there, back), half(b, a, back, there)


def part(process: str, *sessions: SessionEvidence, **changes: Any) -> PartSummary:
    """The part of ``process``, its count of in-flight messages in step with its sessions."""
    in_flight = sum(
        count(s.incoming.in_flight) + count(span(s.outgoing.in_flight_from, s.outgoing.sent)) for s in sessions
    )
    state = StateSummary(name="table", kind="table", version=1, format="plain", bytes=10, digest=digest("b"))
    summary = PartSummary(
        process=ProcessName(process),
        life=Life(f"{process}-1"),
        incarnation=INCARNATION,
        cut=CUT,
        sessions=tuple(sessions),
        states=(state,),
        object=digest(),
        bytes=100,
        in_flight_messages=in_flight,
        stall_seconds=0.001,
    )
    return msgspec.structs.replace(summary, **changes)


def recounted(summary: PartSummary, *sessions: SessionEvidence) -> PartSummary:
    """``summary`` with other sessions and the count of in-flight messages that goes with them."""
    again = part(summary.process, *sessions)
    return msgspec.structs.replace(summary, sessions=sessions, in_flight_messages=again.in_flight_messages)


@st.composite
def directions(draw: st.DrawFn, *, fifo: bool) -> Direction:
    """One channel of a consistent cut."""
    closed = draw(st.booleans())
    sent = draw(st.integers(min_value=1 if closed else 0, max_value=12))
    if fifo:
        taken = draw(st.integers(min_value=0, max_value=sent))
        recorded_from = draw(st.integers(min_value=taken + 1, max_value=sent + 1))
        received, in_flight = span(1, taken), span(taken + 1, recorded_from - 1)
    else:
        recorded_from = draw(st.integers(min_value=1, max_value=sent + 1))
        homes = [draw(st.booleans()) for _ in range(1, recorded_from)]
        received = merged([n for n, home in enumerate(homes, 1) if home])
        in_flight = merged([n for n, home in enumerate(homes, 1) if not home])
    return Direction(
        sent=sent,
        received=received,
        in_flight=in_flight,
        recorded_from=recorded_from,
        acknowledged=draw(st.integers(min_value=0, max_value=prefix(received))),
        closed=closed,
    )


def merged(numbers: list[int]) -> Ranges:
    """Ascending numbers as ranges."""
    ranges: list[tuple[int, int]] = []
    for number in numbers:
        if ranges and ranges[-1][1] == number - 1:
            ranges[-1] = (ranges[-1][0], number)
        else:
            ranges.append((number, number))
    return tuple(ranges)


@st.composite
def histories(draw: st.DrawFn) -> tuple[PartSummary, ...]:
    """The parts of a consistent cut of two to five processes with sessions of every kind, parallel ones too."""
    names = [f"p{index}" for index in range(draw(st.integers(min_value=2, max_value=5)))]
    sessions: dict[str, list[SessionEvidence]] = {name: [] for name in names}
    for index in range(draw(st.integers(min_value=1, max_value=7))):
        a, b = draw(st.permutations(names))[:2]
        fifo = draw(st.booleans())
        there, back = draw(directions(fifo=fifo)), draw(directions(fifo=fifo))
        one, other = session(a, b, there=there, back=back, label=f"s{index}", fifo=fifo)
        sessions[a].append(one)
        sessions[b].append(other)
    return tuple(part(name, *sessions[name]) for name in names)
