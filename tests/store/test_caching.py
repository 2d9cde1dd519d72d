from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from cutpoint.errors import ConfigurationError, Damaged, ObjectMissing, StoreError
from cutpoint.store import MemoryBackend
from cutpoint.store.caching import CacheStatistics, CachingBackend, uncached

PACK = "packs/000000000001/a"
DATA = bytes(range(256)) * 100


class Counting(MemoryBackend):
    """A memory that counts what is read from it."""

    def __init__(self) -> None:
        super().__init__("counting")
        self.reads: list[str] = []

    def read(self, name: str, *, bytes_max: int | None = None) -> bytes:
        self.reads.append(name)
        return super().read(name, bytes_max=bytes_max)


class Ticks:
    """A clock that moves whenever it is asked."""

    def __init__(self) -> None:
        self.now = 10**18

    def __call__(self) -> int:
        self.now += 10**9
        return self.now


@pytest.fixture
def inner() -> Counting:
    inner = Counting()
    inner.create(PACK, DATA)
    return inner


@pytest.fixture
def opened(inner: Counting, tmp_path: Path) -> Callable[[], CachingBackend]:
    ticks = Ticks()
    return lambda: CachingBackend(inner, tmp_path / "cache", bytes_max=100_000, clock=ticks)


def kept(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "cache").iterdir())


def test_a_pack_is_read_from_afar_once_and_by_the_next_life_not_at_all(
    inner: Counting, opened: Callable[[], CachingBackend]
) -> None:
    first = opened()
    assert [first.read(PACK) for _ in range(3)] == [DATA] * 3
    assert first.statistics() == CacheStatistics(hits=2, misses=1)
    second = opened()
    assert second.read_range(PACK, 300, 5) == DATA[300:305]
    assert second.read(PACK) == DATA
    assert inner.reads == [PACK]


def test_the_second_range_of_a_pack_brings_all_of_it(inner: Counting, opened: Callable[[], CachingBackend]) -> None:
    backend = opened()
    assert [backend.read_range(PACK, start, 10) for start in (0, 50, 99)] == [DATA[0:10], DATA[50:60], DATA[99:109]]
    assert backend.statistics() == CacheStatistics(hits=1, misses=2)
    with pytest.raises(Damaged):
        backend.read_range(PACK, len(DATA), 1)


def test_only_what_never_changes_is_kept(inner: Counting, opened: Callable[[], CachingBackend], tmp_path: Path) -> None:
    backend = opened()
    inner.create("manifests/000000000001.json", b"{}")
    for _ in range(3):
        assert backend.read("manifests/000000000001.json") == b"{}"
        assert backend.read_range("manifests/000000000001.json", 0, 1) == b"{"
    assert kept(tmp_path) == []


def test_the_store_itself_is_asked_what_there_is(inner: Counting, opened: Callable[[], CachingBackend]) -> None:
    backend = opened()
    backend.read(PACK)
    inner.delete(PACK)
    assert (backend.size(PACK), backend.list(""), backend.sizes("")) == (None, (), ())
    with pytest.raises(ObjectMissing):
        uncached(backend).read(PACK)


def test_what_is_deleted_is_not_kept(opened: Callable[[], CachingBackend], tmp_path: Path) -> None:
    backend = opened()
    backend.read(PACK)
    backend.delete(PACK)
    assert kept(tmp_path) == []
    with pytest.raises(ObjectMissing):
        backend.read(PACK)


def cut_short(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 1)


def empty(path: Path) -> None:
    os.truncate(path, 0)


def lengthen(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"x")


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def replace_by_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("damage", [cut_short, empty, lengthen, flip, replace_by_folder])
def test_what_is_not_sound_is_read_again(
    inner: Counting, opened: Callable[[], CachingBackend], tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    opened().read(PACK)
    (path,) = kept(tmp_path)
    damage(path)
    backend = opened()
    assert backend.read(PACK) == DATA
    assert backend.read_range(PACK, 7, 9) == DATA[7:16]
    assert inner.reads[:2] == [PACK, PACK]
    if damage is not replace_by_folder:
        assert backend.statistics() == CacheStatistics(hits=1, misses=1, unsound=1)


def test_what_shrinks_while_it_is_in_use_is_read_again(opened: Callable[[], CachingBackend], tmp_path: Path) -> None:
    backend = opened()
    backend.read(PACK)
    backend.read(PACK)
    cut_short(kept(tmp_path)[0])
    assert backend.read(PACK) == DATA
    assert backend.statistics().unsound == 1


def test_what_was_not_used_for_longest_goes_first(
    inner: Counting, opened: Callable[[], CachingBackend], tmp_path: Path
) -> None:
    backend = opened()
    names = [f"packs/000000000002/{number}" for number in range(4)]
    for name in names:
        inner.create(name, bytes(30_000))
    for name in names[:3]:
        backend.read(name)
    backend.read(names[0])
    backend.read(names[3])
    inner.reads.clear()
    for name in (names[0], names[2], names[3]):
        backend.read(name)
    assert inner.reads == []
    backend.read(names[1])
    assert inner.reads == [names[1]]
    assert sum(path.stat().st_size for path in kept(tmp_path)) <= 100_000


def test_what_does_not_fit_is_not_kept(inner: Counting, opened: Callable[[], CachingBackend], tmp_path: Path) -> None:
    backend = opened()
    backend.read(PACK)
    inner.create("packs/000000000002/big", bytes(100_001))
    assert len(backend.read("packs/000000000002/big")) == 100_001
    for _ in range(3):
        assert backend.read_range("packs/000000000002/big", 100_000, 1) == b"\0"
    assert len(kept(tmp_path)) == 1


def test_a_limit_holds_for_what_is_kept(opened: Callable[[], CachingBackend]) -> None:
    backend = opened()
    for _ in range(2):
        with pytest.raises(StoreError, match=f"{len(DATA)} bytes long, 10 are allowed"):
            backend.read(PACK, bytes_max=10)
        backend.read(PACK)


def test_a_folder_that_vanishes_fails_no_read(opened: Callable[[], CachingBackend], tmp_path: Path) -> None:
    backend = opened()
    backend.read(PACK)
    shutil.rmtree(tmp_path / "cache")
    assert [backend.read(PACK), backend.read_range(PACK, 0, 2)] == [DATA, DATA[:2]]


def test_two_stores_share_a_folder_and_no_bytes(tmp_path: Path) -> None:
    stores = [CachingBackend(MemoryBackend(name), tmp_path) for name in ("one", "two")]
    for number, store in enumerate(stores):
        store.create(PACK, bytes([number]) * 10)
        store.read(PACK)
    assert [store.read(PACK) for store in stores] == [bytes(10), b"\1" * 10]


def test_a_folder_that_cannot_be_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match="name a folder that this user may write"):
        CachingBackend(MemoryBackend(), tmp_path / "file")
