"""What a driver tells the coordinator's core. All are facts in the past; time and chance arrive as events too.

Every event carries ``now``: seconds on the driver's monotonic clock. A *connection* is a number that the driver gives
to one control connection and never uses again. A *request* is a word that whoever asked will be answered by.
"""

from __future__ import annotations

import dataclasses

from cutpoint.names import BEGINNING, CutNumber, Incarnation, ProcessName
from cutpoint.protocol.ledger import Ledger, RecoveryPoint
from cutpoint.protocol.messages import Join, ToCoordinator
from cutpoint.protocol.policy import Policy

Connection = int


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """Base of all events."""

    now: float


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class LedgerLoaded(Event):
    """This coordinator leads, and this is what the registry says. The first event that matters, and only once.

    Where the registry knows nothing, ``stored`` are the recovery points that the store tells of, and ``last_stored``
    is the highest number that it has: numbers are never used twice, not even after a registry was lost.
    """

    ledger: Ledger
    last_stored: CutNumber = BEGINNING
    stored: tuple[RecoveryPoint, ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class LedgerWritten(Event):
    """The transaction is durable (the end of WriteLedger). A driver that cannot write keeps trying, or stops."""

    request: str


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class AgentConnected(Event):
    """A control connection stands and its Join has come."""

    connection: Connection
    join: Join


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class AgentLost(Event):
    """The connection is gone, whoever closed it. Nothing more will come from it."""

    connection: Connection


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class AgentSaid(Event):
    """A message came from an agent."""

    connection: Connection
    message: ToCoordinator


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class AgentsSaid(Event):
    """What agents have said, in the order in which it came, for a driver that hears several at once."""

    said: tuple[AgentSaid, ...]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class CutRequested(Event):
    """Somebody asks for a cut. Answered by CutOpened and then by how it ended, or by Refusal."""

    request: str


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class RecoveryRequested(Event):
    """Somebody asks to go back to ``target`` (None: the last recovery point; 0: the beginning)."""

    request: str
    target: CutNumber | None


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class ReleaseRequested(Event):
    """Somebody says that ``process`` is gone and will not come back. Answered by Released or Refusal."""

    request: str
    process: ProcessName


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class ForgetRequested(Event):
    """Retention keeps these recovery points no longer. Answered by Forgotten: then their manifests may be deleted."""

    request: str
    cuts: tuple[CutNumber, ...]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class IntervalElapsed(Event):
    """The time of SetTimer is over: open a cut if one is due and possible now."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class PolicyChanged(Event):
    """The operator has declared another policy; it holds from now on."""

    policy: Policy


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class DeadlinePassed(Event):
    """The cut's time is over (the end of SetDeadline)."""

    cut: CutNumber


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class CutRetryDue(Event):
    """It is time to try again the cut that somebody who leaves is waiting for (the end of RetryCut)."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class RecoveryOverdue(Event):
    """The recovery has been waiting for a while (the end of WatchRecovery)."""

    incarnation: Incarnation


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class PartsChecked(Event):
    """Every part was read back and set against its digests (the end of CheckParts). No complaints: all are sound.

    ``in_flight_bytes``: how long the in-flight messages are that these parts hold, for the history.
    """

    cut: CutNumber
    complaints: tuple[str, ...]
    in_flight_bytes: int = 0


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class ManifestWritten(Event):
    """The manifest is durable (the end of WriteManifest): its digest and size, and when that was, in ISO 8601."""

    cut: CutNumber
    digest: str
    bytes: int
    created: str


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class ManifestFailed(Event):
    """The manifest could not be written, or nobody knows whether it was (the other end of WriteManifest)."""

    cut: CutNumber
    reason: str


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class ManifestFound(Event):
    """What the store has of a cut that another coordinator opened (the end of FindManifest). None: no manifest."""

    cut: CutNumber
    point: RecoveryPoint | None
