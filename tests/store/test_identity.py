from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cutpoint.errors import Damaged, NotAuthentic
from cutpoint.store import DirectoryBackend, MemoryBackend, digest_of
from cutpoint.store.identity import STORE_NAME, StoreIdentity, StoreSealing, identify, read_identity
from cutpoint.store.keys import KeyRing
from cutpoint.testing.interrupted import every_crash

NOW = "2026-01-01T00:00:00.000+00:00"


def test_a_store_is_identified_once_and_for_all() -> None:
    backend = MemoryBackend()
    assert read_identity(backend) is None
    sealing = StoreSealing(algorithm="AES-256-GCM", key="0123456789abcdef")
    made = identify(backend, created=NOW, sealing=sealing)
    assert (len(made.id), made.created, made.sealing) == (32, NOW, sealing)
    before = backend.read(STORE_NAME)
    assert identify(backend, created="later") == read_identity(backend) == made
    assert backend.read(STORE_NAME) == before
    assert identify(MemoryBackend(), created=NOW).id != made.id


def test_of_many_who_make_one_all_get_the_same(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: identify(DirectoryBackend(tmp_path), created=NOW), range(16)))
    assert len({each.id for each in made}) == 1


def test_stopped_at_any_moment_it_is_there_or_made_by_the_next() -> None:
    for crash in every_crash(MemoryBackend, lambda backend: identify(backend, created=NOW), writes_only=False):
        assert identify(crash.store, created=NOW) == read_identity(crash.store)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (
            {"format": 2},
            "says that the store is of format 2, this program knows 1; nothing was changed; start the newer",
        ),
        ({"id": "../x"}, "it has no id"),
        ({"created": "a\nb"}, "created holds characters"),
        ({"kind": "shopping-list"}, "says not which store it is"),
    ],
)
def test_what_is_no_identity_is_damaged(change: dict[str, Any], complaint: str) -> None:
    backend = MemoryBackend()
    identify(backend, created=NOW)
    plain = msgspec.json.decode(backend.read(STORE_NAME).rpartition(b"sha256:")[0])
    body = msgspec.json.encode(plain | change) + b"\n"
    backend.delete(STORE_NAME)
    backend.create(STORE_NAME, body + digest_of(body).encode() + b"\n")
    with pytest.raises(Damaged, match=complaint):
        identify(backend, created=NOW)


def test_with_keys_it_is_signed() -> None:
    keys, backend = KeyRing.generate(), MemoryBackend()
    made = identify(backend, created=NOW, keys=keys)
    assert isinstance(made, StoreIdentity)
    assert read_identity(backend, keys.public()) == made
    with pytest.raises(NotAuthentic):
        read_identity(backend, KeyRing.generate())
