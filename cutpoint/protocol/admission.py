"""The door of the computation: who is turned away, who runs on at once, who has to wait for the end of a cut.

A member with its memory runs on whatever is going on. Membership itself changes between cuts only, in one write for
everybody who has come or gone since.
"""

from __future__ import annotations

import msgspec

from cutpoint.names import CutNumber, ProcessName
from cutpoint.protocol.coordinator_effects import Disconnect
from cutpoint.protocol.coordinator_events import Connection
from cutpoint.protocol.desk import Desk
from cutpoint.protocol.ledger import RECORDS_BYTES_MAX, Member, Members, process_bytes
from cutpoint.protocol.membership import Agent, Standing
from cutpoint.protocol.messages import Abandon, Join, Published, Start

NEWS_MAX = 16
"""How many ended cuts a returning process is told about: it can have missed one or two."""

REJECTIONS: dict[Standing, tuple[str, bool]] = {
    Standing.GONE: ("has left the computation, or was released from it; start it anew if it is to come back", False),
    Standing.FOREIGN: (
        "has lived in a computation that this registry does not know; nothing was lost; "
        "correct its coordinator's address, or start it anew",
        False,
    ),
    Standing.AHEAD: (
        "is of a later incarnation than this coordinator knows of; nothing was lost; it should ask again: "
        "another coordinator leads, or the registry was restored from an old copy",
        True,
    ),
}

_TOO_MANY = (
    "is one process too many: with the {} that the registry knows, the records of one cut are as long as a registry "
    "takes; nothing was lost; divide the system into several computations"
)


class Admission:
    """Lets processes in and out."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._settled = -1

    def connected(self, connection: Connection, join: Join) -> None:
        """A process stands at the door."""
        membership = self._desk.membership
        refusal = membership.refusal(join)
        if refusal is not None:
            self._desk.reject(connection, refusal[0], waiting_helps=refusal[1])
            return
        former = membership.connect(connection, join, self._desk.now)
        if former is not None:
            reason = f"{join.process} has connected again"
            self._desk.do(Disconnect(connection=former, reason=reason))

    def turn_away_ahead(self, connection: Connection) -> None:
        """Turn away whoever is of an incarnation that nobody here knows of, whatever is under way."""
        agent = self._desk.membership.of(connection)
        if agent is not None and self._standing(agent) is Standing.AHEAD:
            self._turn_away(agent, Standing.AHEAD)

    def settle(self) -> tuple[Agent, ...]:
        """Turn away who does not belong here, let in everybody who may run at once; returns them.

        Nobody is looked at again before something has changed.
        """
        desk = self._desk
        if self._settled == desk.revision:
            return ()
        admitted = []
        for agent in desk.membership.waiting():
            standing = self._standing(agent)
            if standing in REJECTIONS:
                self._turn_away(agent, standing)
        for agent in desk.membership.waiting():
            standing = self._standing(agent)
            if standing is Standing.MEMBER:
                self._admit(agent)
                admitted.append(agent)
            elif standing is Standing.START_AGAIN:
                incarnation = desk.ledger.computation.incarnation
                desk.say(agent, desk.admission())
                desk.say(agent, Start(incarnation=incarnation))
                desk.membership.run(agent, incarnation)
                desk.membership.start(agent, incarnation)
                admitted.append(agent)
        self._settled = desk.revision
        return tuple(admitted)

    def _turn_away(self, agent: Agent, standing: Standing) -> None:
        reason, waiting_helps = REJECTIONS[standing]
        self._reject(agent, reason, waiting_helps=waiting_helps)

    def _reject(self, agent: Agent, reason: str, *, waiting_helps: bool) -> None:
        self._desk.membership.lose(agent.connection, self._desk.now)
        self._desk.reject(agent.connection, f"{agent.name} {reason}", waiting_helps=waiting_helps)

    def _standing(self, agent: Agent) -> Standing:
        return self._desk.membership.standing(agent, self._desk.ledger)

    def _admit(self, agent: Agent) -> None:
        ran = agent.incarnation > 0
        self._desk.say(agent, self._desk.admission())
        self._desk.membership.run(agent, self._desk.ledger.computation.incarnation)
        if ran:
            self._tell_news(agent)
        kind, verb = ("process returned", "is connected again") if ran else ("process admitted", "was admitted")
        self._desk.notice(kind, f"{agent.name} {verb}", process=agent.name)

    def _tell_news(self, agent: Agent) -> None:
        """How the cuts ended that the process may not have heard of."""
        ledger = self._desk.ledger
        last = ledger.computation.last_cut
        for number in range(max(1, agent.join.cut, last - NEWS_MAX + 1), last + 1):
            cut = CutNumber(number)
            if cut in ledger.points:
                self._desk.say(agent, Published(incarnation=ledger.computation.incarnation, cut=cut))
            elif cut in ledger.abandoned:
                reason = ledger.abandoned[cut].reason
                self._desk.say(agent, Abandon(incarnation=ledger.computation.incarnation, cut=cut, reason=reason))

    # ------------------------------------------------------------------------------------------------ between cuts

    def change(self, *, cut_wanted: bool) -> Members | None:
        """The membership with everybody who has come or gone; None if it is as the ledger has it.

        Somebody who was leaving and is not there any more is released without a cut, because nothing would end
        the wait; under a new leader only once a cut is wanted, because it may still be connecting.
        """
        desk, membership = self._desk, self._desk.membership
        members = dict(desk.ledger.members.members)
        for name, member in desk.ledger.members.members.items():
            if name in membership.left and member.state == "member":
                members[name] = msgspec.structs.replace(member, state="leaving")
            gone = membership.get(name) is None and (name in membership.lost_at or cut_wanted)
            if members[name].state == "leaving" and gone:
                members[name] = msgspec.structs.replace(member, state="released")
                desk.notice("process released", f"{name} has left the computation without a last cut", process=name)
        self._add_newcomers(members)
        if membership.left:
            membership.forget_goodbyes()
        if members == desk.ledger.members.members:
            return None
        return Members(members=dict(sorted(members.items())))

    def _add_newcomers(self, members: dict[ProcessName, Member]) -> None:
        """Add them as long as the registry could take the records of every cut and recovery with them."""
        waiting = self._desk.membership.waiting()
        newcomers = [agent for agent in waiting if self._standing(agent) is Standing.NEWCOMER]
        if not newcomers:
            return
        room = RECORDS_BYTES_MAX - sum(process_bytes(name, member.life) for name, member in members.items())
        for agent in newcomers:
            if self._awaits_farewell(agent.name):
                continue
            added = 0 if agent.name in members else process_bytes(agent.name, agent.join.life)
            if added > room:
                self._reject(agent, _TOO_MANY.format(len(members)), waiting_helps=False)
            else:
                room -= added
                members[agent.name] = Member(life=agent.join.life)
                self._desk.membership.expect(agent.name)

    def somebody_awaits_cut(self) -> bool:
        """Whether somebody leaves, or comes under a name of which others have not taken leave yet."""
        newcomers = [agent for agent in self._desk.membership.waiting() if self._standing(agent) is Standing.NEWCOMER]
        return bool(self._desk.ledger.leaving()) or any(self._awaits_farewell(agent.name) for agent in newcomers)

    def _awaits_farewell(self, name: ProcessName) -> bool:
        """Whether others may still have channels to the process that was dismissed under this name.

        A recovery point that names it as released ends them.
        """
        ledger = self._desk.ledger
        base = ledger.points.get(ledger.computation.base)
        told = base is not None and name in base.left
        return ledger.dismissed(name) and not told and bool(ledger.belonging())
