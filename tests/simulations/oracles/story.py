"""A sound little history, told twice: as observations, and as the recovery point that its two processes recorded.

The till pays 1, 2, 3 and 4 to the vault and records cut 1; the vault has taken 1 and 2 then. Message 3 has arrived
and is recorded by the vault, message 4 never left the till. Later the vault takes both. There is 100 in all.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TypeVar

import msgspec

from cutpoint.names import CutNumber, Incarnation, Life, ProcessName, Sequence, SessionName
from cutpoint.protocol.certificate import Certificate
from cutpoint.protocol.consistency import certify
from cutpoint.protocol.coordinator_effects import WriteManifest
from cutpoint.protocol.cut_records import draft
from cutpoint.protocol.ledger import Computation, Ledger, RecoveryPoint
from cutpoint.protocol.messages import (
    IncomingEvidence,
    InFlight,
    OutgoingEvidence,
    SessionEvidence,
    SessionRecord,
)
from cutpoint.protocol.numbers import ranges_of
from cutpoint.state import format_named
from cutpoint.store import Backend, Manifest, MemoryBackend
from cutpoint_coordinator.publishing import manifest_of, point_of, write_manifest
from cutpoint_simulations.chronicle import Chronicle, Observation
from cutpoint_simulations.chronicle.observations import (
    Admitted,
    Began,
    Named,
    Recorded,
    Restored,
    RestoredSession,
    Sent,
    Taken,
)
from cutpoint_simulations.oracles import Case, Published, read_point
from tests.parts import Draft

T = TypeVar("T")

CREATED = "2026-11-23T12:00:00.000+00:00"
CUT = CutNumber(1)
SESSION = SessionName("till~vault:pay")
CHANNEL = "till->vault:pay"
KEY = "k"
TOTAL = 100


def sent(*numbers: int) -> list[Observation]:
    """The till pays the number of each message."""
    return [Sent(0.0, "till", KEY, number, str(number)) for number in numbers]


def taken(*numbers: int) -> list[Observation]:
    """The vault takes what the till has paid."""
    return [Taken(0.0, "vault", KEY, number, str(number)) for number in numbers]


def began() -> list[Observation]:
    """Both live, run and have a session."""
    return [
        *(Began(0.0, name, f"life of {name}") for name in ("till", "vault")),
        *(Admitted(0.0, name, 1) for name in ("till", "vault")),
        Named(0.0, "vault", KEY, SESSION, "till"),
        Named(0.0, "till", KEY, SESSION, "vault"),
    ]


def recorded(process: str, cut: int = CUT) -> list[Observation]:
    """``process`` records a cut."""
    return [Recorded(0.0, process, cut, 0, 1)]


def history() -> list[Observation]:
    """What happened until both had recorded."""
    return [*began(), *sent(1, 2, 3, 4), *recorded("till"), *taken(1, 2), *recorded("vault")]


def aftermath() -> list[Observation]:
    """What happened then."""
    return taken(3, 4)


def session(
    process: str, *, payments: tuple[int, ...] = (), receipts: tuple[int, ...] = (), held: tuple[InFlight, ...] = ()
) -> SessionRecord:
    """The session as ``process`` records it: it has sent ``payments``, received ``receipts`` and records ``held``."""
    peer = ProcessName("vault" if process == "till" else "till")
    own = held if process == "till" else ()
    return SessionRecord(
        evidence=SessionEvidence(
            session=SESSION,
            peer=peer,
            initiator=process == "till",
            outgoing=OutgoingEvidence(
                session=SESSION,
                receiver=peer,
                fifo=True,
                sent=Sequence(len(payments)),
                acknowledged=Sequence(0),
                in_flight_from=Sequence(len(payments) + 1 - len(own)),
                closed=False,
                opening=False,
            ),
            incoming=IncomingEvidence(
                session=SESSION,
                sender=peer,
                fifo=True,
                received=ranges_of(receipts),
                in_flight=() if own else ranges_of(message.number for message in held),
                closed=False,
            ),
        ),
        outgoing_in_flight=own,
        incoming_in_flight=() if own else held,
    )


def part(process: str, cash: int, *sessions: SessionRecord) -> Draft:
    """A part of cut 1."""
    return Draft(
        process=ProcessName(process),
        life=Life(f"life of {process}"),
        incarnation=Incarnation(1),
        cut=CUT,
        computation="shop",
        sessions=sessions,
        values={"cash": format_named("msgpack").encode(cash, "cash")},
    )


def till(*sessions: SessionRecord, cash: int = TOTAL - 10) -> Draft:
    """The till's part, sound unless other sessions are given."""
    held = (InFlight(Sequence(4), "4"),)
    return part("till", cash, *(sessions or (session("till", payments=(1, 2, 3, 4), held=held),)))


