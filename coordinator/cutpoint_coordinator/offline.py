"""Looking at a store without any coordinator: when everything is down, or from another machine.

The store alone says what was written; whether a manifest became a recovery point is for the registry to say. The two
differ by at most the cut that was being published when a coordinator vanished. Nothing is written here.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

import msgspec

from cutpoint.errors import ConfigurationError, Damaged, ObjectMissing
from cutpoint.names import CutNumber
from cutpoint.store import Backend, KeyRing, list_manifests, open_backend
from cutpoint_coordinator.answers import PointAnswer, PointDetailAnswer, PointsAnswer, VerifyAnswer
from cutpoint_coordinator.checking import verify_points
from cutpoint_coordinator.publishing import read_stored


def open_store(url: str) -> Backend:
    """Open a store that is there. Raises `ConfigurationError`."""
    backend = open_backend(url)
    parts = urlsplit(backend.url)
    if parts.scheme == "file" and not Path(unquote(parts.path)).is_dir():
        raise ConfigurationError(f"there is no store at {backend.url}; nothing was read; correct --store")
    return backend


def list_points(backend: Backend, keys: KeyRing | None = None) -> PointsAnswer:
    """Every manifest of the store; one that cannot be read is listed as damaged. Raises `StoreError`."""
    return PointsAnswer(points=tuple(_point(backend, cut, keys) for cut in list_manifests(backend)))


def show_point(backend: Backend, cut: int, keys: KeyRing | None = None) -> PointDetailAnswer:
    """One manifest. Raises `StoreError`."""
    _check_known(backend, cut)
    stored = read_stored(backend, CutNumber(cut), keys)
    return PointDetailAnswer(point=PointAnswer.of(stored.point), manifest=msgspec.to_builtins(stored.manifest))


def verify_store(backend: Backend, cut: int | None, keys: KeyRing | None = None) -> VerifyAnswer:
    """Read one recovery point back, or all; every byte. Raises `StoreError` if there is no such manifest."""
    if cut is None:
        return verify_points(backend, list_manifests(backend), keys=keys)
    _check_known(backend, cut)
    return verify_points(backend, (CutNumber(cut),), keys=keys)


def _check_known(backend: Backend, cut: int) -> None:
    known = list_manifests(backend)
    if cut not in known:
        last = ", ".join(map(str, known[-5:])) or "none yet"
        raise ObjectMissing(
            f"there is no recovery point {cut} in {backend.url}; nothing was read; take one of the last ones: {last}"
        )


def _point(backend: Backend, cut: CutNumber, keys: KeyRing | None) -> PointAnswer:
    try:
        return PointAnswer.of(read_stored(backend, cut, keys).point)
    except (Damaged, ObjectMissing) as error:
        return PointAnswer(
            cut=cut,
            incarnation=0,
            parent=0,
            members=(),
            left=(),
            in_flight=0,
            bytes=0,
            duration_seconds=0.0,
            stall_seconds=0.0,
            manifest="",
            created="",
            damaged=str(error),
        )
