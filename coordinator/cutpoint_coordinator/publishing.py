"""Between the core's recovery point and the store's manifest: write one from the other, and find it again.

A coordinator may vanish between writing a manifest and telling the registry. The next one reads the recovery point
out of the manifest, so everything that the registry would have said is in it. Everything here blocks; call it on a
thread.
"""

from __future__ import annotations

import contextlib
import dataclasses

import msgspec

from cutpoint.errors import Damaged, ObjectExists, ObjectMissing
from cutpoint.names import BEGINNING, CutNumber
from cutpoint.protocol.coordinator_effects import WriteManifest
from cutpoint.protocol.ledger import RecoveryPoint
from cutpoint.store import (
    MANIFEST_BYTES_MAX,
    Backend,
    KeyRing,
    Manifest,
    decode_manifest,
    encode_manifest,
    list_manifests,
    manifest_digest,
    manifest_name,
    manifest_part,
    publish_manifest,
)
from cutpoint.store.survey import era_of, kind_of


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Written:
    """A manifest that is durable: the digest in its last line, its length, and when it was written."""

    digest: str
    bytes: int
    created: str


def manifest_of(effect: WriteManifest, created: str) -> Manifest:
    """The manifest that ``effect`` asks for."""
    point = effect.point
    boundary = tuple(f"{part.process}: {channel}" for part in effect.parts for channel in part.boundary)
    return Manifest(
        computation=effect.certificate.computation,
        cut=point.cut,
        incarnation=point.incarnation,
        parent=point.parent,
        created=created,
        duration_seconds=point.duration_seconds,
        members=tuple(part.process for part in effect.parts),
        parts=tuple(manifest_part(part) for part in effect.parts),
        certificate=msgspec.to_builtins(effect.certificate),
        boundary=boundary,
        left=point.left,
    )


def write_manifest(backend: Backend, effect: WriteManifest, keys: KeyRing | None = None, *, created: str) -> Written:
    """Write the manifest durably and once, signed if there are ``keys``. ``created``: the time, in ISO 8601.

    The very same again succeeds, so where the answer of the store was lost (`StoreUnavailable`) it is done again, and
    nobody has to guess. Raises `StoreError`; `ObjectExists` if the number was used before.
    """
    manifest = manifest_of(effect, created)
    digest, length = publish_manifest(backend, manifest, keys)
    return Written(digest=digest, bytes=length, created=created)


def find_point(backend: Backend, cut: CutNumber, keys: KeyRing | None = None) -> RecoveryPoint | None:
    """What the store's manifest of ``cut`` says of it, and it is durable; None if there is none. Raises `StoreError`.

    Who wrote it may have been killed before it was durable: it can be read, and after a loss of power it is gone.
    """
    try:
        stored = read_stored(backend, cut, keys)
    except ObjectMissing:
        return None
    _see_to_it_that_it_stays(backend, stored)
    return stored.point


def _see_to_it_that_it_stays(backend: Backend, stored: Stored) -> None:
    with contextlib.suppress(ObjectExists):  # which says that it is durable
        backend.create(manifest_name(stored.point.cut), stored.data)


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class FoundPoints:
    """What a store tells of a computation. ``last``: the highest number that it has; ``complaints``: of the rest."""

    last: CutNumber
    points: tuple[RecoveryPoint, ...]
    complaints: tuple[str, ...]


def find_points(backend: Backend, computation: str, keys: KeyRing | None = None) -> FoundPoints:
    """The recovery points of ``computation`` that the store tells of, all durable. Raises `StoreError`."""
    points, complaints = list[RecoveryPoint](), list[str]()
    cuts = list_manifests(backend)
    for cut in cuts:
        try:
            stored = read_stored(backend, cut, keys)
        except ObjectMissing:
            continue
        except Damaged as error:
            complaints.append(str(error))
            continue
        if stored.manifest.computation == computation:
            _see_to_it_that_it_stays(backend, stored)
            points.append(stored.point)
    eras = (era_of(name) for name in backend.list("packs/") if kind_of(name) == "pack")
    return FoundPoints(last=max((*cuts, *eras), default=BEGINNING), points=tuple(points), complaints=tuple(complaints))


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Stored:
    """A manifest as it was found, its bytes, and the recovery point that it tells of."""

    manifest: Manifest
    data: bytes
    point: RecoveryPoint


def read_stored(backend: Backend, cut: CutNumber, keys: KeyRing | None = None) -> Stored:
    """Read the manifest of ``cut``. Raises `ObjectMissing`, `Damaged`, and `NotAuthentic` with ``keys`` that verify."""
    name = manifest_name(cut)
    where = f"object {name} in {backend.url}"
    data = backend.read(name, bytes_max=MANIFEST_BYTES_MAX)
    manifest = decode_manifest(data, name=where, keys=keys)
    if manifest.cut != cut:
        raise Damaged(f"{where} is the manifest of cut {manifest.cut}; recover to another recovery point")
    return Stored(manifest=manifest, data=data, point=point_of(manifest, data))


def point_of(manifest: Manifest, data: bytes | None = None) -> RecoveryPoint:
    """The recovery point that a manifest tells of. ``data``: the manifest's bytes; None: as they are without keys."""
    data = encode_manifest(manifest) if data is None else data
    return RecoveryPoint(
        cut=manifest.cut,
        incarnation=manifest.incarnation,
        parent=manifest.parent,
        members={part.process: part.object for part in manifest.parts},
        left=manifest.left,
        in_flight=sum(part.in_flight_messages for part in manifest.parts),
        bytes=sum(part.bytes for part in manifest.parts) + len(data),
        fresh_bytes=sum(part.fresh_bytes for part in manifest.parts),
        duration_seconds=manifest.duration_seconds,
        stall_seconds=max((part.stall_seconds for part in manifest.parts), default=0.0),
        manifest=manifest_digest(data),
        created=manifest.created,
    )
