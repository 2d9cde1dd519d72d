"""Reading bytes back: before a cut is published, and whenever somebody wants to know whether they are still sound.

A part counts as stored when everything that it wrote for this cut has its digest, everything else that it needs is
there and may be named, and its head says exactly what the process reported. A recovery point counts as sound when
moreover its certificate, computed again from the bytes alone, is the one that its manifest holds. Everything here
blocks; call it on a thread. Nothing is written or repaired.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import NamedTuple

import msgspec

from cutpoint.errors import CutpointError, Damaged
from cutpoint.names import CutNumber
from cutpoint.protocol.certificate import Certificate
from cutpoint.protocol.consistency import recheck
from cutpoint.protocol.messages import PackRef, PartSummary
from cutpoint.store import (
    ERA_SPAN,
    Backend,
    KeyRing,
    Manifest,
    Verifier,
    in_flight_bytes,
    open_part,
    read_manifest,
    read_pack,
    summarise,
)
from cutpoint_coordinator.answers import VerifiedPoint, VerifyAnswer

READERS = 4
"""How many parts of one cut are read back at the same time."""


class Checked(NamedTuple):
    """A complaint for each part that is not as it was reported; ``in_flight_bytes``: of the messages in the others."""

    complaints: tuple[str, ...]
    in_flight_bytes: int


def check_parts(
    backend: Backend,
    computation: str,
    parts: tuple[PartSummary, ...],
    keys: KeyRing | None = None,
    *,
    readers: Executor,
) -> Checked:
    """Read back what was written for every part, and set it against its summary.

    Of what a part shares with the recovery point that it builds on, it is checked that this recovery point names it
    and that it is there: its bytes were read back when they were written.
    """
    named = _Named(backend)
    found = tuple(readers.map(lambda summary: _check_part(backend, computation, summary, named, keys), parts))
    return Checked(
        complaints=tuple(each for each in found if isinstance(each, str)),
        in_flight_bytes=sum(each for each in found if isinstance(each, int)),
    )


def readers() -> Executor:
    """Threads that read parts back. Cuts come again and again: keep them."""
    return ThreadPoolExecutor(READERS, thread_name_prefix="cutpoint-check")


class _Named:
    """The packs that a recovery point names for each process. Each manifest is read once."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._lock = threading.Lock()
        self._known: dict[CutNumber, Mapping[str, frozenset[PackRef]]] = {}

    def by(self, cut: CutNumber, process: str) -> frozenset[PackRef]:
        """The packs that the manifest of ``cut`` names for ``process``. Raises `StoreError`."""
        with self._lock:
            if cut not in self._known:
                manifest = read_manifest(self._backend, cut)
                self._known[cut] = {part.process: frozenset(part.packs) for part in manifest.parts}
            return self._known[cut].get(process, frozenset())


def _check_part(
    backend: Backend, computation: str, summary: PartSummary, named: _Named, keys: KeyRing | None
) -> str | int:
    """A complaint, or how long the part's in-flight messages are."""
    sealing = keys.sealing if keys is not None else None
    try:
        if complaint := _check_packs(backend, summary, named):
            return f"{summary.process}: {complaint}"
        part = open_part(backend, summary.packs[-1], sealing=sealing).part
    except CutpointError as error:
        return f"{summary.process}: {error}"
    if part.head.computation != computation:
        return f"{summary.process}: its part is of computation {part.head.computation!r}, this is {computation!r}"
    found = msgspec.structs.replace(summarise(part, summary.stall_seconds), waited_seconds=summary.waited_seconds)
    differing = [name for name in summary.__struct_fields__ if getattr(found, name) != getattr(summary, name)]
    if differing:
        return f"{summary.process}: its part has another {', '.join(differing)} than it reported"
    return in_flight_bytes(part.head)


def _check_packs(backend: Backend, summary: PartSummary, named: _Named) -> str:
    """Complain of a pack that is not sound, or that may be deleted while it is needed (decision 0012)."""
    if not summary.packs:
        return "its part names no packs"
    shared = named.by(summary.base, summary.process) if summary.base else frozenset()
    for pack in summary.packs[:-1]:
        if pack in shared:
            if (length := backend.size(pack.name())) != pack.bytes:
                there = "is missing" if length is None else f"is {length} bytes long, {pack.bytes} were written"
                return f"object {pack.name()} {there}; the next cut is written in full"
        elif pack.era + ERA_SPAN < summary.cut or pack.era >= summary.cut:
            return (
                f"object {pack.name()} may not be named by cut {summary.cut}: recovery point {summary.base} does not "
                "name it, and it was not written for this cut"
            )
        else:
            read_pack(backend, pack)
    return ""


def certificate_of(manifest: Manifest) -> Certificate:
    """The certificate that a manifest holds. Raises `Damaged` if it is none."""
    try:
        return msgspec.convert(manifest.certificate, Certificate)
    except msgspec.ValidationError as error:
        raise Damaged(
            f"the manifest of cut {manifest.cut} holds no certificate ({error}); recover to another recovery point"
        ) from error


def recheck_manifest(manifest: Manifest, summaries: tuple[PartSummary, ...]) -> tuple[str, ...]:
    """Compute the certificate again from what the parts say; complain where it is not the one in the manifest."""
    certificate = certificate_of(manifest)
    if (certificate.computation, certificate.cut, certificate.incarnation) != (
        manifest.computation,
        manifest.cut,
        manifest.incarnation,
    ):
        return ("its certificate is that of another cut",)
    return tuple(violation.complaint for violation in recheck(certificate, summaries))


def verify_points(
    backend: Backend, cuts: Iterable[CutNumber], stop: threading.Event | None = None, keys: KeyRing | None = None
) -> VerifyAnswer:
    """Read these recovery points back, every byte. Raises `Stopped` once ``stop`` is set."""
    verifier = Verifier(
        backend=backend, keys=keys, recheck=recheck_manifest, stop=stop.is_set if stop is not None else lambda: False
    )
    verification = verifier.full(cuts)
    points = tuple(
        VerifiedPoint(
            cut=point.cut,
            sound=point.good,
            parts=point.objects - 1,
            bytes_read=point.bytes,
            complaints=tuple(f"object {each.name} in {backend.url} {each.what}" for each in point.spoiled),
        )
        for point in verification.points
    )
    return VerifyAnswer(sound=all(point.sound for point in points), points=points)
