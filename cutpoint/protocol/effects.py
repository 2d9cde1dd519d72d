"""What a process's core asks of its driver. All are imperatives, to be started in the given order.

`RecordState` is the strict one: the driver captures the state before it does anything else, in the same
synchronous block in which ``step`` returned it. Everything else may take its time and ends in an event.
"""

from __future__ import annotations

import dataclasses

from cutpoint.names import CutNumber, Incarnation, Sequence, SessionName
from cutpoint.protocol.events import Connection, Turn
from cutpoint.protocol.messages import Payload, Prepare, SessionRecord, ToCoordinator


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Effect:
    """Base of all effects."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Transmit(Effect):
    """``Process.transmit(connection)`` has frames to give. May be delayed and coalesced."""

    connection: Connection


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class CloseConnection(Effect):
    """Transmit what is left, then close the transport connection; it ends in ConnectionLost."""

    connection: Connection
    reason: str
    violation: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class AttachConnection(Effect):
    """The connection now carries the session ``key`` (``fresh``: which was opened by it)."""

    connection: Connection
    key: str
    fresh: bool


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class SessionEstablished(Effect):
    """Both ends know each other; ``session`` is its name for ever."""

    key: str
    session: SessionName


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Redial(Effect):
    """The initiator's connection is gone: connect again, with patience (it ends in Redialled)."""

    key: str


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Reopen(Effect):
    """A recovery restored a session of ours that the application had closed: connect it (it ends in Redialled).

    What the application sent before its close is still under way to the peer. If the application cannot receive on what
    it has closed, the driver takes what arrives, and drops it as the application would have.
    """

    key: str
    address: str


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class SessionEnded(Effect):
    """Nothing more will happen on this session; ``reason`` is empty when both ends closed it.

    ``unsent`` are messages that the application has sent and that never left this process: nobody will get them.
    """

    key: str
    reason: str
    unsent: tuple[Payload, ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class WakeReceiver(Effect):
    """A message can be had now: somebody waiting on this session may ask again."""

    key: str


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class WakeSenders(Effect):
    """There is room on this session again."""

    key: str


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Deliver(Effect):
    """Hand this message to the application, in ``turn``, which is open from now on."""

    key: str
    turn: Turn
    number: Sequence
    payload: Payload


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class OpenTurn(Effect):
    """The turn is open."""

    turn: Turn


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class WakeTurns(Effect):
    """Turns are given out again: everybody who waits for one may ask again."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class RecordState(Effect):
    """Capture the state for ``cut`` now, in this very synchronous block; deltas may build on ``base``."""

    cut: CutNumber
    base: CutNumber


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class PersistPart(Effect):
    """Write the captured state with these sessions durably (it ends in PartPersisted or PersistFailed)."""

    cut: CutNumber
    sessions: tuple[SessionRecord, ...]
    boundary: tuple[str, ...]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class DiscardCapture(Effect):
    """The cut was abandoned: what was captured for it goes back into the next delta."""

    cut: CutNumber


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class KeepCapture(Effect):
    """The cut is a recovery point: deltas may build on it."""

    cut: CutNumber


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class WatchCut(Effect):
    """Say HoldUpNoticed after ``seconds``, unless the cut has ended."""

    cut: CutNumber
    seconds: float


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class ReportHoldUp(Effect):
    """Tell the coordinator (HeldUp) what the cut waits for: these open turns, these channels, or the part's writing."""

    cut: CutNumber
    turns: tuple[Turn, ...]
    channels: tuple[str, ...]
    storing: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class SendToCoordinator(Effect):
    """Send this on the control connection; drop it if there is none."""

    message: ToCoordinator


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Admitted(Effect):
    """The process is a member and may run. ``store`` is where its parts go.

    ``report_seconds``: how often the coordinator wants to hear of its traffic; 0: never.
    """

    incarnation: Incarnation
    computation: str
    store: str
    report_seconds: float = 0.0


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class StopActivity(Effect):
    """End all turns and tasks of the old incarnation and close its connections (it ends in ActivityStopped)."""

    incarnation: Incarnation
    reason: str


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class LoadPart(Effect):
    """Read, check and decode the part, changing nothing (it ends in PartLoaded or PartUnfit; PartDelayed: not yet)."""

    prepare: Prepare


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class RestoreState(Effect):
    """Put the loaded part's state in place of the present one, now, and let the application run."""

    incarnation: Incarnation
    cut: CutNumber


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Fence(Effect):
    """A peer is of a higher incarnation: this process was left behind. Stop and wait for the coordinator."""

    incarnation: Incarnation


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class TurnedAway(Effect):
    """The coordinator will not have this process."""

    reason: str
    waiting_helps: bool
