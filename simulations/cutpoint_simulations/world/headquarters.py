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
from cutpoint.protocol.certificate import Certificate
from cutpoint.protocol.coordination import Coordination
from cutpoint.protocol.coordinator_effects import Effect
from cutpoint.protocol.coordinator_events import Event
from cutpoint.protocol.ledger import Ledger, RecoveryPoint, from_records
from cutpoint.protocol.messages import PartSummary, ToAgent
from cutpoint.protocol.safeguards import Safeguards
from cutpoint_simulations.world.participant import Disk


@dataclasses.dataclass(frozen=True, kw_only=True)
class Manifest:
    """What a store holds of one recovery point: the certificate, and the evidence that it is about."""

    point: RecoveryPoint
    certificate: Certificate
    parts: tuple[PartSummary, ...]


class Durable:
    """What outlives every process: registry, parts, manifests, and the points in the order of their publishing.

    ``registry_answers``: whether the registry can be reached.
    """

    def __init__(self) -> None:
        self.registry_answers = True
        self.disk = Disk()
        self.manifests: dict[CutNumber, Manifest] = {}
        self.published: list[RecoveryPoint] = []
        self._registry: dict[str, bytes] = {}
        self._ledger: Ledger | None = None

    def ledger(self) -> Ledger:
        """What the registry says."""
        if self._ledger is None:
            self._ledger = from_records(self._registry, computation="world")
        return self._ledger

    def write(self, effect: ask.WriteLedger) -> None:
        """One transaction of the registry."""
        before = self.ledger().points
        for key in effect.deletes:
            self._registry.pop(key, None)
        self._registry.update(effect.puts)
        self._ledger = None
        for key, value in effect.puts:
            if key.startswith("points/"):
                point = msgspec.json.decode(value, type=RecoveryPoint)
                if point.cut not in before:
                    self.published.append(point)


class Headquarters:
    """One life of the coordinator. ``lines`` are its control connections: what it has said and nobody heard yet."""

    def __init__(self, *, life: int, durable: Durable, safeguards: Safeguards) -> None:
        self.core = Coordination(leader=f"leader{life}", store="memory:", safeguards=safeguards)
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

    def interval(self) -> None:
        """The policy's interval is over, and so is every pause before another try."""
        if self.retries:
            self.retries = 0
            self.step(was.CutRetryDue(now=0.0))
        self.step(was.IntervalElapsed(now=0.0))

    def next_one(self) -> int | None:
        """The index of the oldest of what takes time and can be done now; what needs the registry may have to wait."""
        if self.durable.registry_answers:
            return 0 if self.to_do else None
        return next((index for index, one in enumerate(self.to_do) if not isinstance(one, ask.WriteLedger)), None)

    def write_unanswered(self) -> None:
        """The registry takes the transaction, and its answer is lost; the driver will settle it by reading back."""
        effect = self.to_do[0]
        assert isinstance(effect, ask.WriteLedger), "there is nothing to write"
        self.durable.write(effect)

    def fail_manifest(self, *, written: bool) -> None:
        """The store does not say that it has the manifest, though it may have it."""
        effect = self.to_do.popleft()
        assert isinstance(effect, ask.WriteManifest), "there is no manifest to write"
        if written:
            self._write_manifest(effect)
        self.step(was.ManifestFailed(now=0.0, cut=effect.point.cut, reason="the store does not answer"))

    def do_next(self, index: int = 0) -> None:
        """Finish one of what takes time, the oldest unless another is meant."""
        effect = self.to_do[index]
        del self.to_do[index]
        match effect:
            case ask.WriteLedger():
                self.durable.write(effect)
                self.step(was.LedgerWritten(now=0.0, request=effect.request))
            case ask.CheckParts():
                missing = tuple(
                    f"{part.process}: gone" for part in effect.parts if part.object not in self.durable.disk
                )
                self.step(was.PartsChecked(now=0.0, cut=effect.cut, complaints=missing))
            case ask.WriteManifest():
                self._write_manifest(effect)
                digest = f"sha256:{effect.point.cut:064x}"
                self.step(was.ManifestWritten(now=0.0, cut=effect.point.cut, digest=digest, bytes=1, created="now"))
            case ask.FindManifest():
                found = self.durable.manifests.get(effect.cut)
                self.step(was.ManifestFound(now=0.0, cut=effect.cut, point=found.point if found else None))
            case _:
                raise AssertionError(f"{type(effect).__name__} was queued by mistake")

    def _write_manifest(self, effect: ask.WriteManifest) -> None:
        manifest = Manifest(point=effect.point, certificate=effect.certificate, parts=effect.parts)
        self.durable.manifests.setdefault(effect.point.cut, manifest)
