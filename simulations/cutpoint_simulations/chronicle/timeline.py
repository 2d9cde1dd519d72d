"""What one process has done and not undone: per session what its application sent and took, and where it recorded.

A timeline only grows. A restore begins another one that holds what the process had done when it recorded the cut; so
a timeline that was left behind can still be gone back to. Payloads are kept as they are, for comparing.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType

from cutpoint.protocol.accounting import count, holds
from cutpoint.protocol.messages import Payload, Ranges, SessionRecord
from cutpoint.protocol.numbers import ranges_of
from cutpoint.state import CapturedState


@dataclasses.dataclass(kw_only=True, slots=True)
class Line:
    """One end of one session.

    ``instance`` is a word for the session that no other one has, whatever it is called (see `Chronicle.same`).
    ``sent``: the messages after the first ``sent_before``, ``taken`` those after ``taken_before``, which happened
    before anybody watched. ``over`` is why nothing more happens on it, None while something may. ``dormant``: a restore
    has brought it back and nobody has opened it since. ``absorbed``: it turned out to be another one.
    """

    instance: str
    session: str = ""
    peer: str = ""
    fifo: bool = True
    sent: list[Payload] = dataclasses.field(default_factory=list)
    taken: list[tuple[int, Payload]] = dataclasses.field(default_factory=list)
    sent_before: int = 0
    taken_before: Ranges = ()
    over: str | None = None
    dormant: bool = False
    absorbed: bool = False

    @property
    def sent_count(self) -> int:
        """The number of the last message that was sent."""
        return self.sent_before + len(self.sent)

    @property
    def broken(self) -> bool:
        """Whether it has ended, and not by both ends closing it."""
        return bool(self.over)

    def payload(self, number: int) -> Payload | None:
        """What was sent as message ``number``; None if it was not, or before anybody watched."""
        index = number - self.sent_before - 1
        return self.sent[index] if 0 <= index < len(self.sent) else None

    def received(self) -> Ranges:
        """The numbers that were taken, as ranges."""
        here = len(self.taken)
        if not self.taken_before and (not here or (self.taken[0][0] == 1 and self.taken[-1][0] == here)):
            return ((1, here),) if here else ()
        numbers = {number for number, _ in self.taken}
        numbers.update(number for low, high in self.taken_before for number in range(low, high + 1))
        return ranges_of(sorted(numbers))

    def under_way_to(self, receiver: Line | None) -> list[int]:
        """The numbers that were sent here and that ``receiver``, the other end, has not taken.

        None: it has nothing of the session. What was sent before anybody watched, and is not known to be under way, it
        has then taken and forgotten.
        """
        if receiver is None:
            return list(range(self.sent_before + 1, self.sent_count + 1))
        received = receiver.received()
        if len(received) == 1 and received[0][0] == 1:
            return list(range(received[0][1] + 1, self.sent_count + 1))
        return [number for number in range(1, self.sent_count + 1) if not holds(received, number)]

    def took(self) -> int:
        """How many messages were taken."""
        return count(self.taken_before) + len(self.taken)

    def until(self, extent: Extent) -> Line:
        """The line as it was."""
        return dataclasses.replace(
            self, sent=self.sent[: extent.sent], taken=self.taken[: extent.taken], over=extent.over
        )


@dataclasses.dataclass(frozen=True, slots=True)
class Extent:
    """How far a line had come."""

    sent: int
    taken: int
    over: str | None


@dataclasses.dataclass(kw_only=True, slots=True)
class Timeline:
    """The lines of a process by instance; ``keys`` and ``names`` say which instance a key or a name means now."""

    process: str
    life: str = ""
    incarnation: int = 0
    descends_from: int = 0
    lines: dict[str, Line] = dataclasses.field(default_factory=dict)
    keys: dict[str, str] = dataclasses.field(default_factory=dict)
    names: dict[str, str] = dataclasses.field(default_factory=dict)

    def line(self, key: str, *, instance: str | None = None) -> Line:
        """The line of the session that the process calls ``key``; a new one, meant by ``instance``, if it has none."""
        known = self.keys.get(key)
        if known is None:
            known = self.keys[key] = instance or key
        if known not in self.lines:
            self.lines[known] = Line(instance=known)
        return self.lines[known]

    def named(self, line: Line, session: str, peer: str, *, fifo: bool) -> None:
        """The line's session is called ``session`` from now on."""
        line.session, line.peer, line.fifo = session, peer, fifo
        self.names[session] = line.instance

    def extents(self) -> dict[str, Extent]:
        """How far every line has come."""
        return {name: Extent(len(line.sent), len(line.taken), line.over) for name, line in self.lines.items()}


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """Where a process recorded a cut: on which timeline, how far that had come, and what it held."""

    process: str
    life: str
    cut: int
    base: int
    incarnation: int
    at: float
    timeline: Timeline
    extents: Mapping[str, Extent]
    names: Mapping[str, str]
    held: tuple[CapturedState, ...] = ()

    @classmethod
    def of(
        cls,
        timeline: Timeline,
        *,
        cut: int,
        base: int,
        incarnation: int,
        at: float,
        held: tuple[CapturedState, ...] = (),
    ) -> Record:
        """The end of ``timeline``, now."""
        return cls(
            process=timeline.process,
            life=timeline.life,
            cut=cut,
            base=base,
            incarnation=incarnation,
            at=at,
            timeline=timeline,
            extents=MappingProxyType(timeline.extents()),
            names=MappingProxyType(dict(timeline.names)),
            held=held,
        )

    def lines(self) -> dict[str, Line]:
        """Every line as it was at the record, by instance."""
        return {name: self.timeline.lines[name].until(extent) for name, extent in self.extents.items()}

    def again(self, *, life: str, incarnation: int) -> Timeline:
        """A timeline that goes on from here."""
        return Timeline(
            process=self.process,
            life=life,
            incarnation=incarnation,
            descends_from=self.cut,
            lines=self.lines(),
            names=dict(self.names),
        )


def line_of(record: SessionRecord, instance: str) -> Line:
    """A line that begins with a part which was recorded before anybody watched."""
    evidence = record.evidence
    own = [message.payload for message in record.outgoing_in_flight]
    return Line(
        instance=instance,
        session=evidence.session,
        peer=evidence.peer,
        fifo=evidence.outgoing.fifo,
        sent=own,
        sent_before=evidence.outgoing.sent - len(own),
        taken_before=evidence.incoming.received,
    )
