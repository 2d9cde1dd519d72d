"""Between the core's recovery point and the store's manifest: write one from the other, and find it again.

A coordinator may vanish between writing a manifest and telling the registry. The next one reads the recovery point
out of the manifest, so everything that the registry would have said is in it. Everything here blocks; call it on a
thread.
"""

from __future__ import annotations

import dataclasses
import time
from datetime import UTC, datetime

import msgspec

from cutpoint.errors import ObjectMissing
from cutpoint.names import CutNumber
from cutpoint.protocol.coordinator_effects import WriteManifest
from cutpoint.protocol.ledger import RecoveryPoint
from cutpoint.store import Backend, Manifest, encode_manifest, manifest_part, publish_manifest, read_manifest


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


def write_manifest(backend: Backend, effect: WriteManifest) -> Written:
    """Write the manifest durably and once. Raises `StoreError`; `ObjectExists` if the number was used before."""
    created = datetime.fromtimestamp(time.time(), UTC).isoformat(timespec="milliseconds")
    manifest = manifest_of(effect, created)
    digest = publish_manifest(backend, manifest)
    return Written(digest=digest, bytes=len(encode_manifest(manifest)), created=created)


def find_point(backend: Backend, cut: CutNumber) -> RecoveryPoint | None:
    """What the store's manifest of ``cut`` says of it; None if there is none. Raises `StoreError`."""
    try:
        manifest = read_manifest(backend, cut)
    except ObjectMissing:
        return None
    return point_of(manifest)


def point_of(manifest: Manifest) -> RecoveryPoint:
    """The recovery point that a manifest tells of."""
    body = encode_manifest(manifest)
    return RecoveryPoint(
        cut=manifest.cut,
        incarnation=manifest.incarnation,
        parent=manifest.parent,
        members={part.process: part.object for part in manifest.parts},
        left=manifest.left,
        in_flight=sum(part.in_flight_messages for part in manifest.parts),
        bytes=sum(part.bytes for part in manifest.parts) + len(body),
        duration_seconds=manifest.duration_seconds,
        stall_seconds=max((part.stall_seconds for part in manifest.parts), default=0.0),
        manifest=body[-len("sha256:") - 65 : -1].decode(),
        created=manifest.created,
    )
