"""The way of one process through a recovery: stop, load and check, say Ready, start as the next incarnation.

The old incarnation is fenced when Prepare arrives, before anything is stopped: from then on its frames and messages
are dropped. Nothing of the application's state changes before Start.
"""

from __future__ import annotations

from cutpoint.names import Incarnation
from cutpoint.protocol.effects import Effect, LoadPart, RestoreState, SendToCoordinator, StopActivity
from cutpoint.protocol.identity import Identity
from cutpoint.protocol.messages import Delayed, Prepare, Ready, SessionRecord, Unfit


class Rollback:
    """The recovery that this process is in, or was in last."""

    def __init__(self, identity: Identity) -> None:
        self._identity = identity
        self._prepare: Prepare | None = None
        self._answer: Ready | Unfit | Delayed | None = None
        self.sessions: tuple[SessionRecord, ...] = ()

    @property
    def prepared(self) -> Incarnation:
        """The incarnation that this process is ready to start as, 0 if none."""
        return self._identity.incarnation if self._identity.phase == "ready" else Incarnation(0)

    def fences(self, prepare: Prepare) -> bool:
        """Whether this Prepare is news: of a higher incarnation than any before."""
        return prepare.incarnation > self._identity.incarnation

    def prepare(self, prepare: Prepare) -> list[Effect]:
        """Fence the present incarnation and stop what runs in it."""
        me = self._identity
        me.incarnation = prepare.incarnation
        me.advance("prepare")
        self._prepare, self._answer, self.sessions = prepare, None, ()
        target = f"cut {prepare.cut}" if prepare.object else "the beginning"
        return [StopActivity(incarnation=prepare.incarnation, reason=f"recovery to {target}")]

    def stopped(self, incarnation: Incarnation) -> list[Effect]:
        """Nothing of the old incarnation runs any more."""
        if incarnation != self._identity.incarnation or self._identity.phase != "stopping" or self._prepare is None:
            return []
        self._identity.advance("stopped")
        return [LoadPart(prepare=self._prepare)]

    def loaded(self, incarnation: Incarnation, sessions: tuple[SessionRecord, ...]) -> list[Effect]:
        """The part is good and lies ready."""
        if incarnation != self._identity.incarnation or self._identity.phase != "loading":
            return []
        self._identity.advance("loaded")
        self.sessions = sessions
        self._answer = Ready(incarnation=incarnation)
        return self.answer()

    def delayed(self, incarnation: Incarnation, reason: str) -> list[Effect]:
        """The part could not be read yet; it is being tried again."""
        if incarnation != self._identity.incarnation or self._identity.phase != "loading":
            return []
        self._answer = Delayed(incarnation=incarnation, reason=reason)
        return self.answer()

    def unfit(self, incarnation: Incarnation, reason: str, damaged: bool = True) -> list[Effect]:
        """The part cannot be restored here; if it is damaged, the coordinator will choose another."""
        if incarnation != self._identity.incarnation or self._identity.phase != "loading":
            return []
        self._identity.advance("unfit")
        self._answer = Unfit(incarnation=incarnation, reason=reason, damaged=damaged)
        return self.answer()

    def answer(self) -> list[Effect]:
        """Say (again) how the preparation went, or what it waits for."""
        if self._answer is None or self._identity.phase not in ("loading", "ready", "unfit"):
            return []
        return [SendToCoordinator(message=self._answer)]

    def start(self, incarnation: Incarnation) -> list[Effect]:
        """All are ready: count on from the highest number ever used, and run."""
        me = self._identity
        if incarnation != me.incarnation or me.phase != "ready" or self._prepare is None:
            return []
        me.advance("start")
        me.started = incarnation
        me.cut, me.base = self._prepare.last_cut, self._prepare.cut
        return [RestoreState(incarnation=incarnation, cut=self._prepare.cut)]
