"""What the leading coordinator knows, put into the API's words. Reads the core and changes nothing."""

from __future__ import annotations

import msgspec

from cutpoint.names import BEGINNING, FIRST_INCARNATION, CutNumber, Incarnation, ProcessName
from cutpoint.protocol.certificate import Certificate
from cutpoint.protocol.coordination import Coordination
from cutpoint.protocol.phrases import asked_for, last_resort
from cutpoint.protocol.recovery_records import part_of
from cutpoint_coordinator.answers import (
    ChannelAnswer,
    CutAnswer,
    CutsAnswer,
    MemberAnswer,
    PlannedPart,
    PointAnswer,
    PointsAnswer,
    RecoveriesAnswer,
    RecoveryAnswer,
    RecoveryUnderWay,
)
from cutpoint_coordinator.asked import PageQuery
from cutpoint_coordinator.faults import Refused
from cutpoint_coordinator.history import History
from cutpoint_coordinator.paging import page_of


def cut(core: Coordination, number: CutNumber) -> CutAnswer | None:
    """How it stands with cut ``number``; None if no cut has it yet."""
    if (point := core.ledger.points.get(number)) is not None:
        return CutAnswer.published(point)
    if (record := core.ledger.abandoned.get(number)) is not None:
        return CutAnswer.abandoned(record)
    current = open_cut(core)
    if current is not None and current.cut == number:
        return current
    if core.ledger.collected(number):
        return CutAnswer(cut=number, state="collected", reason="it was a recovery point; retention kept it no longer")
    return None


def cut_of_key(core: Coordination, prefix: str) -> tuple[CutNumber, str] | None:
    """The cut that a keyed request led to whose name begins with ``prefix``, and that name; None if there is none."""
    ledger = core.ledger
    found = [(ledger.computation.open_cut, asked) for asked in ledger.computation.asked]
    found += [(point.cut, asked) for point in ledger.points.values() for asked in point.asked]
    found += [(record.cut, asked) for record in ledger.abandoned.values() for asked in record.asked]
    return next(((cut, asked) for cut, asked in found if asked.startswith(prefix)), None)


def open_cut(core: Coordination) -> CutAnswer | None:
    """The cut that has not ended."""
    current = core.statistics().cut
    if current is None:
        return None
    return CutAnswer(
        cut=current.cut,
        state="open",
        waits_for=current.waits_for,
        seconds=current.seconds,
        phases=dict(current.phases),
        held_by=current.held_by,
    )


def with_history(found: CutAnswer, history: History) -> CutAnswer:
    """What is known of a cut that has ended, with how it went."""
    record = history.cuts.get(CutNumber(found.cut))
    if record is None or found.state == "open":
        return found
    story = record.story
    return msgspec.structs.replace(
        found,
        cause=story.cause,
        seconds=story.seconds,
        phases=story.phases,
        held_by=story.held_by,
        processes=story.processes,
        began=record.began,
        ended=record.ended,
    )


def cuts(core: Coordination, query: PageQuery) -> CutsAnswer:
    """One page of all cuts."""
    found = [CutAnswer.published(point) for point in core.ledger.points.values()]
    found += [CutAnswer.abandoned(record) for record in core.ledger.abandoned.values()]
    current = open_cut(core)
    if current is not None and all(other.cut != current.cut for other in found):
        found.append(current)
    page, following = page_of(found, lambda answer: answer.cut, query)
    return CutsAnswer(cuts=page, next=following)


def points(core: Coordination, query: PageQuery) -> PointsAnswer:
    """One page of all recovery points."""
    page, following = page_of(core.ledger.points.values(), lambda point: point.cut, query)
    return PointsAnswer(points=tuple(PointAnswer.of(point) for point in page), next=following)


def point(core: Coordination, number: CutNumber) -> PointAnswer:
    """One recovery point. Raises `Refused` if there is none of this number."""
    found = core.ledger.points.get(number)
    if found is None:
        raise unknown_point(core, number)
    return PointAnswer.of(found)


def unknown_point(core: Coordination, number: CutNumber) -> Refused:
    """The refusal of a number that no recovery point has."""
    record = core.ledger.abandoned.get(number)
    why = f"cut {number} was abandoned ({record.reason})" if record else f"there is no recovery point {number}"
    if core.ledger.collected(number):
        why = f"recovery point {number} was collected: retention kept it no longer"
    known = ", ".join(str(n) for n in sorted(core.ledger.points)[-5:]) or "none yet"
    return Refused(404, "unknown_point", f"{why}; nothing was done", f"take one of the last ones: {known}")


