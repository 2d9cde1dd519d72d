"""Claim: a recovery point is what its certificate says, and its parts hold exactly what happened.

The certificate in the manifest is computed again from the parts on the disk. Each part's sessions are set against the
chronicle: how much was sent and received when the process recorded; and on each channel the recorded messages are those
that were sent before the sender's record and not taken before the receiver's, with the payloads that were sent.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from cutpoint.names import ProcessName
from cutpoint.protocol.accounting import text
from cutpoint.protocol.evidence import incoming_channel, outgoing_channel
from cutpoint.protocol.messages import InFlight, SessionRecord
from cutpoint.protocol.numbers import ranges_of
from cutpoint.store import Part
from cutpoint_coordinator.checking import recheck_manifest
from cutpoint_simulations.chronicle import Line
from cutpoint_simulations.chronicle.observations import shortly
from cutpoint_simulations.oracles.case import Case, Published
from cutpoint_simulations.oracles.crossings import Crossing, crossings, ends_at
from cutpoint_simulations.oracles.oracle import Oracle, Violations
from cutpoint_simulations.oracles.violation import Violation

_Book = dict[tuple[str, str], SessionRecord]
"""The session records of all parts by process and session."""


class Consistency(Oracle):
    """Judges each recovery point when it is published."""

    name: ClassVar[str] = "consistency"

    def published(self, point: Published, case: Case) -> Violations:
        """The certificate first; what follows from a certificate that does not hold is not told."""
        if not point.complete or point.manifest is None:
            return ()
        parts = tuple(point.parts[entry.process] for entry in point.manifest.parts)
        if complaints := recheck_manifest(point.manifest, tuple(part.summary for part in parts)):
            return tuple(self.violation(case, complaint, cut=point.cut) for complaint in complaints)
        book: _Book = {}
        found = [violation for part in parts for violation in self._part(part, point.cut, case, book)]
        if not found:
            ends = ends_at(case.chronicle, tuple(point.parts), point.cut)
            found = [v for crossing in crossings(ends) for v in self._channel(crossing, book, point.cut, case)]
        return tuple(found)

    def _part(self, part: Part, cut: int, case: Case, book: _Book) -> Iterator[Violation]:
        """The counters of one part are those of its process's timeline; ``book`` learns its sessions."""
        chronicle, me = case.chronicle, str(part.process)
        record = chronicle.records.get((me, cut))
        if record is None:
            yield self.violation(case, f"{me} never recorded it and has a part in it", cut=cut, process=me)
            return
        if (part.life, part.incarnation) != (record.life, record.incarnation):
            told = f"life {part.life} of incarnation {part.incarnation}"
            really = f"{me} recorded it in life {record.life} of incarnation {record.incarnation}"
            yield self.violation(case, f"its part is of {told}, {really}", cut=cut, process=me)
            return
        lines = record.lines()
        for session in part.sessions:
            line = lines.get(record.names.get(session.evidence.session, ""))
            if line is not None:
                book[me, chronicle.same(line.instance)] = session
            yield from self._counters(me, session, line, cut, case)

    def _counters(
        self, me: str, session: SessionRecord, line: Line | None, cut: int, case: Case
    ) -> Iterator[Violation]:
        evidence = session.evidence
        sent, received = (0, ()) if line is None else (line.sent_count, line.received())
        if evidence.outgoing.sent != sent:
            channel = outgoing_channel(ProcessName(me), evidence)
            complaint = f"{channel}: {me} had sent {sent} when it recorded, its part says {evidence.outgoing.sent}"
            yield self.violation(case, complaint, cut=cut, process=me, channel=channel)
        if evidence.incoming.received != received:
            channel = incoming_channel(ProcessName(me), evidence)
            complaint = (
                f"{channel}: {me} had received {text(received)} when it recorded, its part says "
                f"{text(evidence.incoming.received)}"
            )
            yield self.violation(case, complaint, cut=cut, process=me, channel=channel)

    def _channel(self, crossing: Crossing, book: _Book, cut: int, case: Case) -> Iterator[Violation]:
        """The messages in the parts of both ends are those that were under way."""
        sent, taken, channel = crossing.sent, crossing.taken, crossing.channel
        if sent is None or crossing.broken or (crossing.receiver, cut) not in case.chronicle.records:
            return
        recorded = _recorded(crossing, book)
        expected, held = sent.under_way_to(taken), sorted(int(message.number) for message in recorded)
        if held != expected:
            complaint = (
                f"{channel}: {text(ranges_of(expected))} were under way (sent {sent.sent_count}, "
                f"taken {0 if taken is None else taken.took()}), the parts hold {_told(held)}"
            )
            yield self.violation(case, complaint, cut=cut, process=crossing.sender, channel=channel)
            return
        for message in recorded:
            payload = sent.payload(message.number)
            if payload is not None and payload != message.payload:
                complaint = (
                    f"{channel}: message {message.number} was sent as {shortly(payload)!r} and is recorded as "
                    f"{shortly(message.payload)!r}"
                )
                yield self.violation(case, complaint, cut=cut, process=crossing.sender, channel=channel)


def _recorded(crossing: Crossing, book: _Book) -> tuple[InFlight, ...]:
    """What the parts of both ends hold of a channel."""
    sender = book.get((crossing.sender, crossing.session))
    receiver = book.get((crossing.receiver, crossing.session))
    own = () if sender is None else sender.outgoing_in_flight
    return own if receiver is None else (*own, *receiver.incoming_in_flight)


def _told(numbers: list[int]) -> str:
    """Ascending numbers for people, one by one if one is there twice."""
    twice = len(dict.fromkeys(numbers)) < len(numbers)
    return ", ".join(map(str, numbers)) if twice else text(ranges_of(numbers))
