"""What the coordinators of a computation must agree on: the ledger, a pure value, and its records.

A record is one key of the registry. A change of the ledger is a set of whole records, written in one fenced
transaction; a cut takes two (one opens it, one ends it), however many processes there are. Every record carries the
request id of the transaction that wrote it. Nothing that can be derived from the parts is stored here.

``computation`` says where the computation stands, ``members`` who belongs to it, ``points/<n>`` is a recovery point,
``abandoned/<n>`` a cut that became none, ``recoveries/<incarnation>`` a recovery that was completed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal, TypeVar

import msgspec

from cutpoint.errors import RegistryError
from cutpoint.names import BEGINNING, FIRST_INCARNATION, CutNumber, Digest, Incarnation, Life, ProcessName

LEDGER_VERSION = 1

RECORDS_BYTES_MAX = 1_000_000
"""How long the records of one transaction may be together: registries have limits. Some thousand processes fit."""

_PROCESS_BYTES = 170


KEYED = "key-"
"""How a request's name begins that whoever asked may give again: the ledger keeps it with the cut that it led to."""


class Recovering(msgspec.Struct, frozen=True, kw_only=True):
    """A recovery that has fenced the incarnations before ``incarnation`` and is not over. ``lost``: who was lost."""

    incarnation: Incarnation
    target: CutNumber
    reason: str
    lost: tuple[ProcessName, ...] = ()


class Computation(msgspec.Struct, frozen=True, kw_only=True):
    """Where the computation stands.

    ``last_cut`` is the highest number ever used, ``open_cut`` the cut that has not ended (0: none), ``base`` the
    recovery point that the processes' present state descends from (0: the beginning). ``asked``: the keyed requests
    that the open cut was opened for. ``request`` is empty until the record has been written for the first time.
    """

    name: str
    incarnation: Incarnation = FIRST_INCARNATION
    last_cut: CutNumber = BEGINNING
    open_cut: CutNumber = BEGINNING
    base: CutNumber = BEGINNING
    recovering: Recovering | None = None
    asked: tuple[str, ...] = ()
    request: str = ""
    version: int = LEDGER_VERSION


MemberState = Literal["member", "leaving", "released"]


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """One process. ``leaving``: it goes with the next recovery point; ``released``: it went since the last one.

    ``dismissed``: an operator has released it. It stays in the ledger, and every cut names it as released, because no
    recovery demands it any more and any may bring back what others had to do with it.
    """

    life: Life
    state: MemberState = "member"
    dismissed: bool = False

    @property
    def belongs(self) -> bool:
        """Whether the process takes part in cuts."""
        return self.state != "released"


class Members(msgspec.Struct, frozen=True, kw_only=True):
    """All processes by name, ascending."""

    members: dict[ProcessName, Member] = {}
    request: str = ""


class RecoveryPoint(msgspec.Struct, frozen=True, kw_only=True):
    """A published cut. ``parent`` is the recovery point before it (0: the beginning), ``members`` name their parts.

    ``left`` are processes that had left by then: a recovery does not wait for them. ``damaged`` says why it
    cannot be restored, empty if nothing is known against it. ``manifest`` is the manifest's digest, ``bytes`` counts
    all parts and it, ``fresh_bytes`` what of the parts was written by this very cut, ``created`` is ISO 8601.
    ``ancestor`` is set when ``parent`` was forgotten: the nearest recovery point that this one descends from.
    ``asked``: the keyed requests that it was taken for.
    """

    cut: CutNumber
    incarnation: Incarnation
    parent: CutNumber
    members: dict[ProcessName, Digest]
    left: tuple[ProcessName, ...]
    in_flight: int
    bytes: int
    duration_seconds: float
    stall_seconds: float
    manifest: str = ""
    created: str = ""
    damaged: str = ""
    fresh_bytes: int = 0
    ancestor: CutNumber | None = None
    asked: tuple[str, ...] = ()
    request: str = ""

    @property
    def older(self) -> CutNumber:
        """The nearest recovery point that this one descends from and that was not forgotten; 0: the beginning."""
        return self.parent if self.ancestor is None else self.ancestor

    @property
    def demanded(self) -> tuple[ProcessName, ...]:
        """Who must be there before this recovery point can be restored."""
        return tuple(sorted(name for name in self.members if name not in self.left))


