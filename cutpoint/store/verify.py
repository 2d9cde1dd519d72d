"""Read every byte of recovery points back and say, for each, whether it can be restored.

A point is good, or there is one complaint for every object that spoils it, and that object's name is in the
complaint. Damage to one point says nothing about another. Nothing is repaired and nothing is written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from cutpoint.errors import CutpointError
from cutpoint.names import CutNumber
from cutpoint.store.backend import Backend
from cutpoint.store.manifests import Manifest, ManifestPart, manifest_name, manifest_part, read_manifest
from cutpoint.store.part_format import Part
from cutpoint.store.parts import PART_BYTES_MAX, part_name, read_part, summarise

Recheck = Callable[[Manifest, tuple[Part, ...]], tuple[str, ...]]
"""Computes the certificate again from the parts, in the manifest's order, and complains where it does not hold."""


@dataclass(frozen=True, kw_only=True)
class PointReport:
    """What was found of one recovery point. ``bytes_read`` counts its parts."""

    cut: CutNumber
    complaints: tuple[str, ...]
    parts: int
    bytes_read: int

    @property
    def good(self) -> bool:
        """Whether it can be restored."""
        return not self.complaints


@dataclass(frozen=True, kw_only=True)
class VerifyReport:
    """What was found of all of them, in the order in which they were asked for."""

    points: tuple[PointReport, ...]

    @property
    def good(self) -> tuple[CutNumber, ...]:
        """The cuts that can be restored."""
        return tuple(point.cut for point in self.points if point.good)

    @property
    def complaints(self) -> tuple[str, ...]:
        """Every complaint, each beginning with its cut."""
        return tuple(f"cut {point.cut}: {complaint}" for point in self.points for complaint in point.complaints)


def verify(
    backend: Backend,
    cuts: Iterable[CutNumber],
    recheck: Recheck | None = None,
    progress: Callable[[PointReport], None] | None = None,
    *,
    part_bytes_max: int = PART_BYTES_MAX,
) -> VerifyReport:
    """Read the recovery points ``cuts`` back; ``progress`` is told of each as soon as it is done.

    All parts of one point are in memory at a time. Damage is reported, never raised.
    """
    points: list[PointReport] = []
    for cut in cuts:
        point = _verify_point(backend, cut, recheck, part_bytes_max)
        points.append(point)
        if progress:
            progress(point)
    return VerifyReport(points=tuple(points))


def _verify_point(backend: Backend, cut: CutNumber, recheck: Recheck | None, part_bytes_max: int) -> PointReport:
    try:
        manifest = read_manifest(backend, cut)
    except CutpointError as error:
        return PointReport(cut=cut, complaints=(str(error),), parts=0, bytes_read=0)
    complaints: list[str] = []
    parts: list[Part] = []
    bytes_read = 0
    for entry in manifest.parts:
        try:
            part = read_part(backend, entry.object, bytes_max=part_bytes_max)
            bytes_found = backend.size(part_name(entry.object)) or 0
        except CutpointError as error:
            complaints.append(f"{entry.process}: {error}")
            continue
        bytes_read += bytes_found
        parts.append(part)
        if differing := _differing(manifest, entry, part, bytes_found):
            name = part_name(entry.object)
            complaints.append(
                f"{entry.process}: object {name} in {backend.url} has another {differing} than its manifest"
            )
    if recheck and not complaints:
        complaints.extend(_recheck(recheck, backend, manifest, tuple(parts)))
    return PointReport(cut=cut, complaints=tuple(complaints), parts=len(manifest.parts), bytes_read=bytes_read)


def _differing(manifest: Manifest, entry: ManifestPart, part: Part, bytes_found: int) -> str:
    """What the manifest says of a part and the part does not, or ``""``."""
    found = manifest_part(summarise(part, entry.object, bytes_found, entry.stall_seconds))
    pairs = [
        ("computation", part.computation, manifest.computation),
        ("cut", part.cut, manifest.cut),
        ("incarnation", part.incarnation, manifest.incarnation),
        *((field, getattr(found, field), getattr(entry, field)) for field in ManifestPart.__struct_fields__),
    ]
    return ", ".join(what for what, in_part, in_manifest in pairs if in_part != in_manifest)


def _recheck(recheck: Recheck, backend: Backend, manifest: Manifest, parts: tuple[Part, ...]) -> tuple[str, ...]:
    """The certificate's complaints; they spoil the manifest, whose parts were all found sound."""
    try:
        complaints = recheck(manifest, parts)
    except CutpointError as error:
        complaints = (str(error),)
    name = manifest_name(manifest.cut)
    return tuple(f"object {name} in {backend.url}: {complaint}" for complaint in complaints)
