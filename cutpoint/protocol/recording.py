"""One cut as one process records it: the frozen counters, and the channels that are still open.

A channel closes when its marker has come and everything up to the marker's count has arrived: received before the
record, recorded since, or recorded by the sender. A lost or doubled message cannot hide behind a count.
"""

from __future__ import annotations

import dataclasses

import msgspec

from cutpoint.names import CutNumber, ProcessName
from cutpoint.protocol.messages import InFlight, Marker, PartSummary, SessionRecord
from cutpoint.protocol.numbers import ranges_of
from cutpoint.protocol.session import Session
from cutpoint.protocol.transitions import RECORDING


@dataclasses.dataclass
class _OpenChannel:
    """One incoming channel between the record and its close."""

    session: Session
    record: SessionRecord
    late: list[InFlight]
    marker: Marker | None = None

    def complete(self) -> bool:
        if self.marker is None:
            return False
        wanted = self.marker.recorded_from - 1
        seen = self.session.incoming.seen
        return seen.prefix >= wanted

    def closed(self) -> SessionRecord:
        """The record with the messages that turned out to be in-flight."""
        assert self.marker is not None
        wanted = self.marker.recorded_from - 1
        messages = tuple(
            message for message in (*self.record.incoming_in_flight, *self.late) if message.number <= wanted
        )
        return _with_in_flight(self.record, messages)


def _with_in_flight(record: SessionRecord, messages: tuple[InFlight, ...]) -> SessionRecord:
    ranges = ranges_of(sorted(message.number for message in messages))
    incoming = msgspec.structs.replace(record.evidence.incoming, in_flight=ranges)
    evidence = msgspec.structs.replace(record.evidence, incoming=incoming)
    return msgspec.structs.replace(record, evidence=evidence, incoming_in_flight=messages)


class Recording:
    """The cut that is open at this process.

    ``members`` is None until Begin has come: a marker may be faster.
    """

    def __init__(self, *, cut: CutNumber, base: CutNumber) -> None:
        self.cut = cut
        self.base = base
        self.phase = RECORDING.start
        self.members: frozenset[ProcessName] | None = None
        self.released: tuple[ProcessName, ...] = ()
        self.ended: tuple[str, ...] = ()
        self.summary: PartSummary | None = None
        self.refusal = ""
        self.unstored = False
        self.deadline_seconds = 0.0
        self.boundary: tuple[str, ...] = ()
        self._open: dict[str, _OpenChannel] = {}
        self._records: dict[str, SessionRecord] = {}

    def advance(self, step: str) -> None:
        """Take one step of the RECORDING table."""
        self.phase = RECORDING.after(self.phase, step)

    @property
    def waiting(self) -> bool:
        """Whether the state has not been recorded yet, because a turn is open."""
        return self.phase == "waiting"

    def is_member(self, process: ProcessName) -> bool:
        """Whether ``process`` takes part in this cut, as far as is known here."""
        return self.members is not None and process in self.members

    def outsider(self, sessions: list[Session], strangers: tuple[ProcessName, ...]) -> str:
        """A session with somebody outside the membership, open or closed since the last cut: a reason to refuse it."""
        if self.members is None:
            return ""
        for session in sessions:
            if not session.opening and self._is_outside(session.peer):
                return f"the channel {session.title()} to {session.peer}"
        return next((f"had a channel to {peer}" for peer in strangers if self._is_outside(peer)), "")

    def _is_outside(self, peer: ProcessName) -> bool:
        return not self.is_member(peer) and peer not in self.released

    def record(self, sessions: list[Session], boundary: tuple[str, ...]) -> None:
        """Freeze all counters, and the list of channels that lie outside.

        One synchronous block with RecordState and the queueing of the markers.
        """
        self.advance("record")
        self.boundary = boundary
        self.ended = tuple(s.key for s in sessions if s.phase == "ended")
        for session in sessions:
            record = session.freeze()
            if self.awaits_marker(session):
                self._open[session.key] = _OpenChannel(session=session, record=record, late=[])
            else:
                self._records[session.key] = record

    @staticmethod
    def awaits_marker(session: Session) -> bool:
        """A channel closes by its marker, unless nothing can flow on it inside this cut any more."""
        if session.dormant or session.incoming.closed:
            return False
        return not (session.initiator and session.opening)

    def arrived(self, session: Session, messages: tuple[InFlight, ...]) -> None:
        """Messages that arrived after the record; the marker will say which of them are in-flight."""
        if (channel := self._open.get(session.key)) is not None:
            channel.late.extend(messages)

    def marked(self, session: Session, marker: Marker) -> None:
        """The channel's marker has come."""
        if (channel := self._open.get(session.key)) is not None and channel.marker is None:
            channel.marker = marker

    def is_unmarked(self, session: Session) -> bool:
        """Whether the session's marker is still awaited."""
        channel = self._open.get(session.key)
        return channel is not None and channel.marker is None

    def forget(self, session: Session) -> None:
        """The session has broken before its peer could know of it: it was never part of the cut."""
        self._open.pop(session.key, None)
        self._records.pop(session.key, None)

    def close_channels(self) -> bool:
        """Close what is complete; True once, when all channels are closed: the part is captured."""
        if self.phase != "recorded":
            return False
        for key in [key for key, channel in self._open.items() if channel.complete()]:
            self._records[key] = self._open.pop(key).closed()
        if self._open:
            return False
        self.advance("close channels")
        return True

    def records(self) -> tuple[SessionRecord, ...]:
        """All sessions of the part, by name."""
        return tuple(sorted(self._records.values(), key=lambda record: record.evidence.session))

    def open_channels(self) -> tuple[str, ...]:
        """The channels whose marker or messages are still awaited, for people."""
        return tuple(
            f"{channel.session.peer} on {channel.session.title()}"
            + ("" if channel.marker is None else f" (messages up to {channel.marker.recorded_from - 1})")
            for channel in self._open.values()
        )
