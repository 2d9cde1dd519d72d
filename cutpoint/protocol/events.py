"""What a driver tells a process's core. All are facts in the past; time and chance arrive as events too.

A *connection* is a number that the driver gives to one transport connection and never uses again. A *session*
is named by its ``key``: the nonce that the initiator drew, the same word at both ends.
"""

from __future__ import annotations

import dataclasses

from cutpoint.names import CutNumber, Incarnation
from cutpoint.protocol.messages import AnyFrame, PartSummary, Payload, SessionRecord, ToAgent

Connection = int
Turn = int


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """Base of all events."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class OpenRequested(Event):
    """The application wrapped a connection that it had opened itself: this process is the initiator.

    ``address`` is where it had connected to, in the driver's own writing; it is recorded with the session.
    """

    connection: Connection
    key: str
    label: str
    fifo: bool = True
    address: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class OpenGivenUp(Event):
    """The driver has given up a session of ours that nobody has answered, and told the application."""

    key: str
    reason: str


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class AcceptRequested(Event):
    """The application wrapped a connection that a peer had opened: a Hello is expected on it."""

    connection: Connection


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Redialled(Event):
    """The initiator's driver has connected an interrupted session again."""

    connection: Connection
    key: str


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class FrameArrived(Event):
    """A frame came in, in the connection's order."""

    connection: Connection
    frame: AnyFrame


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class ConnectionLost(Event):
    """The connection is gone, whoever closed it. Nothing more will come from it."""

    connection: Connection


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class MessageSent(Event):
    """The application's call was made: the message is sent, even if nothing has left the process yet."""

    key: str
    payload: Payload


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class MessageWanted(Event):
    """The application asks for the next message, to be handled in ``turn``. Answered by at most one Deliver."""

    key: str
    turn: Turn


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class TurnWanted(Event):
    """The application asks to open a turn without a message. Answered by OpenTurn, unless turns are held."""

    turn: Turn


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class TurnEnded(Event):
    """A turn is over: what it did to the state is complete."""

    turn: Turn


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class CoordinatorSaid(Event):
    """A message came from the coordinator."""

    message: ToAgent


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class CoordinatorConnected(Event):
    """A control connection stands; the core answers with Join and repeats what the coordinator may have missed."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class PartPersisted(Event):
    """The part of ``cut`` is durable (the end of PersistPart)."""

    cut: CutNumber
    summary: PartSummary


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class PersistFailed(Event):
    """The part of ``cut`` could not be recorded or written (the other end of RecordState and PersistPart).

    ``of_store``: it is the store's fault; otherwise the service's, such as a value that its format cannot keep.
    """

    cut: CutNumber
    reason: str
    of_store: bool = True


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class HoldUpNoticed(Event):
    """Most of the cut's time is over (the end of WatchCut)."""

    cut: CutNumber


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class ActivityStopped(Event):
    """No turn is open and no application task of the old incarnation runs (the end of StopActivity)."""

    incarnation: Incarnation


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class PartLoaded(Event):
    """The part was read, checked and decoded; nothing has been changed (the end of LoadPart)."""

    incarnation: Incarnation
    sessions: tuple[SessionRecord, ...]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class PartDelayed(Event):
    """The part could not be read yet (LoadPart goes on): the store does not answer, and is asked again."""

    incarnation: Incarnation
    reason: str


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class PartUnfit(Event):
    """The part cannot be restored (the other end of LoadPart). ``damaged``: the part itself is at fault."""

    incarnation: Incarnation
    reason: str
    damaged: bool = True


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class LeaveRequested(Event):
    """The application leaves the computation for good; its sessions are closed."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class BoundaryChanged(Event):
    """The open channels whose other end has no agent, by the names that recovery points list."""

    channels: tuple[str, ...]
