"""Whether somebody's loss calls for a recovery, and where to. Pure decisions; `cutpoint.protocol.recovery` does it.

Without a recovery point everybody may begin anew by itself only if nobody has anything to lose.
"""

from __future__ import annotations

import dataclasses

from cutpoint.names import BEGINNING, CutNumber, Life, ProcessName
from cutpoint.protocol.desk import Desk
from cutpoint.protocol.membership import Standing
from cutpoint.protocol.phrases import last_resort, naming, release_of, was_collected
from cutpoint.protocol.policy import Policy
from cutpoint.protocol.recovery import Call
from cutpoint.protocol.recovery_records import participants

Lives = tuple[tuple[ProcessName, Life], ...]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Hold:
    """Somebody waits and no recovery begins by itself: why, and what to do."""

    text: str


class Calls:
    """What is called for now, looked at again only when something has changed.

    ``hold``: why somebody waits and no recovery begins by itself, empty if so.
    """

    def __init__(self, desk: Desk) -> None:
        self.hold = ""
        self._desk = desk
        self._given_up: Lives = ()
        self._looked: tuple[int, Policy] | None = None

    def look(self) -> Call | None:
        """The recovery that somebody's loss calls for; the operator is told once if it has to wait."""
        seen = (self._desk.revision, self._desk.policy)
        if seen == self._looked:
            return None
        call = called_for(self._desk, self._given_up)
        text = call.text if isinstance(call, Hold) else ""
        if text and text != self.hold:
            self._desk.notice("process waiting", text)
        self.hold = text
        if isinstance(call, Call):
            return call
        self._looked = seen
        return None

    def ended(self, *, failed: bool) -> None:
        """A recovery is over. With nobody else than was there when one failed, it is not tried again."""
        connected = self._desk.membership.connected() if failed else ()
        self._given_up = tuple((agent.name, agent.join.life) for agent in connected)
        self._looked = None


def called_for(desk: Desk, given_up: Lives) -> Call | Hold | None:
    """What the connected processes that cannot simply run on call for.

    ``given_up``: who was there when a recovery failed; with nobody else it is not tried again.
    """
    membership, ledger = desk.membership, desk.ledger
    standings = [(agent, membership.standing(agent, ledger)) for agent in membership.waiting()]
    anew = tuple(agent.name for agent, standing in standings if standing is Standing.MEMORY_LOST)
    behind = tuple(agent.name for agent, standing in standings if standing is Standing.LEFT_BEHIND)
    if not anew and not behind:
        return None
    clauses = [naming(anew, "lost its memory", "lost their memory")] if anew else []
    clauses += [f"{', '.join(behind)} missed a recovery"] if behind else []
    reason = " and ".join(clauses)
    lives = tuple((agent.name, agent.join.life) for agent, _ in standings if agent.name in (*anew, *behind))
    if not desk.policy.automatic_recovery:
        return Hold(text=f"{reason}; recovery is left to you: `cutpoint recover` goes back to the last recovery point")
    if all(life in given_up for life in lives):
        return Hold(text=f"{reason}; the last recovery failed: `cutpoint recover N` tries another recovery point")
    target = _target(desk, reason)
    if isinstance(target, Hold):
        return target
    since = min(membership.lost_at.get(name, desk.now) for name in (*anew, *behind))
    return Call(target=target, reason=reason, lost=anew, since=since)


def _target(desk: Desk, reason: str) -> CutNumber | Hold:
    ledger, membership = desk.ledger, desk.membership
    base = ledger.computation.base
    if base != BEGINNING:
        target = ledger.restorable(base)
        if target is not None:
            return target
        return Hold(text=f"{reason}; no undamaged recovery point is left: {last_resort(base)}")
    memories = {name: membership.has_memory(name, ledger) for name in participants(ledger, membership, BEGINNING)}
    if kept := [name for name, memory in memories.items() if memory]:
        return Hold(
            text=f"{reason} and there is no recovery point yet, but "
            f"{naming(kept, 'would lose what it has', 'would lose what they have')}: "
            "`cutpoint recover 0` begins anew, or restart all services"
        )
    if missing := [name for name, memory in memories.items() if memory is None]:
        return Hold(
            text=f"{reason} and there is no recovery point yet; everybody begins anew when "
            f"{naming(missing, 'has come back: start it', 'have come back: start them')}, or {release_of(missing)}"
        )
    return BEGINNING


def requested(desk: Desk, target: CutNumber | None) -> CutNumber | str:
    """Where a requested recovery goes, or why it is refused."""
    ledger = desk.ledger
    base = ledger.computation.base
    if target is None:
        if base == BEGINNING:
            return "there is no recovery point yet; nothing was changed; `cutpoint recover 0` begins anew"
        found = ledger.restorable(base)
        if found is None:
            return f"no undamaged recovery point is left; nothing was changed; {last_resort(base)}"
        target = found
    if ledger.collected(target):
        return was_collected(target)
    if target != BEGINNING and target not in ledger.points:
        return f"there is no recovery point {target}; nothing was changed; `cutpoint points` lists them"
    if not participants(ledger, desk.membership, target):
        return "no process has joined yet, so there is nothing to take back; start one first"
    return target
