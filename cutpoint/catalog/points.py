"""The list of recovery points of a store: what each one holds, what it costs, what people said of it.

Read from manifests and marks alone. A manifest that cannot be read is listed with the reason, never left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

from cutpoint.errors import ObjectMissing, StoreError
from cutpoint.names import BEGINNING, CutNumber
from cutpoint.store.backend import Backend
from cutpoint.store.manifests import Manifest, list_manifests, manifest_name, read_manifest
from cutpoint.store.marks import PointMarks, read_all_marks, read_marks

if TYPE_CHECKING:
    from cutpoint.store.keys import KeyRing


class CatalogPoint(msgspec.Struct, frozen=True, kw_only=True):
    """One recovery point. ``damaged`` says why it cannot be read; then nothing but the marks is known of it.

    ``bytes``: all that is needed to restore it, the manifest included. ``fresh_bytes``: what its cut has written of
    that; the rest was there before. ``complaints``: marks that cannot be read.
    """

    cut: CutNumber
    computation: str = ""
    incarnation: int = 0
    parent: int = 0
    created: str = ""
    members: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    in_flight: int = 0
    bytes: int = 0
    fresh_bytes: int = 0
    duration_seconds: float = 0.0
    stall_seconds: float = 0.0
    labels: tuple[str, ...] = ()
    pinned: bool = False
    condemned: bool = False
    complaints: tuple[str, ...] = ()
    damaged: str = ""


def list_points(
    backend: Backend, keys: KeyRing | None = None, *, known: Mapping[CutNumber, CatalogPoint] | None = None
) -> tuple[CatalogPoint, ...]:
    """Every recovery point, ascending. Raises `StoreError` if the store cannot be listed.

    ``known``: points as they were listed before; a manifest never changes, so only their marks are read again.
    """
    marks = read_all_marks(backend, keys)
    found: list[CatalogPoint] = []
    for cut in list_manifests(backend):
        before = (known or {}).get(cut)
        if before is not None and not before.damaged:
            found.append(_marked(before, marks.get(cut) or PointMarks(cut=cut)))
        elif (point := _point(backend, cut, marks.get(cut), keys)) is not None:
            found.append(point)
    return tuple(found)


def describe_point(backend: Backend, cut: CutNumber, keys: KeyRing | None = None) -> CatalogPoint:
    """One recovery point. Raises `ObjectMissing` if there is none of this number."""
    point = _point(backend, cut, read_marks(backend, cut, keys), keys)
    if point is None:
        raise unknown_point(backend, cut)
    return point


def manifest_of(backend: Backend, cut: CutNumber, keys: KeyRing | None = None) -> Manifest:
    """The manifest of a recovery point. Raises `ObjectMissing` that names others if there is none, `Damaged`."""
    try:
        return read_manifest(backend, cut, keys)
    except ObjectMissing:
        raise unknown_point(backend, cut) from None


def unknown_point(backend: Backend, cut: CutNumber) -> ObjectMissing:
    """The error of asking for a recovery point that is not in the store."""
    there = list_manifests(backend)
    last = ", ".join(map(str, there[-5:])) or "none yet"
    once = "; it was collected or abandoned" if there and cut < there[-1] else ""
    return ObjectMissing(
        f"there is no recovery point {cut} in {backend.url}{once}; nothing was read; take one of the last ones: {last}"
    )


def lineage(backend: Backend, cut: CutNumber, keys: KeyRing | None = None) -> tuple[CutNumber, ...]:
    """The recovery points that ``cut`` descends from, its parent first, as far as the store still has them.

    The last one's own parent is the beginning (0), or a recovery point that was collected, or cannot be read.
    Raises `ObjectMissing` if there is no recovery point ``cut``.
    """
    ancestors: list[CutNumber] = []
    parent = manifest_of(backend, cut, keys).parent
    while parent != BEGINNING:  # parents are smaller than their children, so this ends
        ancestors.append(parent)
        try:
            parent = read_manifest(backend, parent, keys).parent
        except StoreError:
            break
    if ancestors and backend.size(manifest_name(ancestors[-1])) is None:
        ancestors.pop()
    return tuple(ancestors)


def _point(backend: Backend, cut: CutNumber, marks: PointMarks | None, keys: KeyRing | None) -> CatalogPoint | None:
    """None: it was deleted meanwhile."""
    said = _marked(CatalogPoint(cut=cut), marks or PointMarks(cut=cut))
    try:
        manifest = read_manifest(backend, cut, keys)
    except ObjectMissing:
        return None
    except StoreError as error:
        return msgspec.structs.replace(said, damaged=str(error))
    return msgspec.structs.replace(
        said,
        computation=manifest.computation,
        incarnation=manifest.incarnation,
        parent=manifest.parent,
        created=manifest.created,
        members=tuple(sorted(manifest.members)),
        left=manifest.left,
        in_flight=sum(part.in_flight_messages for part in manifest.parts),
        bytes=sum(part.bytes for part in manifest.parts) + (backend.size(manifest_name(cut)) or 0),
        fresh_bytes=sum(part.fresh_bytes for part in manifest.parts),
        duration_seconds=manifest.duration_seconds,
        stall_seconds=max((part.stall_seconds for part in manifest.parts), default=0.0),
    )


def _marked(point: CatalogPoint, marks: PointMarks) -> CatalogPoint:
    return msgspec.structs.replace(
        point,
        labels=marks.labels,
        pinned=marks.pinned,
        condemned=marks.condemned,
        complaints=marks.complaints,
    )
