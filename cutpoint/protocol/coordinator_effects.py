"""What the coordinator's core asks of its driver. All are imperatives, to be started in the given order."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from cutpoint.names import CutNumber, Incarnation, ProcessName
from cutpoint.protocol.certificate import Certificate
from cutpoint.protocol.coordinator_events import Connection
from cutpoint.protocol.cut_story import CutStory
from cutpoint.protocol.ledger import CompletedRecovery, RecoveryPoint
from cutpoint.protocol.messages import PartSummary, ToAgent


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Effect:
    """Base of all effects."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Say(Effect):
    """Send this on a control connection; drop it if the connection is gone."""

    connection: Connection
    message: ToAgent


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Disconnect(Effect):
    """Send what is left, then close the control connection."""

    connection: Connection
    reason: str


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class WriteLedger(Effect):
    """Apply this as one transaction, fenced by the leadership (it ends in LedgerWritten). One at a time.

    ``story`` is that of the cut which the transaction ends, for the history: a driver that keeps one adds it to the
    transaction, below keys that are not the ledger's.
    """

    request: str
    puts: tuple[tuple[str, bytes], ...]
    deletes: tuple[str, ...] = ()
    story: CutStory | None = dataclasses.field(default=None, compare=False)


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class CheckParts(Effect):
    """Read every part back and check it against its digests (it ends in PartsChecked)."""

    cut: CutNumber
    parts: tuple[PartSummary, ...]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class WriteManifest(Effect):
    """Write the manifest, create-only and durably (it ends in ManifestWritten or ManifestFailed).

    It must hold enough to give ``point`` back (ManifestFound); ``manifest``, ``bytes`` of the manifest itself and
    ``created`` are the driver's to fill in: ``point.bytes`` counts the parts only.
    """

    point: RecoveryPoint
    certificate: Certificate
    parts: tuple[PartSummary, ...]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class FindManifest(Effect):
    """Look whether the store has the manifest of this cut (it ends in ManifestFound). Never guess: keep trying."""

    cut: CutNumber


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class SetDeadline(Effect):
    """Say DeadlinePassed after ``seconds``."""

    cut: CutNumber
    seconds: float


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class SetTimer(Effect):
    """Say IntervalElapsed after ``seconds``; the timer that was set before is forgotten."""

    seconds: float


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class RetryCut(Effect):
    """Say CutRetryDue after ``seconds``."""

    seconds: float


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class WatchRecovery(Effect):
    """Say RecoveryOverdue after ``seconds``."""

    incarnation: Incarnation
    seconds: float


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Notice(Effect):
    """Something an operator may want to know, in one line. ``kind`` is one of `NOTICES`."""

    kind: str
    text: str
    fields: Mapping[str, str | int | float] = dataclasses.field(default_factory=dict)


NOTICES: Mapping[str, str] = {
    "process admitted": "a process became a member",
    "process returned": "a member is connected again, with its memory",
    "process lost": "a member's control connection is gone",
    "process released": "a process has left the computation",
    "process waiting": "a process is connected and cannot be admitted: what it waits for, and what to do",
    "connection refused": "a connection was turned away, and why",
    "cut opened": "a cut has its number and was begun",
    "cut published": "a cut is a recovery point",
    "cut abandoned": "a cut ended without a recovery point, and why",
    "cuts fail": "more cuts in a row were abandoned than the policy tolerates",
    "cuts succeed": "a cut was published after too many had failed",
    "recovery started": "an incarnation was fenced; everybody goes back",
    "recovery waits": "a recovery cannot go on, and for whom it waits",
    "process does not fit": "a program cannot restore its part, which may be sound: everybody waits, and what to do",
    "recovery point damaged": "a recovery point could not be restored; the one before is tried",
    "recovery done": "everybody runs on from the recovery point",
    "recovery failed": "no recovery point could be restored, and what to do",
}
"""Every kind of notice, and what it says."""


# ------------------------------------------------------------------------------------------------------ outcomes


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class CutOpened:
    """The cut has its number and was begun. Another answer to the same request will say how it ended."""

    cut: CutNumber


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class CutPublished:
    """The cut is a recovery point."""

    point: RecoveryPoint


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class CutAbandoned:
    """The cut ended without a recovery point. Nothing was lost."""

    cut: CutNumber
    reason: str


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Refusal:
    """Nothing was begun, why, and what to do."""

    reason: str


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class RecoveryDone:
    """Everybody runs on from the recovery point."""

    recovery: CompletedRecovery


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class RecoveryFailed:
    """No recovery point could be restored; the processes wait, unchanged."""

    reason: str


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Released:
    """No cut and no recovery waits for the process any more; if it comes again, it begins anew."""

    process: ProcessName


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Forgotten:
    """No recovery will ever ask for ``cuts`` again: their manifests may go. ``kept`` says of others why they stay."""

    cuts: tuple[CutNumber, ...]
    kept: Mapping[CutNumber, str] = dataclasses.field(default_factory=dict)


Outcome = CutOpened | CutPublished | CutAbandoned | Refusal | RecoveryDone | RecoveryFailed | Released | Forgotten


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Answer(Effect):
    """Answer a request. Every request gets one last answer; a cut's request is told CutOpened before."""

    request: str
    outcome: Outcome