class AbandonedCut(msgspec.Struct, frozen=True, kw_only=True):
    """A cut that ended without a recovery point, and why. ``asked``: the keyed requests that it was opened for."""

    cut: CutNumber
    incarnation: Incarnation
    reason: str
    asked: tuple[str, ...] = ()
    request: str = ""


class CompletedRecovery(msgspec.Struct, frozen=True, kw_only=True):
    """The recovery that started ``incarnation`` from cut ``cut``, ``seconds`` after the loss was noticed."""

    incarnation: Incarnation
    cut: CutNumber
    reason: str
    lost: tuple[ProcessName, ...]
    seconds: float
    request: str = ""


LedgerRecord = Computation | Members | RecoveryPoint | AbandonedCut | CompletedRecovery


class Ledger(msgspec.Struct, frozen=True, kw_only=True):
    """All records, as one value."""

    computation: Computation
    members: Members = Members()
    points: dict[CutNumber, RecoveryPoint] = {}
    abandoned: dict[CutNumber, AbandonedCut] = {}
    recoveries: dict[Incarnation, CompletedRecovery] = {}

    def with_records(self, records: Iterable[LedgerRecord]) -> Ledger:
        """The ledger after a transaction that puts these records."""
        ledger = self
        for record in records:
            ledger = _with_record(ledger, record)
        return ledger

    def counting_from(self, last_cut: CutNumber) -> Ledger:
        """The ledger whose next cut has a number above ``last_cut`` too."""
        last_cut = max(last_cut, self.computation.last_cut)
        return self.with_records([msgspec.structs.replace(self.computation, last_cut=last_cut)])

    def belonging(self) -> tuple[ProcessName, ...]:
        """The members of the next cut, ascending."""
        return tuple(sorted(name for name, member in self.members.members.items() if member.belongs))

    def leaving(self) -> tuple[ProcessName, ...]:
        """Who leaves with the next recovery point, ascending."""
        return tuple(sorted(name for name, member in self.members.members.items() if member.state == "leaving"))

    def released(self) -> tuple[ProcessName, ...]:
        """Whom the next cut names as released, ascending: who left since the last one, and who was dismissed."""
        return tuple(sorted(name for name, member in self.members.members.items() if not member.belongs))

    def dismissed(self, name: ProcessName) -> bool:
        """Whether an operator has released the process and it has not come again."""
        member = self.members.members.get(name)
        return member is not None and member.dismissed

    def restorable(self, cut: CutNumber) -> CutNumber | None:
        """``cut``, or the nearest undamaged recovery point that it descends from; None if there is none."""
        point = self.points.get(cut)
        while point is not None and point.damaged:
            point = self.points.get(point.older)
        return None if point is None else point.cut

    def collected(self, cut: CutNumber) -> bool:
        """Whether ``cut`` was a recovery point that was forgotten: every cut that has ended became one or none."""
        known = cut in self.points or cut in self.abandoned or cut == self.computation.open_cut
        return not known and BEGINNING < cut <= self.computation.last_cut

    def without(self, cuts: Iterable[CutNumber]) -> Ledger:
        """The ledger after these recovery points were forgotten; those that descend from them know what is left."""
        gone = {cut: self.points[cut] for cut in cuts}
        points: dict[CutNumber, RecoveryPoint] = {}
        for point in self.points.values():
            older = point.older
            while older in gone:
                older = gone[older].older
            if point.cut not in gone:
                changed = older != point.older
                points[point.cut] = msgspec.structs.replace(point, ancestor=older) if changed else point
        return msgspec.structs.replace(self, points=points)


def _with_record(ledger: Ledger, record: LedgerRecord) -> Ledger:
    replace = msgspec.structs.replace
    match record:
        case Computation():
            return replace(ledger, computation=record)
        case Members():
            return replace(ledger, members=record)
        case RecoveryPoint():
            return replace(ledger, points={**ledger.points, record.cut: record})
        case AbandonedCut():
            return replace(ledger, abandoned={**ledger.abandoned, record.cut: record})
        case CompletedRecovery():
            return replace(ledger, recoveries={**ledger.recoveries, record.incarnation: record})


