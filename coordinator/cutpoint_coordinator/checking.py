"""Reading bytes back: before a cut is published, and whenever somebody wants to know whether they are still sound.

A part counts as stored when its bytes have their digest and say exactly what the process reported of them. A
recovery point counts as sound when moreover its certificate, computed again from the bytes alone, is the one that
its manifest holds. Everything here blocks; call it on a thread. Nothing is written or repaired.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

import msgspec

from cutpoint.errors import CutpointError, Damaged
from cutpoint.names import CutNumber
from cutpoint.protocol.certificate import Certificate
from cutpoint.protocol.consistency import recheck
from cutpoint.protocol.messages import PartSummary
from cutpoint.store import Backend, Manifest, Part, PointReport, VerifyReport, part_name, read_part, summarise, verify
from cutpoint_coordinator.answers import VerifiedPoint, VerifyAnswer

READERS = 4
"""How many parts of one cut are read back at the same time."""


class Stopped(CutpointError):
    """The verification was called off."""


def check_parts(backend: Backend, computation: str, parts: tuple[PartSummary, ...]) -> tuple[str, ...]:
    """Read every part back and set it against its summary; one complaint for each that is not what was reported."""
    if not parts:
        return ()
    with ThreadPoolExecutor(min(READERS, len(parts)), thread_name_prefix="cutpoint-check") as readers:
        complaints = readers.map(lambda summary: _check_part(backend, computation, summary), parts)
        return tuple(complaint for complaint in complaints if complaint)


def _check_part(backend: Backend, computation: str, summary: PartSummary) -> str:
    name = part_name(summary.object)
    try:
        if (bytes_found := backend.size(name)) not in (None, summary.bytes):
            return f"{summary.process}: object {name} is {bytes_found} bytes long, it reported {summary.bytes}"
        part = read_part(backend, summary.object)
    except CutpointError as error:
        return f"{summary.process}: {error}"
    if part.computation != computation:
        return f"{summary.process}: its part was recorded in computation {part.computation!r}, this is {computation!r}"
    found = summarise(part, summary.object, summary.bytes, summary.stall_seconds)
    differing = [name for name in summary.__struct_fields__ if getattr(found, name) != getattr(summary, name)]
    if differing:
        return f"{summary.process}: its part has another {', '.join(differing)} than it reported"
    return ""


def certificate_of(manifest: Manifest) -> Certificate:
    """The certificate that a manifest holds. Raises `Damaged` if it is none."""
    try:
        return msgspec.convert(manifest.certificate, Certificate)
    except msgspec.ValidationError as error:
        raise Damaged(
            f"the manifest of cut {manifest.cut} holds no certificate ({error}); recover to another recovery point"
        ) from error


def recheck_manifest(manifest: Manifest, parts: tuple[Part, ...]) -> tuple[str, ...]:
    """Compute the certificate again from the parts; complain where it is not the one in the manifest."""
    entries = {entry.process: entry for entry in manifest.parts}
    return recheck_summaries(
        manifest,
        tuple(
            summarise(
                part, entries[part.process].object, entries[part.process].bytes, entries[part.process].stall_seconds
            )
            for part in parts
        ),
    )


def recheck_summaries(manifest: Manifest, summaries: tuple[PartSummary, ...]) -> tuple[str, ...]:
    """Compute the certificate again from what the parts say; complain where it is not the one in the manifest."""
    certificate = certificate_of(manifest)
    if (certificate.computation, certificate.cut, certificate.incarnation) != (
        manifest.computation,
        manifest.cut,
        manifest.incarnation,
    ):
        return ("its certificate is that of another cut",)
    return tuple(violation.complaint for violation in recheck(certificate, summaries))


def verify_points(backend: Backend, cuts: Iterable[CutNumber], stop: threading.Event | None = None) -> VerifyAnswer:
    """Read these recovery points back, every byte. Raises `Stopped` between two of them once ``stop`` is set."""

    def progress(_: PointReport) -> None:
        if stop is not None and stop.is_set():
            raise Stopped("the verification was called off; nothing was changed; ask again")

    return _answer(verify(backend, cuts, recheck_manifest, progress))


def _answer(report: VerifyReport) -> VerifyAnswer:
    points = tuple(
        VerifiedPoint(
            cut=point.cut,
            sound=point.good,
            parts=point.parts,
            bytes_read=point.bytes_read,
            complaints=point.complaints,
        )
        for point in report.points
    )
    return VerifyAnswer(sound=all(point.sound for point in points), points=points)