def recoveries(core: Coordination, query: PageQuery) -> RecoveriesAnswer:
    """One page of all completed recoveries."""
    page, following = page_of(core.ledger.recoveries.values(), lambda recovery: recovery.incarnation, query)
    return RecoveriesAnswer(recoveries=tuple(RecoveryAnswer.done(recovery) for recovery in page), next=following)


def recovery(core: Coordination, incarnation: int) -> RecoveryAnswer:
    """How it stands with the recovery that starts ``incarnation``. Raises `Refused` if none ever did."""
    done = core.ledger.recoveries.get(Incarnation(incarnation))
    if done is not None:
        return RecoveryAnswer.done(done)
    current = recovery_under_way(core)
    if current is not None and current.incarnation == incarnation:
        return RecoveryAnswer.under_way(current, current.target)
    if FIRST_INCARNATION < incarnation <= core.ledger.computation.incarnation:
        return RecoveryAnswer(
            state="failed", incarnation=incarnation, cut=0, reason="it was not completed; a later one took its place"
        )
    raise Refused(404, "unknown_recovery", f"no recovery has started incarnation {incarnation}", "see /v1/recoveries")


def recovery_since(core: Coordination, least: int, target: CutNumber | None) -> RecoveryAnswer | None:
    """A completed recovery of at least incarnation ``least`` that was what ``target`` asks for; None: there is none."""
    for incarnation, done in sorted(core.ledger.recoveries.items()):
        fits = target is None or done.cut == target or done.reason == asked_for(target)
        if incarnation >= least and fits:
            return RecoveryAnswer.done(done)
    return None


def is_released(core: Coordination, process: ProcessName) -> bool:
    """Whether nothing waits for ``process`` any more."""
    member = core.ledger.members.members.get(process)
    return member is None or not member.belongs


def recovery_under_way(core: Coordination) -> RecoveryUnderWay | None:
    """The recovery that is not over."""
    current = core.statistics().recovery
    if current is None:
        return None
    return RecoveryUnderWay(
        incarnation=current.incarnation,
        target=current.target,
        phase=current.phase,
        reason=current.reason,
        waits_for=current.waits_for,
    )


def plan(core: Coordination, target: CutNumber | None) -> RecoveryAnswer:
    """What a recovery to ``target`` (None: the last recovery point) would restore, and whom it would wait for.

    Raises `Refused` if it would not begin.
    """
    ledger = core.ledger
    number = ledger.computation.base if target is None else target
    if target is None and number == BEGINNING:
        raise Refused(
            409, "no_point", "there is no recovery point yet; nothing was done", "`cutpoint recover 0` begins anew"
        )
    if number != BEGINNING and number not in ledger.points:
        raise unknown_point(core, number)
    chosen = ledger.restorable(number) if target is None else number
    if chosen is None:
        raise Refused(
            409,
            "no_point_left",
            f"recovery point {number} and all that it descends from are damaged; nothing was done",
            f"bring what `cutpoint verify` names as damaged back from a copy; {last_resort(number)}",
        )
    parts = _planned(core, chosen)
    damaged = ledger.points[number].damaged if number in ledger.points else ""
    missing = tuple(f"{part.process} is not connected" for part in parts if not part.connected)
    return RecoveryAnswer(
        state="planned",
        incarnation=ledger.computation.incarnation + 1,
        cut=chosen,
        reason=f"recovery point {number} is damaged: {damaged}" if damaged else "",
        waits_for=missing,
        fits=not missing,
        parts=parts,
    )


def _planned(core: Coordination, target: CutNumber) -> tuple[PlannedPart, ...]:
    """Who would take part, ascending by name, and with what."""
    connected = {member.process: member.connected for member in core.statistics().members}
    return tuple(
        PlannedPart(process=name, object=part_of(core.ledger, target, name), connected=connected.get(name, False))
        for name in core.participants(target)
    )


def members(core: Coordination) -> tuple[MemberAnswer, ...]:
    """Every process that belongs, has left or is knocking, ascending by name."""
    return tuple(
        MemberAnswer(
            process=member.process,
            state=member.state,
            connected=member.connected,
            running=member.running,
            incarnation=member.incarnation,
            waits_for=member.waits_for,
        )
        for member in core.statistics().members
    )


def channels(certificate: Certificate) -> tuple[ChannelAnswer, ...]:
    """Every channel that a certificate covers."""
    return tuple(
        ChannelAnswer(
            channel=channel.channel,
            sender=channel.sender,
            receiver=channel.receiver,
            fifo=channel.fifo,
            sent=channel.sent,
            received=channel.received,
            in_flight=channel.in_flight,
            closed=channel.closed,
        )
        for channel in certificate.channels
    )
