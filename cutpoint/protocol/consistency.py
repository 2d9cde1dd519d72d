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

from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Sequence as Series

from cutpoint.names import ChannelName, CutNumber, Incarnation, ProcessName, Sequence, SessionName
from cutpoint.protocol import evidence
from cutpoint.protocol.accounting import account, count, holds, prefix, span, text
from cutpoint.protocol.certificate import Certificate, ChannelCertificate, Violation
from cutpoint.protocol.evidence import incoming_channel, of_channel, outgoing_channel
from cutpoint.protocol.messages import IncomingEvidence, OutgoingEvidence, PartSummary, SessionEvidence

__all__ = ["Certificate", "ChannelCertificate", "Violation", "certify", "recheck"]

_Finding = ChannelCertificate | Violation
_Book = dict[ProcessName, dict[SessionName, SessionEvidence]]


def certify(
    *,
    cut: CutNumber,
    incarnation: Incarnation,
    members: Iterable[ProcessName],
    summaries: Mapping[ProcessName, PartSummary] | Series[PartSummary],
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
    book, broken = _book(parts.values())
    violations += broken
    channels: list[ChannelCertificate] = []
    for finding in _channels(book, outside):
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
    certificate: Certificate, summaries: Mapping[ProcessName, PartSummary] | Series[PartSummary]
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


def _book(parts: Iterable[PartSummary]) -> tuple[_Book, list[Violation]]:
    """Every session by process and name. One whose evidence is broken is complained of and compared nowhere."""
    book: _Book = {}
    violations: list[Violation] = []
    broken: dict[SessionName, None] = {}
    for part in parts:
        page = book.setdefault(part.process, {})
        for session in sorted(part.sessions, key=lambda session: session.session):
            complaint = evidence.shape(part.process, session)
            if complaint is None and session.session in page:
                complaint = evidence.of_process(
                    part.process, f"{part.process} recorded session {session.session} twice"
                )
            if complaint is not None:
                violations.append(complaint)
                broken[session.session] = None
            page.setdefault(session.session, session)
    compared = {
        process: {name: session for name, session in page.items() if name not in broken}
        for process, page in book.items()
    }
    return compared, violations


def _channels(book: _Book, released: tuple[ProcessName, ...]) -> Iterator[_Finding]:
    for process, page in book.items():
        for name, session in page.items():
            peer = session.peer
            if peer not in book:
                yield from _with_outsider(process, session, left=peer in released)
            elif (twin := book[peer].get(name)) is None:
                yield from _without_twin(process, session)
            elif process < peer or twin.peer != process:
                yield from _with_twin(process, session, peer, twin)


def _with_twin(
    process: ProcessName, session: SessionEvidence, peer: ProcessName, twin: SessionEvidence
) -> Iterator[_Finding]:
    """Both ends recorded the session: two channels, one each way."""
    if twin.peer != process or twin.initiator == session.initiator:
        complaint = f"{process} and {peer} do not agree on who the ends of session {session.session} are"
        yield evidence.of_process(process, complaint)
        return
    for sender, sent, receiver, got in (
        (process, session, peer, twin.incoming),
        (peer, twin, process, session.incoming),
    ):
        yield _channel(outgoing_channel(sender, sent), sender, sent.outgoing, receiver, got)


def _channel(
    channel: ChannelName, sender: ProcessName, out: OutgoingEvidence, receiver: ProcessName, got: IncomingEvidence
) -> _Finding:
    """The heart: does every number of this channel lie in exactly one place, and on the right side of the cut?"""
    recorded = span(out.in_flight_from, out.sent)
    balance = account((got.received, got.in_flight, recorded), out.sent)
    complaints = []
    if out.fifo != got.fifo:
        complaints.append(f"{sender} and {receiver} do not agree on whether it keeps order")
    elif not balance.balanced:
        if balance.beyond:
            complaints.append(
                f"orphans: {text(balance.beyond)} received inside the cut by {receiver}, sent outside it "
                f"({sender} had sent {out.sent})"
            )
        if balance.lost:
            complaints.append(f"lost: {text(balance.lost)} of {out.sent} sent by {sender} are in no part")
        if balance.doubled:
            complaints.append(f"doubled: {text(balance.doubled)} of {out.sent} sent by {sender} are in the cut twice")
    elif out.fifo and count(got.received) != prefix(got.received):
        complaints.append(f"{receiver} received {text(got.received)} on a channel that keeps order")
    elif out.acknowledged > prefix(got.received):
        complaints.append(
            f"{sender} knows that {receiver} received {out.acknowledged}, which lies after the cut "
            f"({receiver} had received {prefix(got.received)})"
        )
    elif got.closed != (out.closed and holds(got.received, out.sent)):
        complaints.append(
            f"{sender} {'closed it with' if out.closed else 'had not closed it at'} message {out.sent} and {receiver} "
            f"{'received' if got.closed else 'did not receive'} its close"
        )
    if complaints:
        return of_channel(channel, receiver, f"{channel}: {'; '.join(complaints)}")
    return _certified(
        channel, sender, receiver, out, received=count(got.received), taken=count(got.in_flight), by=(sender, receiver)
    )


def _certified(
    channel: ChannelName,
    sender: ProcessName,
    receiver: ProcessName,
    out: OutgoingEvidence,
    *,
    received: int,
    taken: int,
    by: tuple[ProcessName, ...],
) -> ChannelCertificate:
    return ChannelCertificate(
        channel=channel,
        session=out.session,
        sender=sender,
        receiver=receiver,
        fifo=out.fifo,
        sent=out.sent,
        received=received,
        in_flight_by_receiver=taken,
        in_flight_by_sender=out.sent + 1 - out.in_flight_from,
        recorded_by=by,
        closed=out.closed,
    )


def _without_twin(process: ProcessName, session: SessionEvidence) -> Iterator[_Finding]:
    """The other end recorded nothing of this session: fine if it had nothing to record, or nothing any more."""
    out, got, peer = session.outgoing, session.incoming, session.peer
    outgoing, incoming = outgoing_channel(process, session), incoming_channel(process, session)
    unseen = out.opening and out.in_flight_from == 1 and out.acknowledged == 0
    done = out.closed and out.acknowledged == out.sent and out.in_flight_from == out.sent + 1
    silent = not got.received and not got.in_flight
    complaints = []
    if not (unseen or done):
        complaints.append(f"{process} sent {out.sent} and recorded from {out.in_flight_from} on {outgoing}")
    if not (silent or _is_complete(got)):
        complaints.append(f"{process} received {text(got.received)} and recorded {text(got.in_flight)} on {incoming}")
    if complaints:
        where = outgoing if not (unseen or done) else incoming
        complaint = f"no twin: {peer} recorded nothing of session {session.session}, but {' and '.join(complaints)}"
        yield of_channel(where, process, complaint)
        return
    yield from _one_half(process, session)


def _with_outsider(process: ProcessName, session: SessionEvidence, *, left: bool) -> Iterator[_Finding]:
    """The other end is no member of the cut: it must have left, and both halves must be closed."""
    channel = outgoing_channel(process, session)
    if not left:
        complaint = f"{channel}: {session.peer} is not a member of the cut"
        yield of_channel(channel, process, complaint)
    elif not session.outgoing.closed or not _is_complete(session.incoming):
        half = channel if not session.outgoing.closed else incoming_channel(process, session)
        yield of_channel(half, process, f"{half}: {session.peer} has left and the channel is not closed")
    else:
        yield from _one_half(process, session)


def _is_complete(got: IncomingEvidence) -> bool:
    """Everything up to the sender's close was received inside the cut."""
    return got.closed and not got.in_flight and count(got.received) == prefix(got.received) > 0


def _one_half(process: ProcessName, session: SessionEvidence) -> Iterator[ChannelCertificate]:
    """Both channels of a session of which one end alone is evidence enough."""
    out, got, peer = session.outgoing, session.incoming, session.peer
    yield _certified(
        outgoing_channel(process, session), process, peer, out, received=out.in_flight_from - 1, taken=0, by=(process,)
    )
    final = prefix(got.received)
    counterpart = OutgoingEvidence(
        session=session.session,
        receiver=process,
        fifo=got.fifo,
        sent=Sequence(final),
        acknowledged=Sequence(final),
        in_flight_from=Sequence(final + 1),
        closed=got.closed,
        opening=False,
    )
    yield _certified(
        incoming_channel(process, session), peer, process, counterpart, received=final, taken=0, by=(process,)
    )
