"""The coordinator of a world: the real core, a registry that is a dictionary, and a store that is a disk.

The registry and the manifests outlive the coordinator. A coordinator that is killed loses everything else, what it was
about to write included; one that follows it starts from the registry.
"""

from __future__ import annotations

import dataclasses
from collections import deque

import msgspec

from cutpoint.names import CutNumber
from cutpoint.protocol import coordinator_effects as ask
from cutpoint.protocol import coordinator_events as was
from cutpoint.protocol.coordination import Coordination
from cutpoint.protocol.coordinator_effects import Effect
from cutpoint.protocol.coordinator_events import Event
from cutpoint.protocol.desk import Policy
from cutpoint.protocol.ledger import Ledger, RecoveryPoint, from_records
from cutpoint.protocol.messages import ToAgent
from cutpoint_simulations.world.participant import Disk


@dataclasses.dataclass(kw_only=True)
class Durable:
    """What outlives every process: registry, parts, manifests, and the points in the order of their publishing."""

    registry: dict[str, bytes] = dataclasses.field(default_factory=dict)
    disk: Disk = dataclasses.field(default_factory=Disk)
    manifests: dict[CutNumber, RecoveryPoint] = dataclasses.field(default_factory=dict)
    published: list[RecoveryPoint] = dataclasses.field(default_factory=list)

    def ledger(self) -> Ledger:
        """What the registry says."""
        return from_records(self.registry, computation="world")


class Headquarters:
    """One life of the coordinator. ``lines`` are its control connections: what it has said and nobody heard yet."""

    def __init__(self, *, life: int, durable: Durable, deadline_seconds: float = 10.0) -> None:
        self.core = Coordination(
            leader=f"leader{life}", store="memory:", policy=Policy(deadline_seconds=deadline_seconds)
        )
        self.durable = durable
        self.lines: dict[int, deque[ToAgent]] = {}
        self.closing: dict[int, None] = {}
        self.to_do: deque[Effect] = deque()
        self.deadlines: dict[CutNumber, None] = {}
        self.retries = 0
        self.answers: list[ask.Answer] = []
        self.step(was.LedgerLoaded(now=0.0, ledger=durable.ledger()))

    def step(self, event: Event) -> None:
        """Give the core one event and run its effects, in order."""
        for effect in self.core.step(event):
            match effect:
                case ask.Say():
                    if effect.connection in self.lines:
                        self.lines[effect.connection].append(effect.message)
                case ask.Disconnect():
                    self.closing[effect.connection] = None
                case ask.SetDeadline():
                    self.deadlines[effect.cut] = None
                case ask.RetryCut():
                    self.retries += 1
                case ask.Answer():
                    self.answers.append(effect)
                case ask.WriteLedger() | ask.CheckParts() | ask.WriteManifest() | ask.FindManifest():
                    self.to_do.append(effect)
                case _:
                    pass
        self.core.check()

    def do_next(self) -> None:
        """Finish the oldest of what takes time."""
        effect = self.to_do.popleft()
        match effect:
            case ask.WriteLedger():
                self._write(effect)
                self.step(was.LedgerWritten(now=0.0, request=effect.request))
            case ask.CheckParts():
                missing = tuple(
                    f"{part.process}: gone" for part in effect.parts if part.object not in self.durable.disk
                )
                self.step(was.PartsChecked(now=0.0, cut=effect.cut, complaints=missing))
            case ask.WriteManifest():
                self.durable.manifests.setdefault(effect.point.cut, effect.point)
                digest = f"sha256:{effect.point.cut:064x}"
                self.step(was.ManifestWritten(now=0.0, cut=effect.point.cut, digest=digest, bytes=1, created="now"))
            case ask.FindManifest():
                self.step(was.ManifestFound(now=0.0, cut=effect.cut, point=self.durable.manifests.get(effect.cut)))
            case _:
                raise AssertionError(f"{type(effect).__name__} was queued by mistake")

    def _write(self, effect: ask.WriteLedger) -> None:
        before = set(self.durable.ledger().points)
        for key in effect.deletes:
            self.durable.registry.pop(key, None)
        self.durable.registry.update(effect.puts)
        for key, value in effect.puts:
            if key.startswith("points/"):
                point = msgspec.json.decode(value, type=RecoveryPoint)
                if point.cut not in before:
                    self.durable.published.append(point)
