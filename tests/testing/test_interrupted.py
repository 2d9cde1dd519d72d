from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cutpoint.store import Backend, DirectoryBackend, MemoryBackend
from cutpoint.testing.backend_suite import CLAIMS, Claim
from cutpoint.testing.interrupted import Died, InterruptedBackend, every_crash


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.__name__)
def test_without_a_limit_it_is_the_backend_behind_it(claim: Claim, tmp_path: Path) -> None:
    claim(lambda: InterruptedBackend(DirectoryBackend(tmp_path)))


def write_two_and_delete_one(backend: Backend) -> None:
    backend.create("a", b"1")
    backend.read("a")
    backend.create("b", b"2")
    backend.delete("a")


def test_every_moment_at_which_a_crash_can_come_is_tried_once() -> None:
    crashes = list(every_crash(MemoryBackend, write_two_and_delete_one))
    assert [crash.store.list("") for crash in crashes] == [(), ("a",), ("a", "b"), ("b",)]
    assert [crash.operations for crash in crashes] == [0, 1, 2, 3]
    assert [crash.finished for crash in crashes] == [False, False, False, True]
    assert len(list(every_crash(MemoryBackend, write_two_and_delete_one, writes_only=False))) == 5


def test_the_dead_do_nothing_more_not_even_read() -> None:
    backend = InterruptedBackend(MemoryBackend(), 1)
    backend.create("a", b"")
    with pytest.raises(Died):
        backend.create("b", b"")
    calls: tuple[Callable[[], object], ...] = (
        lambda: backend.read("a"),
        lambda: backend.read_range("a", 0, 0),
        lambda: backend.size("a"),
        lambda: backend.list(""),
        lambda: backend.sizes(""),
        lambda: backend.delete("a"),
        backend.check_writable,
    )
    for call in calls:
        with pytest.raises(Died):
            call()
    assert backend.inner.list("") == ("a",)


def test_death_on_one_thread_is_death_on_all() -> None:
    backend = InterruptedBackend(MemoryBackend(), 5)
    with ThreadPoolExecutor(4) as pool, pytest.raises(Died):
        list(pool.map(lambda number: backend.create(f"object-{number}", b""), range(20)))
    assert len(backend.inner.list("")) == backend.done == 5


def test_what_never_ends_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cutpoint.testing.interrupted.CRASHES_MAX", 10)

    def endless(backend: Backend) -> None:
        while True:
            backend.delete("a")

    with pytest.raises(AssertionError, match="not come to its end within 10 operations"):
        list(every_crash(MemoryBackend, endless))
