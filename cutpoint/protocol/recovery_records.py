"""Who takes part in a recovery, with which part, and the records that fence, complete or fail one."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from cutpoint.names import BEGINNING, CutNumber, Incarnation, Life, ProcessName
from cutpoint.protocol.ledger import (
    CompletedRecovery,
    Computation,
    Ledger,
    LedgerRecord,
    Member,
    Members,
    Recovering,
)
from cutpoint.protocol.membership import Membership


def participants(ledger: Ledger, membership: Membership, target: CutNumber) -> tuple[ProcessName, ...]:
    """The members, and whoever the recovery point demands, ascending.

    A process that was leaving takes part if it is still there, or if the recovery point is from before. One that an
    operator has released takes no part.
    """
    point = ledger.points.get(target)
    demanded = () if point is None else tuple(name for name in point.demanded if not ledger.dismissed(name))
    staying = [
        name
        for name, member in ledger.members.members.items()
        if member.state == "member" or (member.state == "leaving" and membership.get(name) is not None)
    ]
    names = sorted(dict.fromkeys((*staying, *demanded)))
    return tuple(name for name in names if name not in membership.dismissing)


def part_of(ledger: Ledger, target: CutNumber, name: ProcessName) -> str:
    """The digest of the part that a process restores; empty if the recovery point does not know it."""
    point = ledger.points.get(target)
    return "" if point is None else point.members.get(name, "")


def fence(
    ledger: Ledger, incarnation: Incarnation, target: CutNumber, reason: str, lost: tuple[ProcessName, ...]
) -> Computation:
    """From now on only ``incarnation`` counts, and it begins at ``target``."""
    recovering = Recovering(incarnation=incarnation, target=target, reason=reason, lost=lost)
    return msgspec.structs.replace(ledger.computation, incarnation=incarnation, recovering=recovering)


def completed(
    ledger: Ledger,
    target: CutNumber,
    lives: Mapping[ProcessName, Life],
    *,
    reason: str,
    lost: tuple[ProcessName, ...],
    seconds: float,
) -> CompletedRecovery:
    """What is told of the recovery. Lost are also those that were started anew meanwhile."""
    known = ledger.members.members
    anew = [name for name, life in lives.items() if name in known and known[name].life != life]
    return CompletedRecovery(
        incarnation=ledger.computation.incarnation,
        cut=target,
        reason=reason,
        lost=tuple(sorted(dict.fromkeys((*lost, *anew)))),
        seconds=seconds,
    )


def completion(
    ledger: Ledger, recovery: CompletedRecovery, lives: Mapping[ProcessName, Life]
) -> tuple[LedgerRecord, ...]:
    """The recovery is over: whose lives count now, and that a doubted recovery point is good after all."""
    computation = msgspec.structs.replace(ledger.computation, recovering=None, base=recovery.cut)
    known = ledger.members.members
    members = {name: member for name, member in known.items() if member.dismissed}
    members |= {name: Member(life=life) for name, life in lives.items()}
    records: list[LedgerRecord] = [computation, recovery]
    point = ledger.points.get(recovery.cut)
    if point is not None:
        for name in point.left:
            if name not in members:
                life = known[name].life if name in known else Life("")
                members[name] = Member(life=life, state="released")
        if point.damaged:
            records.append(msgspec.structs.replace(point, damaged=""))
    return (*records, Members(members=dict(sorted(members.items()))))


def dismissal(ledger: Ledger, name: ProcessName) -> Members:
    """The process is gone for good, whatever it was."""
    known = ledger.members.members
    life = known[name].life if name in known else Life("")
    members = {**known, name: Member(life=life, state="released", dismissed=True)}
    return Members(members=dict(sorted(members.items())))


def failure(ledger: Ledger) -> tuple[LedgerRecord, ...]:
    """The recovery is over and nothing was restored. Its incarnation stays fenced off."""
    return (msgspec.structs.replace(ledger.computation, recovering=None, open_cut=BEGINNING),)
