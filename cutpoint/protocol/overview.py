"""Where everything stands, for people: the members, the open cut, the recovery, and what they wait for."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from cutpoint.names import CutNumber, Incarnation, Life, ProcessName
from cutpoint.protocol.cut import Cut
from cutpoint.protocol.desk import Desk
from cutpoint.protocol.holdups import Culprit
from cutpoint.protocol.membership import Standing
from cutpoint.protocol.phrases import naming, release_of
from cutpoint.protocol.recovery import Recovery


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class MemberStatus:
    """One process. ``state``: member, leaving, released, or waiting (it is connected and not a member).

    ``running``: connected and admitted. ``last_word``: when it last said something, on the driver's clock; None
    if it is not connected. ``incarnation`` is the last it ran in, as far as is known here.
    """

    process: ProcessName
    state: str
    connected: bool
    running: bool
    life: Life
    incarnation: Incarnation
    last_word: float | None
    waits_for: str


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class CutStatus:
    """The open cut. ``seconds``: since it was opened; ``phases``: how long each took so far; ``held_by``: by whom."""

    cut: CutNumber
    phase: str
    opened_at: float
    members: tuple[ProcessName, ...]
    waits_for: tuple[str, ...]
    seconds: float
    phases: Mapping[str, float]
    held_by: tuple[Culprit, ...]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class RecoveryStatus:
    """The recovery that is not over. ``incarnation`` is 0 until it has its number."""

    incarnation: Incarnation
    target: CutNumber
    phase: str
    reason: str
    lost: tuple[ProcessName, ...]
    participants: tuple[ProcessName, ...]
    waits_for: tuple[str, ...]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Overview:
    """Everything at one moment. ``hold``: why somebody waits and no recovery begins by itself, empty if so.

    ``hindrance``: why no cut could be opened now, empty if one could. ``ignored``: events that were late, foreign or
    unknown.
    """

    computation: str
    incarnation: Incarnation
    last_cut: CutNumber
    base: CutNumber
    members: tuple[MemberStatus, ...]
    cut: CutStatus | None
    recovery: RecoveryStatus | None
    hold: str
    hindrance: str
    points: int
    abandoned: int
    ignored: int


WAITS = {
    Standing.NEWCOMER: "to be admitted when no cut is open and no recovery is under way",
    Standing.MEMORY_LOST: "a recovery: it has lost its memory",
    Standing.LEFT_BEHIND: "a recovery: it missed one",
}


def overview(desk: Desk, cut: Cut | None, recovery: Recovery | None, *, hold: str, ignored: int) -> Overview:
    """Look at everything once."""
    computation = desk.ledger.computation
    names = [*desk.ledger.members.members, *(agent.name for agent in desk.membership.connected())]
    return Overview(
        computation=computation.name,
        incarnation=computation.incarnation,
        last_cut=computation.last_cut,
        base=computation.base,
        members=tuple(_member(desk, recovery, name) for name in sorted(dict.fromkeys(names))),
        cut=None if cut is None else _cut(cut, desk.now),
        recovery=None if recovery is None else _recovery(recovery),
        hold=hold,
        hindrance=hindrance(desk) if recovery is None else "a recovery is under way",
        points=len(desk.ledger.points),
        abandoned=len(desk.ledger.abandoned),
        ignored=ignored,
    )


def hindrance(desk: Desk) -> str:
    """Why no cut can be opened now, and what to do; empty if one can."""
    members = desk.ledger.belonging()
    if not members:
        return "no process has joined yet; start one whose agent names this coordinator"
    strangers = [name for name in desk.policy.strict if name not in members]
    if strangers:
        text = naming(strangers, "has not joined and is", "have not joined and are")
        return f"{text} declared strict; start what is missing, or declare it joined in the policy"
    missing = [name for name in members if desk.membership.get(name) is None]
    if missing:
        text = naming(missing, "is not connected; start it again", "are not connected; start them again")
        return f"{text}, or {release_of(missing)}"
    waiting = [name for name in members if not desk.membership.is_admitted(name)]
    if waiting:
        return f"{naming(waiting, 'waits', 'wait')} for a recovery; `cutpoint recover` begins one"
    return ""


def _member(desk: Desk, recovery: Recovery | None, name: ProcessName) -> MemberStatus:
    agent, member = desk.membership.get(name), desk.ledger.members.members.get(name)
    waits_for = ""
    if agent is not None and not agent.admitted:
        complaint = "" if recovery is None else recovery.complaint_of(name)
        delay = "" if recovery is None else recovery.delay_of(name)
        waits_for = (
            complaint or delay or WAITS.get(desk.membership.standing(agent, desk.ledger), "the end of a recovery")
        )
    elif agent is None and member is not None and member.belongs:
        waits_for = "to be started, or to reach this coordinator"
    return MemberStatus(
        process=name,
        state="waiting" if member is None else member.state,
        connected=agent is not None,
        running=agent is not None and agent.admitted,
        life=agent.join.life if agent is not None else (member.life if member is not None else Life("")),
        incarnation=Incarnation(0) if agent is None else agent.incarnation,
        last_word=None if agent is None else agent.last_word,
        waits_for=waits_for,
    )


def _cut(cut: Cut, now: float) -> CutStatus:
    return CutStatus(
        cut=cut.number,
        phase=cut.phase,
        opened_at=cut.timeline.opened_at,
        members=cut.members,
        waits_for=cut.waits_for(),
        seconds=now - cut.timeline.opened_at,
        phases=cut.timeline.phases(cut.phase, now),
        held_by=cut.held_by(),
    )


def _recovery(recovery: Recovery) -> RecoveryStatus:
    return RecoveryStatus(
        incarnation=recovery.incarnation,
        target=recovery.target,
        phase=recovery.phase,
        reason=recovery.call.reason,
        lost=recovery.call.lost,
        participants=recovery.participants(),
        waits_for=recovery.waits_for(),
    )
