"""What can be said of one process's evidence alone, before it is set against anybody else's.

A complaint found here hides what would only follow from it: a session with broken evidence is not compared.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from cutpoint.names import ChannelName, CutNumber, Incarnation, ProcessName, channel_name
from cutpoint.protocol.accounting import count, is_well_formed
from cutpoint.protocol.certificate import Violation
from cutpoint.protocol.messages import PartSummary, SessionEvidence

DIGEST = re.compile(r"sha256:[0-9a-f]{64}\Z")


def attendance(
    *, cut: CutNumber, incarnation: Incarnation, members: tuple[ProcessName, ...], parts: Iterable[PartSummary]
) -> Iterator[Violation]:
    """One complaint for each member without exactly one part of this cut, and for each part of somebody else."""
    seen: dict[ProcessName, PartSummary] = {}
    inside = frozenset(members)
    for part in parts:
        name = part.process
        if name not in inside:
            yield of_process(name, f"{name} gave a part and is not a member of cut {cut}")
        elif name in seen:
            yield of_process(name, f"{name} gave more than one part")
        elif part.cut != cut:
            yield of_process(name, f"the part of {name} is of cut {part.cut}, not of cut {cut}")
        elif part.incarnation != incarnation:
            yield of_process(name, f"the part of {name} is of incarnation {part.incarnation}, not {incarnation}")
        seen[name] = part
    for name in members:
        if name not in seen:
            yield of_process(name, f"there is no part of {name}, a member of cut {cut}")


def digests(part: PartSummary) -> Iterator[Violation]:
    """Complain of digests that cannot be digests."""
    named = [("its part", part.object), *((f"its state {state.name!r}", state.digest) for state in part.states)]
    for what, digest in named:
        if not DIGEST.match(digest):
            yield of_process(part.process, f"{part.process} gave {digest!r:.80} as the digest of {what}")


def in_flight_count(part: PartSummary) -> Iterator[Violation]:
    """Complain if the number of messages in the part is not what its channels say."""
    recorded = sum(
        count(session.incoming.in_flight) + session.outgoing.sent + 1 - session.outgoing.in_flight_from
        for session in part.sessions
    )
    if part.in_flight_messages != recorded:
        yield of_process(
            part.process,
            f"the part of {part.process} holds {part.in_flight_messages} in-flight messages, its channels {recorded}",
        )


def shape(process: ProcessName, session: SessionEvidence) -> Violation | None:
    """The first thing about this session that no honest process can say, if any."""
    peer, name, out, back = session.peer, session.session, session.outgoing, session.incoming
    initiator, acceptor = (process, peer) if session.initiator else (peer, process)
    if peer == process:
        return of_channel(outgoing_channel(process, session), process, f"{process} has session {name} with itself")
    if not name.startswith(f"{initiator}~{acceptor}:") or (out.session, back.session) != (name, name):
        return of_process(
            process,
            f"{process} recorded session {name} as one that {initiator} opened to {acceptor}: the ends disagree",
        )
    if out.receiver != peer or back.sender != peer:
        return of_process(
            process, f"{process} recorded session {name} with {peer}, to {out.receiver} and from {back.sender}"
        )
    to, fro = outgoing_channel(process, session), incoming_channel(process, session)
    if out.sent < 0 or not 1 <= out.in_flight_from <= out.sent + 1 or out.acknowledged < 0:
        return of_channel(
            to,
            process,
            f"{to}: {process} gave numbers that contradict each other: sent {out.sent}, recorded from "
            f"{out.in_flight_from}, acknowledged {out.acknowledged}",
        )
    for what, ranges in (("received", back.received), ("in-flight", back.in_flight)):
        if not is_well_formed(ranges):
            return of_channel(
                fro, process, f"{fro}: {process} gave {ranges} as {what}: that is no ascending set of numbers"
            )
    return None


def outgoing_channel(process: ProcessName, session: SessionEvidence) -> ChannelName:
    """The channel on which ``process`` sends in this session."""
    return channel_name(process, session.peer, session.session)


def incoming_channel(process: ProcessName, session: SessionEvidence) -> ChannelName:
    """The channel on which ``process`` receives in this session."""
    return channel_name(session.peer, process, session.session)


def of_channel(channel: ChannelName, process: ProcessName, complaint: str) -> Violation:
    """A complaint about a channel, as ``process`` recorded it."""
    return Violation(channel=channel, process=process, complaint=complaint)


def of_process(process: ProcessName, complaint: str) -> Violation:
    """A complaint about what ``process`` gave."""
    return Violation(channel="", process=process, complaint=complaint)
