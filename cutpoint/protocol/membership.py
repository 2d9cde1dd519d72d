"""Who is connected, and what their Join says about them in the light of the ledger.

A process is *admitted* when this coordinator has told it to run (or to run on). One that is connected and not
admitted is waiting: for the end of a cut, for a recovery, or for an operator.
"""

from __future__ import annotations

import dataclasses
import enum

from cutpoint.names import Incarnation, ProcessName
from cutpoint.protocol.coordinator_events import Connection
from cutpoint.protocol.ledger import Ledger
from cutpoint.protocol.messages import PROTOCOL_VERSION, Join

NEVER = Incarnation(0)


class Standing(enum.Enum):
    """What a process is to this computation, by its Join."""

    NEWCOMER = "was never a member"
    MEMBER = "a member with its memory, or one that has never run"
    START_AGAIN = "is ready for the incarnation that has started, and missed the start"
    MEMORY_LOST = "a member that was started anew and has lost its memory"
    LEFT_BEHIND = "a member that missed a recovery"
    GONE = "has left the computation"
    FOREIGN = "has lived in a computation that this registry does not know"
    AHEAD = "is of an incarnation that this coordinator does not know of"


@dataclasses.dataclass(kw_only=True, slots=True)
class Agent:
    """One connected process.

    ``incarnation``: the last that it ran in; ``told`` the one that it was last told to prepare, ``ready`` the one that
    it said it is ready for, ``started`` the one that it was told to start. ``briefed``: the members of the last cut
    that it was told of on this connection. Whether it is admitted is changed by its `Membership` alone.
    """

    connection: Connection
    join: Join
    last_word: float
    admitted: bool = False
    incarnation: Incarnation = NEVER
    told: Incarnation = NEVER
    ready: Incarnation = NEVER
    started: Incarnation = NEVER
    briefed: tuple[ProcessName, ...] | None = None

    @property
    def name(self) -> ProcessName:
        """The process's name."""
        return self.join.process


