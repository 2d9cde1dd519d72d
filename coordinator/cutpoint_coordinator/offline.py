"""Looking at a store without any coordinator: when everything is down, or from another machine.

The store alone says what was written; whether a manifest became a recovery point is for the registry to say. The two
differ by at most the cut that was being published when a coordinator vanished. Nothing is written here.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import msgspec

from cutpoint.catalog import points
from cutpoint.catalog.details import detail_point
from cutpoint.errors import ConfigurationError
from cutpoint.names import CutNumber
from cutpoint.store import Backend, list_manifests, open_backend
from cutpoint_coordinator.answers import PointDetailAnswer, PointsAnswer, VerifyAnswer
from cutpoint_coordinator.catalogued import answer_of
from cutpoint_coordinator.checking import verify_points
from cutpoint_coordinator.publishing import read_stored

if TYPE_CHECKING:
    from cutpoint.store.keys import KeyRing


def open_store(url: str) -> Backend:
    """Open a store that is there. Raises `ConfigurationError`."""
    backend = open_backend(url)
    parts = urlsplit(backend.url)
    if parts.scheme == "file" and not Path(unquote(parts.path)).is_dir():
        raise ConfigurationError(f"there is no store at {backend.url}; nothing was read; correct --store")
    return backend


def list_points(backend: Backend, keys: KeyRing | None = None) -> PointsAnswer:
    """Every manifest of the store; one that cannot be read is listed as damaged. Raises `StoreError`."""
    return PointsAnswer(points=tuple(map(answer_of, points.list_points(backend, keys))))


def show_point(backend: Backend, cut: int, keys: KeyRing | None = None) -> PointDetailAnswer:
    """One recovery point in full. Raises `StoreError`."""
    number = CutNumber(cut)
    detail = detail_point(backend, number, keys)
    stored = read_stored(backend, number, keys)
    answer = msgspec.structs.replace(answer_of(detail.point), manifest=stored.point.manifest)
    return PointDetailAnswer(point=answer, manifest=msgspec.to_builtins(stored.manifest), detail=detail)


def verify_store(backend: Backend, cut: int | None, keys: KeyRing | None = None) -> VerifyAnswer:
    """Read one recovery point back, or all; every byte. Raises `StoreError` if there is no such manifest."""
    if cut is None:
        return verify_points(backend, list_manifests(backend), keys=keys)
    _check_known(backend, cut)
    return verify_points(backend, (CutNumber(cut),), keys=keys)


def _check_known(backend: Backend, cut: int) -> None:
    if cut not in list_manifests(backend):
        raise points.unknown_point(backend, CutNumber(cut))
