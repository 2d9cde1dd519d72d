"""The one suite of every backend, against every backend and every wrapper."""

from __future__ import annotations

from pathlib import Path

import pytest

from cutpoint.store import MemoryBackend, open_backend
from cutpoint.store.caching import CachingBackend
from cutpoint.store.limiting import LimitingBackend
from cutpoint.store.retrying import RetryingBackend
from cutpoint.testing.backend_suite import CLAIMS, Claim
from cutpoint.testing.object_server import ObjectServer

every_claim = pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.__name__)


@every_claim
def test_memory_is_a_backend(claim: Claim) -> None:
    claim(lambda: open_backend(f"memory:suite-{claim.__name__}"))


@every_claim
def test_a_folder_is_a_backend(claim: Claim, tmp_path: Path) -> None:
    claim(lambda: open_backend((tmp_path / "a" / "store").as_uri()))


@every_claim
def test_s3_is_a_backend(claim: Claim, object_server: ObjectServer) -> None:
    claim(lambda: open_backend(object_server.url(f"bare/{claim.__name__}", retry_seconds=0)))


@every_claim
def test_s3_with_all_wrappers_is_a_backend(claim: Claim, object_server: ObjectServer, tmp_path: Path) -> None:
    limits = {"bytes_per_second": 1e9, "operations_per_second": 1e5}
    url = object_server.url(f"wrapped/{claim.__name__}", cache=tmp_path, cache_bytes=1_000_000, **limits)
    claim(lambda: open_backend(url))


@every_claim
def test_retrying_leaves_a_backend_one(claim: Claim) -> None:
    store = MemoryBackend()
    claim(lambda: RetryingBackend(store))


@every_claim
def test_limiting_leaves_a_backend_one(claim: Claim) -> None:
    store = MemoryBackend()
    claim(lambda: LimitingBackend(store, bytes_per_second=1e9, operations_per_second=1e6))


@every_claim
@pytest.mark.parametrize("bytes_max", [100, 1_000_000, 10_000_000])
def test_caching_leaves_a_backend_one(claim: Claim, bytes_max: int, tmp_path: Path) -> None:
    store = MemoryBackend()
    claim(lambda: CachingBackend(store, tmp_path, bytes_max=bytes_max, prefixes=("",)))