def key_of(record: LedgerRecord) -> str:
    """Where the record lies in the registry."""
    match record:
        case Computation():
            return "computation"
        case Members():
            return "members"
        case RecoveryPoint():
            return key_of_point(record.cut)
        case AbandonedCut():
            return f"abandoned/{record.cut}"
        case CompletedRecovery():
            return f"recoveries/{record.incarnation}"


def is_ledger_key(key: str) -> bool:
    """Whether the record at ``key`` belongs to the ledger; other things have records of their own."""
    return _kind_of(key) is not None


def key_of_point(cut: CutNumber) -> str:
    """Where the record of a recovery point lies in the registry."""
    return f"points/{cut}"


def encode(record: LedgerRecord) -> bytes:
    """The record as JSON."""
    return msgspec.json.encode(record)


def process_bytes(name: ProcessName, life: Life) -> int:
    """What one process adds at most to the longest transaction that a cut or a recovery takes.

    Its name may be in it four times: as a member, with its part in a recovery point, as one that left, as one lost.
    """
    return _PROCESS_BYTES + 4 * len(name) + len(life)


def to_records(ledger: Ledger) -> dict[str, bytes]:
    """Every record of the ledger by its key."""
    records: list[LedgerRecord] = [
        ledger.computation,
        ledger.members,
        *ledger.points.values(),
        *ledger.abandoned.values(),
        *ledger.recoveries.values(),
    ]
    return {key_of(record): encode(record) for record in records}


def from_records(records: Mapping[str, bytes], *, computation: str) -> Ledger:
    """The ledger that these records hold; keys of other things are passed over.

    ``computation`` names a computation that has no record yet. Raises RegistryError if a record is damaged or
    of a newer version; nothing can be decided then.
    """
    points: dict[CutNumber, RecoveryPoint] = {}
    abandoned: dict[CutNumber, AbandonedCut] = {}
    recoveries: dict[Incarnation, CompletedRecovery] = {}
    standing, members = Computation(name=computation), Members()
    for key in sorted(records):
        if (kind := _kind_of(key)) is None:
            continue
        record = _decode(key, records[key], kind)
        if key_of(record) != key:
            raise RegistryError(
                f"the registry's record {key} is damaged: it is of {key_of(record)}; restore the registry"
            )
        match record:
            case Computation():
                standing = record
            case Members():
                members = record
            case RecoveryPoint():
                points[record.cut] = record
            case AbandonedCut():
                abandoned[record.cut] = record
            case CompletedRecovery():
                recoveries[record.incarnation] = record
    return Ledger(computation=standing, members=members, points=points, abandoned=abandoned, recoveries=recoveries)


_KINDS: tuple[tuple[str, type[LedgerRecord]], ...] = (
    ("points/", RecoveryPoint),
    ("abandoned/", AbandonedCut),
    ("recoveries/", CompletedRecovery),
)

FAMILIES: tuple[str, ...] = ("computation", "members", *(start for start, _ in _KINDS))
"""What the keys of all the ledger's records start with: read these to have the ledger, and nothing beside it."""

_R = TypeVar("_R", bound=LedgerRecord)


def _kind_of(key: str) -> type[LedgerRecord] | None:
    if key in ("computation", "members"):
        return Computation if key == "computation" else Members
    return next((kind for start, kind in _KINDS if key.startswith(start)), None)


def _decode(key: str, stored: bytes, kind: type[_R]) -> _R:
    try:
        record = msgspec.json.decode(stored, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as fault:
        raise RegistryError(f"the registry's record {key} is damaged: {fault}; restore the registry") from None
    if isinstance(record, Computation) and record.version > LEDGER_VERSION:
        raise RegistryError(
            f"the registry was written by a newer Cutpoint (ledger version {record.version}, this one knows "
            f"{LEDGER_VERSION}); nothing was changed; start the newer version"
        )
    return record