class Membership:
    """The connected processes by name. ``lost_at``: when those that are not connected were last seen.

    ``revision`` rises with everything here that somebody's standing may depend on. A thousand processes talk far more
    often than one of them comes or goes: who looks at all of them looks again only when it has risen.
    """

    def __init__(self) -> None:
        self.revision = 0
        self._agents: dict[ProcessName, Agent] = {}
        self._names: dict[Connection, ProcessName] = {}
        self._waiting: dict[ProcessName, None] = {}
        self.lost_at: dict[ProcessName, float] = {}
        self.left: dict[ProcessName, None] = {}
        """Who has said Leave, until the ledger says so too."""
        self.untold: dict[ProcessName, None] = {}
        """Newcomers that the ledger holds and nobody has told yet: they have never run."""
        self.dismissing: dict[ProcessName, None] = {}
        """Whom an operator releases, until the ledger says so too."""

    def refusal(self, join: Join) -> tuple[str, bool] | None:
        """Why this Join is turned away at the door, and whether waiting helps; None: come in."""
        if join.version != PROTOCOL_VERSION:
            return (
                f"{join.process} speaks protocol version {join.version}, this coordinator version {PROTOCOL_VERSION}; "
                "nothing was lost; install the same version of Cutpoint at both ends",
                False,
            )
        other = self._agents.get(join.process)
        if other is not None and other.join.life != join.life:
            return (
                f"another process of the name {join.process} is connected; nothing was lost; "
                "give each process a name of its own, or stop the other one",
                True,
            )
        return None

    def connect(self, connection: Connection, join: Join, now: float) -> Connection | None:
        """Take the process in; returns its former connection if that is replaced."""
        former = self._agents.get(join.process)
        if former is not None:
            self._names.pop(former.connection, None)
        self._agents[join.process] = Agent(
            connection=connection,
            join=join,
            last_word=now,
            incarnation=join.incarnation,
            told=join.prepared,
            ready=join.prepared,
        )
        self._names[connection] = join.process
        self._waiting[join.process] = None
        self.revision += 1
        return None if former is None else former.connection

    def lose(self, connection: Connection, now: float) -> Agent | None:
        """The connection is gone; returns whom it carried, None if nobody any more."""
        name = self._names.pop(connection, None)
        if name is None:
            return None
        self.lost_at[name] = now
        self._waiting.pop(name, None)
        self.revision += 1
        return self._agents.pop(name)

    def of(self, connection: Connection) -> Agent | None:
        """Whom this connection carries."""
        name = self._names.get(connection)
        return None if name is None else self._agents[name]

    def get(self, name: ProcessName) -> Agent | None:
        """The process of this name, if it is connected."""
        return self._agents.get(name)

    def connected(self) -> tuple[Agent, ...]:
        """All connected processes, ascending by name."""
        return tuple(self._agents[name] for name in sorted(self._agents))

    def waiting(self) -> tuple[Agent, ...]:
        """Connected and not admitted, ascending by name."""
        return tuple(self._agents[name] for name in sorted(self._waiting))

    def is_admitted(self, name: ProcessName) -> bool:
        """Whether the process is connected and runs."""
        agent = self._agents.get(name)
        return agent is not None and agent.admitted

    def run(self, agent: Agent, incarnation: Incarnation) -> None:
        """The process was told to run."""
        agent.admitted, agent.incarnation = True, incarnation
        self._waiting.pop(agent.name, None)
        self.lost_at.pop(agent.name, None)
        self.untold.pop(agent.name, None)
        self.revision += 1

    def start(self, agent: Agent, incarnation: Incarnation) -> None:
        """The process was told to start what it is ready for."""
        agent.admitted, agent.incarnation, agent.started = True, incarnation, incarnation
        self._waiting.pop(agent.name, None)
        self.revision += 1

    def stopped_for(self, agent: Agent, incarnation: Incarnation, *, ready: bool) -> None:
        """The process has stopped for a recovery that is over without it; its Join could not say so yet.

        If it was told to run since, it has not done so.
        """
        agent.admitted, agent.told = False, incarnation
        agent.ready = incarnation if ready else NEVER
        if incarnation <= agent.incarnation:
            agent.incarnation = agent.join.incarnation
        self._waiting[agent.name] = None
        self.revision += 1

    def suspend(self) -> None:
        """A recovery begins: nobody is admitted any more."""
        for agent in self._agents.values():
            agent.admitted = False
            self._waiting[agent.name] = None
        self.revision += 1

    def says_goodbye(self, name: ProcessName) -> None:
        """The process has said Leave."""
        self.left[name] = None
        self.revision += 1

    def forget_goodbyes(self) -> None:
        """The ledger knows who has said Leave, or it counts no longer."""
        self.left.clear()
        self.revision += 1

    def expect(self, name: ProcessName) -> None:
        """The process becomes a member, and is to be told so."""
        self.untold[name] = None
        self.revision += 1

    def dismiss(self, name: ProcessName) -> None:
        """An operator releases the process: the ledger is to say so."""
        self.dismissing[name] = None
        self.revision += 1

    def dismissed(self, name: ProcessName) -> None:
        """The ledger says so."""
        self.dismissing.pop(name, None)
        self.lost_at.pop(name, None)
        self.revision += 1

    def standing(self, agent: Agent, ledger: Ledger) -> Standing:
        """What the process is to the computation."""
        join, incarnation = agent.join, ledger.computation.incarnation
        never_ran = not agent.incarnation and not agent.told
        member = ledger.members.members.get(join.process)
        if max(agent.incarnation, agent.told) > incarnation:
            return Standing.AHEAD
        gone = member is not None and (not member.belongs or join.process in self.dismissing)
        if member is None or (gone and member.life != join.life):
            return Standing.NEWCOMER if never_ran else Standing.FOREIGN
        if gone:
            return Standing.GONE
        if member.life != join.life:
            unmissed = join.process in self.untold or join.process in self.left or member.state == "leaving"
            return Standing.NEWCOMER if unmissed and never_ran else Standing.MEMORY_LOST
        if agent.incarnation == incarnation or never_ran:
            return Standing.MEMBER
        started = agent.ready == incarnation and incarnation in ledger.recoveries
        return Standing.START_AGAIN if started else Standing.LEFT_BEHIND

    def has_memory(self, name: ProcessName, ledger: Ledger) -> bool | None:
        """Whether the process still has the state that it ran with; None if it is not connected."""
        agent, member = self._agents.get(name), ledger.members.members.get(name)
        if agent is None:
            return None
        return agent.admitted or (member is not None and member.life == agent.join.life and agent.incarnation > 0)

    def check(self) -> None:
        """Assert the invariants."""
        assert sorted(self._names.values()) == sorted(self._agents), "a connection without its process"
        waiting = [name for name, agent in self._agents.items() if not agent.admitted]
        assert sorted(self._waiting) == sorted(waiting), "who waits is not who was not admitted"
        for name, agent in self._agents.items():
            assert agent.name == name, "an agent under another's name"
            assert self._names[agent.connection] == name, "a process without its connection"
