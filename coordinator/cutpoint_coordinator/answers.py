"""What the HTTP API says, as values: the same structs are encoded by the service and decoded by the client.

Fields are only ever added, with a default; a reader ignores what it does not know. All times in seconds, sizes in
bytes, moments in ISO 8601.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from cutpoint.catalog.details import PointDetail
from cutpoint.protocol.cut_story import ProcessStory
from cutpoint.protocol.holdups import Culprit
from cutpoint.protocol.ledger import AbandonedCut, CompletedRecovery, RecoveryPoint
from cutpoint_coordinator.history.figures import Figures
from cutpoint_coordinator.history.records import CutRecord, HourRecord


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """Why something was not done. ``leader``: the address of the coordinator that leads, if another one does."""

    code: str
    message: str
    remedy: str
    leader: str = ""


class FaultAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The body of every answer that is not a success."""

    error: Fault


class PointAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """One recovery point, in short. ``parent`` 0: none; ``damaged`` says why it cannot be restored.

    ``bytes``: all that is needed to restore it; ``fresh_bytes``: what its cut has written of that. ``complaints``:
    labels and pins that cannot be read.
    """

    cut: int
    incarnation: int
    parent: int
    members: tuple[str, ...]
    left: tuple[str, ...]
    in_flight: int
    bytes: int
    duration_seconds: float
    stall_seconds: float
    manifest: str
    created: str
    damaged: str = ""
    fresh_bytes: int = 0
    labels: tuple[str, ...] = ()
    pinned: bool = False
    complaints: tuple[str, ...] = ()

    @classmethod
    def of(cls, point: RecoveryPoint) -> PointAnswer:
        """What the registry says of a recovery point."""
        return cls(
            cut=point.cut,
            incarnation=point.incarnation,
            parent=point.parent,
            members=tuple(sorted(point.members)),
            left=point.left,
            in_flight=point.in_flight,
            bytes=point.bytes,
            duration_seconds=point.duration_seconds,
            stall_seconds=point.stall_seconds,
            manifest=point.manifest,
            created=point.created,
            damaged=point.damaged,
            fresh_bytes=point.fresh_bytes,
        )


CutState = Literal["asked", "open", "published", "abandoned", "collected"]


class CutAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """One cut. ``reason``: why it was abandoned or collected; ``waits_for``: what an open one waits for.

    ``point`` is there if it was published and not collected. ``cause`` is the reason in one word. ``held_by``: whom it
    waited for, or waits for now: process, channel, handler and line. ``phases``: how long each took; ``processes``: the
    slowest, each with its own times; ``began``, ``ended``: when. All that as far as the history reaches back.
    ``asked``: it was asked for and has no number yet, ``cut`` is 0 then.
    """

    cut: int
    state: CutState
    reason: str = ""
    waits_for: tuple[str, ...] = ()
    point: PointAnswer | None = None
    cause: str = ""
    seconds: float | None = None
    phases: dict[str, float] = {}
    held_by: tuple[Culprit, ...] = ()
    processes: tuple[ProcessStory, ...] = ()
    began: str = ""
    ended: str = ""

    @classmethod
    def published(cls, point: RecoveryPoint) -> CutAnswer:
        """A cut that is a recovery point."""
        return cls(cut=point.cut, state="published", point=PointAnswer.of(point))

    @classmethod
    def abandoned(cls, record: AbandonedCut) -> CutAnswer:
        """A cut that ended without a recovery point."""
        return cls(cut=record.cut, state="abandoned", reason=record.reason)


class HistoryAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """How cuts went. ``cuts``: one page; ``next``: what to ask for the next page with; None: there is no more.

    ``hours``: the sums of every hour in which a cut ended, oldest first.
    """

    figures: Figures
    hours: tuple[HourRecord, ...]
    cuts: tuple[CutRecord, ...]
    next: int | None = None


class CutsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """One page of cuts. ``next``: what to ask for the next page with; None: there is no more."""

    cuts: tuple[CutAnswer, ...]
    next: int | None = None


class PointsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """One page of recovery points. ``next``: what to ask for the next page with; None: there is no more."""

    points: tuple[PointAnswer, ...]
    next: int | None = None


class PointDetailAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """One recovery point in full: its manifest as it is stored, with the certificate, and what its parts hold."""

    point: PointAnswer
    manifest: dict[str, Any]
    detail: PointDetail | None = None


class MarksAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What holds of a recovery point now."""

    cut: int
    labels: tuple[str, ...]
    pinned: bool


class VerifiedPoint(msgspec.Struct, frozen=True, kw_only=True):
    """What reading one recovery point back gave. No complaints: every byte is sound and the certificate holds."""

    cut: int
    sound: bool
    parts: int
    bytes_read: int
    complaints: tuple[str, ...] = ()


class VerifyAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What reading recovery points back gave, in the order in which they were read."""

    sound: bool
    points: tuple[VerifiedPoint, ...]


RecoveryState = Literal["done", "failed", "under way", "planned"]


class PlannedPart(msgspec.Struct, frozen=True, kw_only=True):
    """One process in a recovery that is only planned. ``object`` is the part's digest, empty: it begins anew."""

    process: str
    object: str
    connected: bool


class RecoveryAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """One recovery. ``incarnation`` is the one that it starts, 0 while that has no number.

    ``fits`` and ``parts`` are filled in when it is only planned: whether it would go through now, and what into what.
    """

    state: RecoveryState
    incarnation: int
    cut: int
    reason: str = ""
    lost: tuple[str, ...] = ()
    seconds: float = 0.0
    waits_for: tuple[str, ...] = ()
    fits: bool = True
    parts: tuple[PlannedPart, ...] = ()

    @classmethod
    def done(cls, recovery: CompletedRecovery) -> RecoveryAnswer:
        """A recovery that is over."""
        return cls(
            state="done",
            incarnation=recovery.incarnation,
            cut=recovery.cut,
            reason=recovery.reason,
            lost=recovery.lost,
            seconds=recovery.seconds,
        )

    @classmethod
    def under_way(cls, current: RecoveryUnderWay | None, cut: int) -> RecoveryAnswer:
        """One that is not over; ``current`` is None while it has no number, and then it is to go back to ``cut``."""
        return cls(
            state="under way",
            incarnation=current.incarnation if current else 0,
            cut=current.target if current else cut,
            reason=current.reason if current else "",
            waits_for=current.waits_for if current else (),
        )


class RecoveriesAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """One page of the recoveries that were completed, by incarnation.

    ``next``: what to ask for the next page with; None: there is no more.
    """

    recoveries: tuple[RecoveryAnswer, ...]
    next: int | None = None


class ReleaseAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """``released``: nothing waits for the process any more, and if it joins again it starts empty.

    ``asked``: what is under way has to end before.
    """

    process: str
    state: Literal["released", "asked"] = "released"


class MemberAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """One process. ``state``: member, leaving, released, or waiting (it is connected and not a member).

    ``running``: connected and admitted. ``incarnation``: the last that it ran in, 0 if that is not known. ``owner``
    and ``consistency``: what the policy declares of it.
    """

    process: str
    state: str
    connected: bool
    running: bool
    incarnation: int = 0
    waits_for: str = ""
    owner: str = ""
    consistency: str = "joined"


class ChannelAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """One channel, as the last recovery point's certificate has it."""

    channel: str
    sender: str
    receiver: str
    fifo: bool
    sent: int
    received: int
    in_flight: int
    closed: bool


class RecoveryUnderWay(msgspec.Struct, frozen=True, kw_only=True):
    """The recovery that is not over, and whom it waits for."""

    incarnation: int
    target: int
    phase: str
    reason: str
    waits_for: tuple[str, ...]


class NoticeAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened. ``number`` counts the notices of this coordinator's process."""

    number: int
    at: str
    kind: str
    text: str
    fields: dict[str, Any] = {}


class NoticesAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """One page of notices. ``next``: what to ask for the next page with; None: there is no more.

    ``last_event``: what to give `/v1/events` as Last-Event-ID to be told what comes after this answer.
    """

    notices: tuple[NoticeAnswer, ...]
    next: int | None = None
    last_event: str = ""


class StreamEnd(msgspec.Struct, frozen=True, kw_only=True):
    """What the events ``missed``, ``dropped`` and ``ended`` say. ``leader``: where the leader is reached, if known."""

    reason: str
    leader: str = ""


class LastCollection(msgspec.Struct, frozen=True, kw_only=True):
    """How the last collection went. ``failed``: why it did not come to its end, empty if it did."""

    at: str
    seconds: float
    dropped: tuple[int, ...] = ()
    packs: int = 0
    bytes_freed: int = 0
    complaints: tuple[str, ...] = ()
    failed: str = ""


class CollectionStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What the coordinator collects by itself. ``policy``: what stays, empty if it collects on demand only."""

    policy: str = ""
    running: bool = False
    last: LastCollection | None = None


class ReplicaStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How far the replica at ``url`` is behind: recovery points, bytes, seconds that would be lost with the store.

    ``lag_seconds`` is None if the replica has no recovery point that is known. ``waiting_seconds``: for how long the
    oldest point that it has not has been there. ``complaints``: what cannot be copied. ``failure``: why the last try
    did not come to its end, empty if it did. ``copied_at``: when the replica was last known to be in step.
    """

    url: str
    lag_points: int
    lag_bytes: int
    lag_seconds: float | None
    waiting_seconds: float = 0.0
    copied_at: str = ""
    complaints: tuple[str, ...] = ()
    failure: str = ""


class TopologyAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The computation as the leading coordinator sees it.

    ``base``: the recovery point that it runs on from, 0: the beginning. ``as_of``: the recovery point that the
    channels are taken from, 0: none. ``hold``: why somebody waits and no recovery begins by itself. ``hindrance``: why
    no cut could be opened now. ``boundary``: open channels outside the cut. ``replica`` is there if one is kept.
    """

    computation: str
    coordinator: str
    address: str
    store: str
    incarnation: int
    last_cut: int
    base: int
    members: tuple[MemberAnswer, ...]
    channels: tuple[ChannelAnswer, ...]
    as_of: int
    boundary: tuple[str, ...] = ()
    hold: str = ""
    hindrance: str = ""
    open_cut: CutAnswer | None = None
    recovery: RecoveryUnderWay | None = None
    collection: CollectionStatus | None = None
    replica: ReplicaStatus | None = None
    notices: tuple[NoticeAnswer, ...] = ()


HealthState = Literal["leading", "loading", "waiting to lead"]


class HealthAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Whether this coordinator leads, and who does. ``version``: this coordinator's."""

    state: HealthState
    coordinator: str
    leader: str = ""
    version: str = ""
