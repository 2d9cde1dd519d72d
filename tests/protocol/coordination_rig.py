"""A coordinator's core with everything around it as plain values: registry, store, agents that do as they are told.

`Rig.step` gives back the whole tuple of effects. `Rig.run` carries effects out at once where the world would: it
writes to the registry, reads parts back, writes manifests. What agents hear lies in ``heard``, in order.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from cutpoint.names import CutNumber, Incarnation, Life, ProcessName
from cutpoint.protocol import coordinator_effects as ask
from cutpoint.protocol import coordinator_events as was
from cutpoint.protocol.coordination import Coordination, Policy
from cutpoint.protocol.coordinator_effects import Effect, Outcome
from cutpoint.protocol.coordinator_events import Event
from cutpoint.protocol.ledger import Ledger, RecoveryPoint, encode, from_records, to_records
from cutpoint.protocol.messages import (
    PROTOCOL_VERSION,
    Join,
    PartStored,
    PartSummary,
    Prepare,
    Ready,
    ToAgent,
    ToCoordinator,
)
from cutpoint.protocol.safeguards import Safeguards
from tests.protocol.coordination_oracles import Oracles
from tests.protocol.histories import digest, part

STORE = "file:///store"
M = TypeVar("M")
E = TypeVar("E", bound=Effect)


def of_type(effects: tuple[Effect, ...], kind: type[E]) -> list[E]:
    return [effect for effect in effects if isinstance(effect, kind)]


class Rig:
    """One computation: its registry and store outlive its coordinators."""

    def __init__(self, *, policy: Policy | None = None, safeguards: Safeguards | None = None) -> None:
        self.policy, self.safeguards = policy or Policy(), safeguards
        self.registry: dict[str, bytes] = {}
        self.manifests: dict[CutNumber, RecoveryPoint] = {}
        self.writes: list[ask.WriteLedger] = []
        self.heard: dict[int, list[ToAgent]] = {}
        self.answers: dict[str, list[Outcome]] = {}
        self.notices: list[tuple[str, str]] = []
        self.story: list[Effect | Event] = []
        self.oracles = Oracles(self.registry)
        self.lines: dict[str, int] = {}
        self.lives: dict[str, int] = {}
        self.time, self.leaders, self._lines = 0.0, 0, 0
        self.core = self.new_leader()

    # ---------------------------------------------------------------------------------------------- coordinators

    def new_leader(self) -> Coordination:
        """Another coordinator leads from now on. All connections are gone; nothing was loaded yet."""
        self.leaders += 1
        self.lines = {}
        self.oracles.new_leader()
        self.core = Coordination(
            leader=f"leader{self.leaders}", store=STORE, policy=self.policy, safeguards=self.safeguards
        )
        return self.core

    def load(self) -> tuple[Effect, ...]:
        return self.step(was.LedgerLoaded(now=self.now(), ledger=self.ledger()))

    def members_told(self, name: str) -> tuple[str, ...]:
        """Whom this process must take for the members of the last cut that it was told of."""
        return tuple(sorted(self.oracles.believed[self.lines[name]]))

    def now(self) -> float:
        self.time += 1.0
        return self.time

    def ledger(self) -> Ledger:
        """What the registry holds."""
        return from_records(self.registry, computation="test")

    # ------------------------------------------------------------------------------------------------------- steps

    def step(self, event: Event) -> tuple[Effect, ...]:
        """Exactly one event; nothing of what is asked for is done, only noted."""
        self.story.append(event)
        self.oracles.before(event)
        effects = self.core.step(event)
        self.story += effects
        self.oracles.after(effects)
        self.core.check()
        for effect in effects:
            match effect:
                case ask.Say():
                    self.heard.setdefault(effect.connection, []).append(effect.message)
                case ask.Answer():
                    self.answers.setdefault(effect.request, []).append(effect.outcome)
                case ask.Notice():
                    assert effect.kind in ask.NOTICES
                    self.notices.append((effect.kind, effect.text))
                case ask.WriteLedger():
                    self.writes.append(effect)
        return effects

    def run(self, event: Event) -> tuple[Effect, ...]:
        """One event and everything that registry and store do about it; all effects in order."""
        effects = list(self.step(event))
        at = 0
        while at < len(effects):
            follow = self.follow_up(effects[at])
            effects += () if follow is None else self.step(follow)
            at += 1
        return tuple(effects)

    def follow_up(self, effect: Effect) -> Event | None:
        """Do what registry and store are asked for, well."""
        match effect:
            case ask.WriteLedger():
                self.commit(effect)
                return was.LedgerWritten(now=self.now(), request=effect.request)
            case ask.CheckParts():
                return was.PartsChecked(now=self.now(), cut=effect.cut, complaints=())
            case ask.WriteManifest():
                self.manifests[effect.point.cut] = effect.point
                return self.manifest_written(effect.point.cut)
            case ask.FindManifest():
                return was.ManifestFound(now=self.now(), cut=effect.cut, point=self.manifests.get(effect.cut))
            case _:
                return None

    def commit(self, write: ask.WriteLedger) -> None:
        self.registry.update(write.puts)
        for key in write.deletes:
            self.registry.pop(key, None)

    def manifest_written(self, cut: int) -> was.ManifestWritten:
        return was.ManifestWritten(
            now=self.now(), cut=CutNumber(cut), digest=digest("c"), bytes=7, created="2026-01-01T00:00:00Z"
        )

    # ------------------------------------------------------------------------------------------------------- agents

    def join(self, name: str, *, incarnation: int = 0, cut: int = 0, prepared: int = 0, version: int = 0) -> Join:
        return Join(
            version=version or PROTOCOL_VERSION,
            process=ProcessName(name),
            life=self.life(name),
            incarnation=Incarnation(incarnation),
            cut=CutNumber(cut),
            prepared=Incarnation(prepared),
        )

    def life(self, name: str) -> Life:
        return Life(f"{name}-{self.lives.setdefault(name, 1)}")

    def arrives(self, name: str, **join: Any) -> was.AgentConnected:
        """The event of a new connection of ``name``."""
        self._lines += 1
        self.lines[name] = self._lines
        return was.AgentConnected(now=self.now(), connection=self._lines, join=self.join(name, **join))

    def reborn(self, name: str) -> None:
        """The process is started anew: another life."""
        self.lives[name] = self.lives.get(name, 1) + 1

    def leaves_the_line(self, name: str) -> was.AgentLost:
        return was.AgentLost(now=self.now(), connection=self.lines.pop(name))

    def says(self, name: str, message: ToCoordinator) -> was.AgentSaid:
        return was.AgentSaid(now=self.now(), connection=self.lines[name], message=message)

    def stored(self, name: str, cut: int, **changes: Any) -> was.AgentSaid:
        return self.says(name, PartStored(summary=self.summary(name, cut, **changes)))

    def summary(self, name: str, cut: int, **changes: Any) -> PartSummary:
        values = {"cut": cut, "incarnation": self.core.ledger.computation.incarnation, "life": self.life(name)}
        return msgspec.structs.replace(part(name), **(values | changes))

    def said_to(self, name: str, kind: type[M]) -> list[M]:
        """What the present connection of ``name`` has heard, of one kind."""
        return [message for message in self.heard.get(self.lines[name], []) if isinstance(message, kind)]

    # ----------------------------------------------------------------------------------------------- whole chapters

    def ready(self, name: str) -> was.AgentSaid:
        """Ready for whatever ``name`` was last told to prepare."""
        return self.says(name, Ready(incarnation=self.said_to(name, Prepare)[-1].incarnation))

    def request_cut(self, request: str = "ask") -> was.CutRequested:
        return was.CutRequested(now=self.now(), request=request)

    def request_recovery(self, target: int | None, request: str = "back") -> was.RecoveryRequested:
        number = None if target is None else CutNumber(target)
        return was.RecoveryRequested(now=self.now(), request=request, target=number)

    def publish(self, *names: str) -> RecoveryPoint:
        """A whole cut, by everybody."""
        self.run(self.request_cut("whole"))
        cut = self.core.ledger.computation.open_cut
        for name in names:
            self.run(self.stored(name, cut))
        return self.core.ledger.points[cut]

    def forget(self) -> None:
        """Start listening afresh."""
        self.heard, self.answers, self.notices, self.writes, self.story = {}, {}, [], [], []


def running(*names: str, policy: Policy | None = None, safeguards: Safeguards | None = None) -> Rig:
    """A computation whose members are connected and admitted."""
    rig = Rig(policy=policy, safeguards=safeguards)
    rig.run(was.LedgerLoaded(now=rig.now(), ledger=rig.ledger()))
    for name in names:
        rig.run(rig.arrives(name))
    rig.forget()
    return rig


def with_new_leader(rig: Rig, *names: str, joins: Callable[[str], dict[str, Any]] | None = None) -> Rig:
    """Another coordinator takes over, and everybody comes back to it with its memory."""
    rig.new_leader()
    rig.run(was.LedgerLoaded(now=rig.now(), ledger=rig.ledger()))
    incarnation = rig.ledger().computation.incarnation
    for name in names:
        rig.run(rig.arrives(name, **({"incarnation": incarnation} if joins is None else joins(name))))
    return rig


def recorded(rig: Rig) -> dict[str, bytes]:
    """The registry as the core's ledger would write it."""
    return to_records(rig.core.ledger)


__all__ = ["STORE", "Rig", "encode", "of_type", "recorded", "running", "with_new_leader"]
