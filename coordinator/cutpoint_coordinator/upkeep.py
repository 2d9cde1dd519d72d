"""What commands and the API say of verifying, collecting and replicating a store.

Turns what the library found (`cutpoint.store`) into answers that travel as JSON. Decides nothing and deletes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import msgspec

from cutpoint.catalog.points import unknown_point
from cutpoint.names import CutNumber
from cutpoint.store.backend import Backend
from cutpoint.store.collect import Collected
from cutpoint.store.collection_plan import CollectionPlan
from cutpoint.store.manifests import list_manifests
from cutpoint.store.replicate import Round
from cutpoint.store.verification import Verification, Verifier
from cutpoint_coordinator.answers import VerifyAnswer
from cutpoint_coordinator.checking import recheck_manifest

if TYPE_CHECKING:
    from cutpoint.store.keys import KeyRing


class CheckedPoint(msgspec.Struct, frozen=True, kw_only=True):
    """One recovery point: it needs ``objects`` objects of together ``bytes`` bytes. No complaints: it is sound."""

    cut: int
    sound: bool
    objects: int
    bytes: int
    complaints: tuple[str, ...] = ()


class DamagedObject(msgspec.Struct, frozen=True, kw_only=True):
    """One object that spoils the recovery points ``cuts``."""

    object: str
    what: str
    cuts: tuple[int, ...]


class VerificationAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What a verification found. ``full``: every byte was read; ``sealed``: parts that nobody gave the key for."""

    sound: bool
    full: bool
    bytes_read: int
    sealed: int
    points: tuple[CheckedPoint, ...]
    damaged: tuple[DamagedObject, ...]


def verify_store(
    backend: Backend,
    cuts: Iterable[CutNumber] | None = None,
    *,
    full: bool = True,
    keys: KeyRing | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
    stop: Callable[[], bool] = lambda: False,
) -> VerificationAnswer:
    """Verify recovery points, by default all; ``progress`` is told bytes done, of how many.

    Raises `StoreError`, also for a cut that has no recovery point.
    """
    known = list_manifests(backend)
    chosen = known if cuts is None else tuple(cuts)
    for cut in chosen:
        if cut not in known:
            raise unknown_point(backend, cut)
    verifier = Verifier(
        backend=backend,
        keys=keys,
        recheck=recheck_manifest,
        progress=lambda told: progress(told.bytes_done, told.bytes_total),
        stop=stop,
    )
    return verification_answer(verifier.full(chosen) if full else verifier.quick(chosen))


def answered(answer: VerifyAnswer) -> VerificationAnswer:
    """What a coordinator has found, in the same words."""
    points = tuple(
        CheckedPoint(
            cut=point.cut,
            sound=point.sound,
            objects=point.parts,
            bytes=point.bytes_read,
            complaints=point.complaints,
        )
        for point in answer.points
    )
    return VerificationAnswer(
        sound=answer.sound,
        full=True,
        bytes_read=sum(point.bytes for point in points),
        sealed=0,
        points=points,
        damaged=(),
    )


def verification_answer(found: Verification) -> VerificationAnswer:
    """What to say of ``found``."""
    return VerificationAnswer(
        sound=not found.damaged,
        full=found.full,
        bytes_read=found.bytes_read,
        sealed=found.sealed,
        points=tuple(
            CheckedPoint(
                cut=point.cut,
                sound=point.good,
                objects=point.objects,
                bytes=point.bytes,
                complaints=tuple(f"object {each.name} in {found.url} {each.what}" for each in point.spoiled),
            )
            for point in found.points
        ),
        damaged=tuple(DamagedObject(object=name, what=what, cuts=cuts) for name, (what, cuts) in found.objects.items()),
    )


class JudgedPoint(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a recovery point stays, and why."""

    cut: int
    keep: bool
    reasons: tuple[str, ...]


class JudgedObject(msgspec.Struct, frozen=True, kw_only=True):
    """The fate of one object (see `cutpoint.store.collection_plan`), and why."""

    object: str
    bytes: int
    fate: str
    why: str


class Total(msgspec.Struct, frozen=True, kw_only=True):
    """How many objects have one fate, and how many bytes."""

    fate: str
    objects: int
    bytes: int


class CollectionAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A collection that is planned or done. ``spared``: points that were to go and stay, and why."""

    store: str
    policy: str
    done: bool
    points: tuple[JudgedPoint, ...]
    totals: tuple[Total, ...]
    bytes_freed: int
    complaints: tuple[str, ...]
    dropped: tuple[int, ...] = ()
    spared: dict[str, str] = {}
    packs: int = 0
    objects: tuple[JudgedObject, ...] = ()


def plan_answer(plan: CollectionPlan) -> CollectionAnswer:
    """What to say of a collection that is only planned: object by object."""
    return CollectionAnswer(
        store=plan.url,
        policy=str(plan.retention.policy),
        done=False,
        points=tuple(JudgedPoint(cut=v.cut, keep=v.keep, reasons=v.reasons) for v in plan.retention.verdicts),
        totals=tuple(Total(fate=fate, objects=n, bytes=length) for fate, (n, length) in plan.totals().items()),
        bytes_freed=plan.bytes_freed,
        complaints=plan.complaints,
        dropped=plan.retention.dropped,
        packs=sum(each.name.startswith("packs/") for each in plan.of("garbage")),
        objects=tuple(
            JudgedObject(object=each.name, bytes=each.bytes, fate=each.fate, why=each.why) for each in plan.objects
        ),
    )


def collected_answer(collected: Collected) -> CollectionAnswer:
    """What to say of a collection that has been carried out."""
    return msgspec.structs.replace(
        plan_answer(collected.plan),
        done=not collected.stopped,
        bytes_freed=collected.bytes_freed,
        dropped=collected.dropped,
        spared={str(cut): why for cut, why in collected.spared.items()},
        packs=collected.packs,
        objects=(),
    )


class ReplicationAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """One round of a replication, and the lag that is left; ``lag_seconds`` is None if the replica has no point."""

    points: tuple[int, ...]
    objects: int
    bytes: int
    lag_points: int
    lag_bytes: int
    lag_seconds: float | None
    complaints: tuple[str, ...]


def replication_answer(done: Round) -> ReplicationAnswer:
    """What to say of one round."""
    return ReplicationAnswer(
        points=done.points,
        objects=done.objects,
        bytes=done.bytes,
        lag_points=done.lag.points,
        lag_bytes=done.lag.bytes,
        lag_seconds=done.lag.seconds,
        complaints=done.complaints,
    )
