"""Is this cut consistent? A certificate if it is, violations if it is not. Nothing is inferred from who answered.

The definition (Chandy & Lamport 1985, section 3; orphans after Mattern 1989): for every channel p -> q the messages
that q received inside the cut, those that q recorded as in-flight and those that p recorded as in-flight are together
exactly the numbers 1 to what p sent inside the cut, each once. A message received inside the cut and sent outside
it is an *orphan*; a number that nobody has is *lost*; one that two have is *doubled*. And nobody inside the cut may
have acted on news from outside it: an acknowledgement that p recorded is of a message that q received inside.

The check reads counters only, never messages. Its work is proportional to the number of ranges. Complaints come in
a fixed order, and one fault gives one complaint: what only follows from another fault is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from cutpoint.names import CutNumber, Incarnation, ProcessName, SessionName
from cutpoint.protocol import evidence
from cutpoint.protocol.certificate import Certificate, ChannelCertificate, Violation
from cutpoint.protocol.messages import PartSummary, SessionEvidence

__all__ = ["Certificate", "ChannelCertificate", "Violation", "certify", "recheck"]

Finding = ChannelCertificate | Violation
Book = dict[ProcessName, dict[SessionName, SessionEvidence]]


def certify(
    *,
    cut: CutNumber,
    incarnation: Incarnation,
    members: Iterable[ProcessName],
    summaries: Mapping[ProcessName, PartSummary] | Sequence[PartSummary],
    released: Iterable[ProcessName] = (),
    computation: str = "",
) -> Certificate | tuple[Violation, ...]:
    """Prove that these parts are one consistent cut of exactly these members, or say why they are not.

    ``released``: processes that have left since the last recovery point. Returns violations in a fixed order; a
    cut with violations has to be abandoned.
    """
    given = list(summaries.values()) if isinstance(summaries, Mapping) else list(summaries)
    inside = tuple(sorted(dict.fromkeys(members)))
    outside = tuple(sorted(dict.fromkeys(released)))
    absent = tuple(evidence.attendance(cut=cut, incarnation=incarnation, members=inside, parts=given))
    if absent:
        return tuple(sorted(absent))
    parts = {part.process: part for part in sorted(given, key=lambda part: part.process)}
    violations = [violation for part in parts.values() for violation in evidence.digests(part)]
    book = _book(parts.values(), violations)
    channels: list[ChannelCertificate] = []
    for finding in _channels(book, inside, outside):
        if isinstance(finding, Violation):
            violations.append(finding)
        else:
            channels.append(finding)
    if not violations:
        violations += [violation for part in parts.values() for violation in evidence.in_flight_count(part)]
    if violations:
        return tuple(sorted(violations))
    return Certificate(
        computation=computation,
        cut=cut,
        incarnation=incarnation,
        members=inside,
        released=outside,
        parts={name: part.object for name, part in parts.items()},
        channels=tuple(sorted(channels, key=lambda channel: (channel.channel, channel.session))),
        in_flight=sum(channel.in_flight for channel in channels),
    )


def recheck(
    certificate: Certificate, summaries: Mapping[ProcessName, PartSummary] | Sequence[PartSummary]
) -> tuple[Violation, ...]:
    """Whether a stored certificate is what the parts say: empty if it is. For a check without the coordinator."""
    again = certify(
        cut=certificate.cut,
        incarnation=certificate.incarnation,
        members=certificate.members,
        released=certificate.released,
        summaries=summaries,
        computation=certificate.computation,
    )
    if not isinstance(again, Certificate):
        return again
    violations = [
        Violation(channel="", process=name, complaint=f"the certificate names {was} as the part of {name}, it is {now}")
        for name, now in again.parts.items()
        if (was := certificate.parts.get(name)) != now
    ]
    stored = {(channel.channel, channel.session): channel for channel in certificate.channels}
    proved = {(channel.channel, channel.session): channel for channel in again.channels}
    for key in sorted({**stored, **proved}):
        if stored.get(key) != proved.get(key):
            complaint = f"{key[0]}: the certificate does not say what the parts say"
            violations.append(Violation(channel=key[0], process="", complaint=complaint))
    if not violations and again != certificate:
        complaint = "the certificate's lists or totals do not agree with its channels and parts"
        violations.append(Violation(channel="", process="", complaint=complaint))
    return tuple(violations)


def _book(parts: Iterable[PartSummary], violations: list[Violation]) -> Book:
    """Every session by process and name; None where its evidence is broken, which is complained of here."""
    book: Book = {}
    for part in parts:
        page: dict[SessionName, SessionEvidence] = {}
        for session in sorted(part.sessions, key=lambda session: session.session):
            broken = evidence.shape(part.process, session)
            if broken is None and session.session in page:
                complaint = f"{part.process} recorded session {session.session} twice"
                broken = Violation(channel="", process=part.process, complaint=complaint)
            if broken is not None:
                violations.append(broken)
            page.setdefault(session.session, session)
        book[part.process] = page
    for violation in violations:
        _set_aside(book, violation)
    return book


def _set_aside(book: Book, violation: Violation) -> None:
    """Take sessions whose evidence is broken out of the comparison, at both ends."""
    for session in [s for page in book.values() for s in page if _concerns(violation, s)]:
        for page in book.values():
            page.pop(session, None)


def _concerns(violation: Violation, session: SessionName) -> bool:
    label = session.split(":", 1)[-1]
    ends = session.split(":", 1)[0].split("~")
    channels = (f"{ends[0]}->{ends[-1]}:{label}", f"{ends[-1]}->{ends[0]}:{label}")
    return violation.channel in channels or f"session {session} " in f"{violation.complaint} "
