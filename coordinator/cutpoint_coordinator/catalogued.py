"""What the store's catalog adds to what the registry says of recovery points: labels, pins, fresh bytes, runs.

Whether a cut is a recovery point is for the registry to say, and no store adds one to its list. Everything here
blocks; call it on a thread.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from cutpoint.catalog.details import PointDetail, detail_point
from cutpoint.catalog.points import CatalogPoint, list_points
from cutpoint.errors import StoreError
from cutpoint.names import CutNumber
from cutpoint.store import Backend
from cutpoint_coordinator.answers import PointAnswer, PointsAnswer

if TYPE_CHECKING:
    from cutpoint.store.keys import KeyRing


def answer_of(point: CatalogPoint) -> PointAnswer:
    """One recovery point as the store alone tells it."""
    return PointAnswer(
        cut=point.cut,
        incarnation=point.incarnation,
        parent=point.parent,
        members=point.members,
        left=point.left,
        in_flight=point.in_flight,
        bytes=point.bytes,
        duration_seconds=point.duration_seconds,
        stall_seconds=point.stall_seconds,
        manifest="",
        created=point.created,
        damaged=point.damaged,
        fresh_bytes=point.fresh_bytes,
        labels=point.labels,
        pinned=point.pinned,
        complaints=point.complaints,
    )


class Catalogue:
    """The catalog of one store, for a list that is asked for again and again."""

    def __init__(self, backend: Backend, keys: KeyRing | None = None) -> None:
        self._backend = backend
        self._keys = keys
        self._known: dict[CutNumber, CatalogPoint] = {}

    def complete(self, answer: PointsAnswer) -> PointsAnswer:
        """The same recovery points with labels, pins and fresh bytes; without, if the store does not answer."""
        try:
            self._known = {p.cut: p for p in list_points(self._backend, self._keys, known=self._known)}
        except StoreError:
            return answer
        known = self._known
        completed = tuple(
            _with(point, known[CutNumber(point.cut)]) if CutNumber(point.cut) in known else point
            for point in answer.points
        )
        return PointsAnswer(points=completed, next=answer.next)


def detail_of(backend: Backend, cut: CutNumber, keys: KeyRing | None = None) -> PointDetail | None:
    """The states, runs and packs of a recovery point; None if the store does not answer, or holds none of the kind."""
    try:
        return detail_point(backend, cut, keys)
    except StoreError:
        return None


def _with(point: PointAnswer, known: CatalogPoint) -> PointAnswer:
    return msgspec.structs.replace(
        point,
        fresh_bytes=known.fresh_bytes,
        labels=known.labels,
        pinned=known.pinned,
        complaints=known.complaints,
        damaged=point.damaged or known.damaged,
    )
