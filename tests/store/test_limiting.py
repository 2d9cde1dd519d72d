from __future__ import annotations

import threading

import pytest

from cutpoint.errors import ObjectExists, UsageError
from cutpoint.store import MemoryBackend
from cutpoint.store.limiting import LimitingBackend, TokenBucket


class Time:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def limited(time: Time, **limits: float) -> LimitingBackend:
    return LimitingBackend(MemoryBackend(), clock=time.clock, sleep=time.sleep, **limits)


def test_bytes_flow_at_the_rate_after_one_second_s_worth() -> None:
    time = Time()
    backend = limited(time, bytes_per_second=1000)
    for number in range(10):
        backend.create(f"a{number}", bytes(500))
    assert time.now == pytest.approx(4)  # 5000 bytes, 1000 of them at once
    time.now += 100
    backend.create("b", bytes(1000))
    assert time.now == pytest.approx(104)
    backend.create("c", bytes(3000))  # more than a bucket holds
    assert time.now == pytest.approx(107)


def test_a_read_is_paid_by_who_comes_next() -> None:
    time = Time()
    backend = limited(time, bytes_per_second=1000)
    backend.create("a", bytes(1000))
    assert len(backend.read("a")) == 1000
    assert time.now == 0
    assert backend.size("a") == 1000
    assert time.now == pytest.approx(1)
    assert backend.read_range("a", 100, 500) == bytes(500)
    backend.list("")
    assert time.now == pytest.approx(1.5)


def test_operations_are_counted_whatever_they_are() -> None:
    time = Time()
    backend = limited(time, operations_per_second=2)
    backend.create("a", b"1")
    for call in (
        lambda: backend.read("a"),
        lambda: backend.read_range("a", 0, 1),
        lambda: backend.size("a"),
        lambda: backend.list(""),
        lambda: backend.sizes(""),
        lambda: backend.delete("a"),
        lambda: backend.delete("a"),
    ):
        call()
    assert time.now == pytest.approx(3)  # 8 operations, 2 of them at once


def test_a_refused_call_is_paid_too() -> None:
    time = Time()
    backend = limited(time, operations_per_second=1)
    backend.create("a", b"1")
    with pytest.raises(ObjectExists):
        backend.create("a", b"1")
    assert time.now == pytest.approx(1)


def test_less_than_one_operation_a_second_is_possible() -> None:
    time = Time()
    backend = limited(time, operations_per_second=0.25)
    for _ in range(5):
        backend.size("a")
    assert 16 <= time.now <= 20


def test_threads_share_one_rate() -> None:
    """Each waits behind those that came before; together they get what one would."""
    time = Time()
    waits: list[float] = []
    bucket = TokenBucket(100, clock=time.clock, sleep=waits.append)
    threads = [threading.Thread(target=bucket.take, args=(100,)) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(waits) == pytest.approx([1, 2, 3, 4])


@pytest.mark.parametrize("rate", [0, -1, float("nan")])
def test_a_limit_that_allows_nothing_is_refused(rate: float) -> None:
    with pytest.raises(UsageError, match="allows nothing"):
        TokenBucket(rate)
