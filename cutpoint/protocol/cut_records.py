"""The records that open and end a cut: one transaction each, however many processes take part."""

from __future__ import annotations

import msgspec

from cutpoint.names import BEGINNING, CutNumber, ProcessName
from cutpoint.protocol.certificate import Certificate
from cutpoint.protocol.ledger import (
    KEYED,
    AbandonedCut,
    Computation,
    Ledger,
    LedgerRecord,
    Member,
    Members,
    RecoveryPoint,
)
from cutpoint.protocol.messages import PartSummary


def opening(ledger: Ledger, number: CutNumber, requests: tuple[str, ...]) -> Computation:
    """The number is used, whatever becomes of the cut; a keyed request leads to this cut and to no other."""
    last = max(number, ledger.computation.last_cut)
    asked = tuple(request for request in requests if request.startswith(KEYED))
    return msgspec.structs.replace(ledger.computation, last_cut=last, open_cut=number, asked=asked)


def closing(ledger: Ledger, abandoned: AbandonedCut) -> tuple[LedgerRecord, ...]:
    """The cut ended without a recovery point."""
    record = msgspec.structs.replace(abandoned, asked=ledger.computation.asked)
    return msgspec.structs.replace(ledger.computation, open_cut=BEGINNING, asked=()), record


def publication(ledger: Ledger, point: RecoveryPoint) -> tuple[LedgerRecord, ...]:
    """The cut is a recovery point: who left with it is released, who had left before is forgotten."""
    point = msgspec.structs.replace(point, asked=ledger.computation.asked)
    computation = msgspec.structs.replace(ledger.computation, open_cut=BEGINNING, base=point.cut, asked=())
    if not any(name in point.left for name in ledger.members.members):
        return computation, point
    members: dict[ProcessName, Member] = {}
    for name, member in ledger.members.members.items():
        if name not in point.left or member.state == "member" or member.dismissed:
            members[name] = member
        elif member.state == "leaving":
            members[name] = msgspec.structs.replace(member, state="released")
    return computation, point, Members(members=members)


def draft(
    certificate: Certificate,
    *,
    parent: CutNumber,
    parts: tuple[PartSummary, ...],
    left: tuple[ProcessName, ...],
    duration_seconds: float,
) -> RecoveryPoint:
    """The recovery point that this cut becomes, but for its manifest."""
    return RecoveryPoint(
        cut=certificate.cut,
        incarnation=certificate.incarnation,
        parent=parent,
        members=dict(certificate.parts),
        left=left,
        in_flight=certificate.in_flight,
        bytes=sum(part.bytes for part in parts),
        fresh_bytes=sum(part.fresh_bytes for part in parts),
        duration_seconds=duration_seconds,
        stall_seconds=max((part.stall_seconds for part in parts), default=0.0),
    )
