"""Is a recovery point what it says? Judged by the histories of the accounts, which no core ever sees.

For a cut to be consistent (Chandy & Lamport 1985, section 3) every message that was received inside it was sent inside
it; and its channels hold exactly the messages sent and not received inside it. Money is conserved besides. The
certificate in the manifest must hold for the stored evidence, and the stored parts must be what it counts.

A process that has left for good, and was gone before a cut could take leave of it, is in no recovery point from then
on: its account as it was at the end stands for the part that it never gave.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from cutpoint.names import CutNumber
from cutpoint.protocol.consistency import recheck
from cutpoint.protocol.ledger import RecoveryPoint
from cutpoint.protocol.messages import SessionRecord
from cutpoint_simulations.world.action import Action
from cutpoint_simulations.world.headquarters import Durable, Manifest
from cutpoint_simulations.world.participant import Departure, Disk, Participant, StoredPart

CHECKS: Mapping[str, str] = {
    "durable": "every part of a recovery point is on the disk, and its manifest in the store, when it is published",
    "told": "nobody is told of a recovery point that the registry does not have",
    "started": "nobody runs in an incarnation before the registry knows that its recovery is over",
    "numbers": "the number of a cut is used once",
    "sound": "no cut is abandoned because its parts contradict each other",
    "certificate": "the certificate in the manifest holds for the evidence, and counts what the parts hold",
    "orphans": "what was received inside the cut was sent inside it",
    "doubled": "nothing is received twice inside the cut, or received and in-flight",
    "in-flight": "the channels hold exactly what was sent and not received inside the cut",
    "money": "what all accounts and channels hold is what was there at the start",
}
"""What is checked of every recovery point, by the name that a `Violation` carries."""

INCONSISTENT = "it is not consistent: "
"""How the coordinator begins when the certificate fails: processes that are honest never give it reason to."""


Missed = Mapping[CutNumber, Mapping[str, Departure]]
"""By the first recovery point that they are not in, and by life: who has left without giving a part."""


class Violation(AssertionError):
    """A recovery point is not a consistent cut. ``check`` is one of `CHECKS`."""

    def __init__(self, check: str, cut: int, what: str) -> None:
        assert check in CHECKS, f"no such check: {check}"
        super().__init__(f"{check}: cut {cut}: {what}")
        self.check = check


class _Judged(Protocol):
    """What the oracle sees of a world."""

    durable: Durable
    participants: dict[str, Participant]
    opening_balance: int
    told: list[tuple[str, CutNumber]]

    def departures(self) -> Sequence[Departure]:
        """Everybody who has left for good."""


class Oracle:
    """Judges each recovery point of a world once, when it is published. ``in_flight`` counts over all of them."""

    def __init__(self, world: _Judged) -> None:
        self.in_flight = 0
        self.judged = 0
        self._told = 0
        self._abandoned = 0
        self._world = world
        self._points: dict[CutNumber, RecoveryPoint] = {}
        self._missed: dict[CutNumber, Missed] = {}

    def judge(self, action: Action | None = None) -> None:
        """Judge what is new, after this action. Violation if it must not be."""
        durable = self._world.durable
        if action is not None and action.kind == "hear":
            self._judge_start(action.actor)
        for name, cut in self._world.told[self._told :]:
            if cut not in durable.ledger().points:
                raise Violation("told", cut, f"{name} takes it for a recovery point")
            self._told += 1
        for cut, abandoned in list(durable.ledger().abandoned.items())[self._abandoned :]:
            if abandoned.reason.startswith(INCONSISTENT):
                raise Violation("sound", cut, abandoned.reason)
            self._abandoned += 1
        for point in durable.published[self.judged :]:
            if point.cut in self._points or point.cut in durable.ledger().abandoned:
                raise Violation("numbers", point.cut, "this number was used before")
            self._points[point.cut] = point
            judge_manifest(point, durable.manifests.get(point.cut), durable.disk)
            self._missed[point.cut] = self._missed_by(point)
            self.in_flight += judge_history(
                point,
                self._points,
                durable.disk,
                opening_balance=self._world.opening_balance,
                missed=self._missed[point.cut],
            )
            self.judged += 1

    def _judge_start(self, name: str) -> None:
        computation, participant = self._world.durable.ledger().computation, self._world.participants.get(name)
        if participant is None:
            return
        started, recovering = participant.core.identity.started, computation.recovering
        if started > computation.incarnation or (recovering is not None and started >= recovering.incarnation):
            raise Violation("started", computation.base, f"{name} runs in incarnation {started} already")

    def _missed_by(self, point: RecoveryPoint) -> Missed:
        """Who has left without a part, by this recovery point or one before it."""
        before = self._missed.get(point.parent, {})
        lineage = list(_lineage(point, self._points))
        found: dict[str, Departure] = {}
        for departure in self._world.departures():
            known = any(departure.life in those for those in before.values())
            if departure.incarnation == point.incarnation and not known and not self._parted(departure, lineage):
                found[departure.life] = departure
        return {**before, point.cut: found} if found else before

    def _parted(self, departure: Departure, lineage: Sequence[RecoveryPoint]) -> bool:
        """Whether a recovery point has taken leave of it, or the newest is the one that does."""
        newest = lineage[0]
        taken = (one for one in lineage if one is newest or departure.name in one.left)
        parts = (part for one in taken for part in self._world.durable.manifests[one.cut].parts)
        return any((part.process, part.life) == (departure.name, departure.life) for part in parts)


def judge_manifest(point: RecoveryPoint, manifest: Manifest | None, disk: Disk) -> None:
    """Everything is durable, and the certificate is what the parts say. Violation if not."""
    cut = point.cut
    if manifest is None:
        raise Violation("durable", cut, "there is no manifest")
    if missing := [name for name, digest in point.members.items() if digest not in disk]:
        raise Violation("durable", cut, f"the parts of {missing} are not on the disk")
    if complaints := recheck(manifest.certificate, manifest.parts):
        raise Violation("certificate", cut, "; ".join(complaint.complaint for complaint in complaints))
    certificate = manifest.certificate
    if (certificate.cut, certificate.parts) != (cut, point.members):
        raise Violation("certificate", cut, "it is about another cut, or other parts")
    stored = [disk[digest] for digest in point.members.values()]
    recorded = sum(
        len(session.incoming_in_flight) + len(session.outgoing_in_flight) for p in stored for session in p.sessions
    )
    if not certificate.in_flight == point.in_flight == recorded:
        raise Violation("certificate", cut, f"it counts {certificate.in_flight} in-flight, the parts hold {recorded}")


def judge_history(
    point: RecoveryPoint,
    points: Mapping[CutNumber, RecoveryPoint],
    disk: Disk,
    *,
    opening_balance: int,
    missed: Missed | None = None,
) -> int:
    """The number of in-flight payments of a recovery point; Violation if it is none.

    ``points`` are all recovery points: whoever has left since one of its ancestors counts with the last part it gave,
    or as ``missed`` says.
    """
    parts = _parts(point, points, disk, missed or {})
    sent = [name for part in parts for name in sorted(part.account.sent)]
    received = [name for part in parts for name in sorted(part.account.received)]
    in_flight = [name for part in parts for session in part.sessions for name in _messages(session)]
    if orphans := sorted(set(received) - set(sent)):
        raise Violation("orphans", point.cut, f"received and not sent: {orphans}")
    if len(received) != len(set(received)) or set(received) & set(in_flight):
        raise Violation("doubled", point.cut, f"{len(received)} received, {len(in_flight)} in-flight")
    expected = sorted(set(sent) - set(received))
    if sorted(in_flight) != expected:
        raise Violation("in-flight", point.cut, f"{sorted(in_flight)}, sent and not received {expected}")
    _judge_money(point, parts, in_flight, opening_balance)
    return len(in_flight)


def _judge_money(point: RecoveryPoint, parts: list[StoredPart], in_flight: list[str], opening_balance: int) -> None:
    money = sum(part.account.balance for part in parts) + sum(map(amount, in_flight))
    if money != opening_balance * len(parts):
        raise Violation("money", point.cut, f"{money} in accounts and channels, not {opening_balance * len(parts)}")


def _parts(
    point: RecoveryPoint, points: Mapping[CutNumber, RecoveryPoint], disk: Disk, missed: Missed
) -> list[StoredPart]:
    """The last part of everybody, by name; and what those were who were missed, whose parts from before are void."""
    found: dict[str, StoredPart] = {}
    for one in _lineage(point, points):
        void = [departure.name for cut, those in missed.items() if one.cut < cut for departure in those.values()]
        for name, digest in one.members.items():
            if name not in void:
                found.setdefault(str(name), disk.history[digest])
    never = [StoredPart(account=d.account, sessions=()) for those in missed.values() for d in those.values()]
    return [part for _, part in sorted(found.items())] + never


def _lineage(point: RecoveryPoint, points: Mapping[CutNumber, RecoveryPoint]) -> Iterator[RecoveryPoint]:
    """The recovery point and its ancestors, the newest first."""
    ancestor: RecoveryPoint | None = point
    while ancestor is not None:
        yield ancestor
        ancestor = points.get(ancestor.parent)


def amount(message: str) -> int:
    """What a message of the bank is worth."""
    return int(message.rsplit(":", 1)[1])


def _messages(session: SessionRecord) -> list[str]:
    recorded = (*session.incoming_in_flight, *session.outgoing_in_flight)
    return [message.payload for message in recorded if isinstance(message.payload, str)]
