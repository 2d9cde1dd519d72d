"""What the coordinator's machines share: the ledger, who is connected, and the effects of the present step.

The ledger here is what the registry is known to hold. A change of it is written first and becomes visible when the
registry has said yes; writes go out one at a time. A machine therefore asks the ledger whether it may go on, and
cannot act on a fact before it is durable.
"""

from __future__ import annotations

import dataclasses

import msgspec

from cutpoint.names import CutNumber, ProcessName
from cutpoint.protocol.coordinator_effects import Answer, Disconnect, Effect, Notice, Outcome, Say, WriteLedger
from cutpoint.protocol.cut_story import CutStory
from cutpoint.protocol.ledger import Computation, Ledger, LedgerRecord, encode, key_of, key_of_point
from cutpoint.protocol.membership import Agent, Membership
from cutpoint.protocol.messages import Admit, Rejected, ToAgent
from cutpoint.protocol.policy import Policy

__all__ = ["Desk", "Policy"]


REFUSAL_REPEAT_SECONDS = 60.0
"""How long the operator is not told again that somebody is turned away for the same reason: it keeps knocking."""

REFUSALS_MAX = 1000
"""How many reasons are remembered for that, the oldest forgotten first."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class _Pending:
    request: str
    ledger: Ledger


class Desk:
    """``leader`` is a word that no other coordinator of this computation uses; ``store`` the URL that parts go to."""

    def __init__(self, *, leader: str, store: str, policy: Policy) -> None:
        self.leader = leader
        self.store = store
        self.policy = policy
        self.membership = Membership()
        self._ledger = Ledger(computation=Computation(name=""))
        self._ledgers = 0
        self.now = 0.0
        self._requests = 0
        self._pending: _Pending | None = None
        self._effects: list[Effect] = []
        self._refusals: dict[str, float] = {}
        self._belonging: tuple[ProcessName, ...] = ()

    @property
    def ledger(self) -> Ledger:
        """What the registry is known to hold."""
        return self._ledger

    @ledger.setter
    def ledger(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._ledgers += 1

    def belonging(self) -> tuple[ProcessName, ...]:
        """The members of the next cut, ascending: the very same tuple as long as they are the same."""
        belonging = self._ledger.belonging()
        if belonging != self._belonging:
            self._belonging = belonging
        return self._belonging

    @property
    def revision(self) -> int:
        """Rises with every change of the ledger, and of who is connected and what is known of them."""
        return self._ledgers + self.membership.revision

    # -------------------------------------------------------------------------------------------------- effects

    def do(self, effect: Effect) -> None:
        """Add one effect to the present step."""
        self._effects.append(effect)

    def take_effects(self) -> tuple[Effect, ...]:
        """The effects of the step that ends now."""
        effects, self._effects = tuple(self._effects), []
        return effects

    def say(self, agent: Agent, message: ToAgent) -> None:
        """Say something to one process."""
        self.do(Say(connection=agent.connection, message=message))

    def admitted(self, names: tuple[ProcessName, ...]) -> tuple[Agent, ...]:
        """Those of these processes that are connected and run, in this order."""
        agents = (self.membership.get(name) for name in names)
        return tuple(agent for agent in agents if agent is not None and agent.admitted)

    def say_to_admitted(self, names: tuple[ProcessName, ...], message: ToAgent) -> None:
        """Say something to those of these processes that run."""
        for agent in self.admitted(names):
            self.say(agent, message)

    def reject(self, connection: int, reason: str, *, waiting_helps: bool) -> None:
        """Turn a connection away. ``reason`` names the process."""
        self.do(Say(connection=connection, message=Rejected(reason=reason, waiting_helps=waiting_helps)))
        self.do(Disconnect(connection=connection, reason=reason))
        told = self._refusals.get(reason)
        if told is None or self.now - told >= REFUSAL_REPEAT_SECONDS:
            self.notice("connection refused", reason)
            self._refusals.pop(reason, None)
            self._refusals[reason] = self.now
        if len(self._refusals) > REFUSALS_MAX:
            del self._refusals[next(iter(self._refusals))]

    def notice(self, kind: str, text: str, **fields: str | int | float) -> None:
        """Tell the operator."""
        self.do(Notice(kind=kind, text=text, fields=fields))

    def answer(self, requests: tuple[str, ...], outcome: Outcome) -> None:
        """Answer requests."""
        for request in requests:
            self.do(Answer(request=request, outcome=outcome))

    def admission(self) -> Admit:
        """What an admitted process is told. ``cut`` is the highest number that has ended, not the open one."""
        computation = self.ledger.computation
        ended = computation.last_cut - 1 if computation.open_cut else computation.last_cut
        return Admit(
            computation=computation.name,
            incarnation=computation.incarnation,
            cut=CutNumber(ended),
            base=computation.base,
            store=self.store,
            report_seconds=self.policy.rhythm.report_seconds,
        )

    # --------------------------------------------------------------------------------------------------- ledger

    @property
    def busy(self) -> bool:
        """Whether a transaction is under way."""
        return self._pending is not None

    def write(
        self, *records: LedgerRecord, forgotten: tuple[CutNumber, ...] = (), story: CutStory | None = None
    ) -> str:
        """Put these records, and delete the recovery points ``forgotten``, in one transaction; returns its request id.

        ``story``: that of the cut which the transaction ends. Must not be busy.
        """
        assert self._pending is None, "one transaction at a time"
        self._requests += 1
        request = f"{self.leader}-{self._requests}"
        signed = tuple(msgspec.structs.replace(record, request=request) for record in records)
        self._pending = _Pending(request=request, ledger=self.ledger.without(forgotten).with_records(signed))
        puts = tuple((key_of(record), encode(record)) for record in signed)
        self.do(WriteLedger(request=request, puts=puts, deletes=tuple(map(key_of_point, forgotten)), story=story))
        return request

    def written(self, request: str) -> bool:
        """The registry has said yes; False if that was not asked."""
        if self._pending is None or self._pending.request != request:
            return False
        self.ledger, self._pending = self._pending.ledger, None
        return True

    def is_under_way(self, request: str) -> bool:
        """Whether this transaction has not been answered yet."""
        return self._pending is not None and self._pending.request == request