def vault(*sessions: SessionRecord, cash: int = 3) -> Draft:
    """The vault's part, sound unless other sessions are given."""
    held = (InFlight(Sequence(3), "3"),)
    return part("vault", cash, *(sessions or (session("vault", receipts=(1, 2), held=held),)))


def restored(process: str) -> list[Observation]:
    """``process`` goes back to cut 1; its session is called by another key there."""
    (record,) = (till() if process == "till" else vault()).sessions
    key = f"{process}'s end"
    return [
        Restored(1.0, process, CUT, 2, (RestoredSession(key, record),)),
        Named(1.0, process, key, SESSION, record.evidence.peer),
    ]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Look:
    """Runs a function on a store."""

    backend: Backend

    def __call__(self, look: Callable[[Backend], T]) -> T:
        return look(self.backend)


@dataclasses.dataclass(kw_only=True)
class Stage:
    """A store, a ledger, a chronicle; and how to publish on them."""

    chronicle: Chronicle
    backend: MemoryBackend = dataclasses.field(default_factory=lambda: MemoryBackend("story"))
    ledger: Ledger = dataclasses.field(default_factory=lambda: Ledger(computation=Computation(name="shop")))
    now: float = 0.0
    phases: dict[str, str] = dataclasses.field(default_factory=lambda: {"till": "running", "vault": "running"})

    @property
    def case(self) -> Case:
        """What an oracle is given."""
        return Case(
            chronicle=self.chronicle,
            inspect=Look(backend=self.backend),
            ledger=lambda: self.ledger,
            clock=lambda: self.now,
            phases=lambda: self.phases,
        )

    def publish(self, *parts: Draft, alter: Callable[[Certificate], Certificate] = lambda c: c) -> Published:
        """Store the parts and a manifest, with the certificate that they deserve unless it is altered."""
        summaries = tuple(each.write(self.backend) for each in parts)
        members = tuple(summary.process for summary in summaries)
        certificate = certify(
            cut=parts[0].cut, incarnation=Incarnation(1), members=members, summaries=summaries, computation="shop"
        )
        assert isinstance(certificate, Certificate), certificate
        point = draft(certificate, parent=CutNumber(0), parts=summaries, left=(), duration_seconds=0.0)
        effect = WriteManifest(point=point, certificate=alter(certificate), parts=summaries)
        written = write_manifest(self.backend, effect, created=CREATED)
        return self.announce(manifest_of(effect, written.created))

    def announce(self, manifest: Manifest) -> Published:
        """The registry knows it."""
        point = point_of(manifest)
        self.amend(point)
        return read_point(self.backend, point)

    def amend(self, point: RecoveryPoint) -> None:
        """The registry holds this of a recovery point."""
        computation = msgspec.structs.replace(self.ledger.computation, last_cut=point.cut)
        self.ledger = self.ledger.with_records([computation, point])


def staged(observations: list[Observation] | None = None) -> Stage:
    """A stage on which this, or the sound history, has happened."""
    return Stage(chronicle=Chronicle(history() if observations is None else observations))
