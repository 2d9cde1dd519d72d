"""Patience, in virtual time: when it asks again, what it does not ask again, how a doubtful create is settled."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from cutpoint.errors import Damaged, ObjectExists, ObjectMissing, StoreError, StoreUnavailable
from cutpoint.store import MemoryBackend
from cutpoint.store.retrying import FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS, RetryingBackend, RetryStatistics


@dataclass
class Time:
    """A clock that only sleeping moves."""

    now: float = 0.0
    pauses: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


class Faulty(MemoryBackend):
    """A memory whose calls fail as they are told: ``before`` they did anything, or ``after`` they did all of it."""

    def __init__(self) -> None:
        super().__init__("faulty")
        self.before: list[Exception | None] = []
        self.after: list[Exception | None] = []
        self.meanwhile: Callable[[], None] = lambda: None
        self.asked: list[str] = []

    def _fail(self, faults: list[Exception | None]) -> None:
        fault = faults.pop(0) if faults else None
        if fault is not None:
            raise fault

    def create(self, name: str, data: bytes) -> None:
        self.asked.append("create")
        self._fail(self.before)
        super().create(name, data)
        self._fail(self.after)

    def read(self, name: str, *, bytes_max: int | None = None) -> bytes:
        self.asked.append("read")
        self._fail(self.before)
        return super().read(name, bytes_max=bytes_max)

    def size(self, name: str) -> int | None:
        self.asked.append("size")
        self.meanwhile()
        self._fail(self.before)
        return super().size(name)

    def delete(self, name: str) -> None:
        self.asked.append("delete")
        super().delete(name)
        self._fail(self.after)


def later(reason: str = "busy") -> StoreUnavailable:
    return StoreUnavailable(f"object a was not written: {reason}; try again later")


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def inner() -> Faulty:
    return Faulty()


@pytest.fixture
def patient(inner: Faulty, time: Time) -> RetryingBackend:
    return RetryingBackend(inner, deadline_seconds=60, clock=lambda: time.now, sleep=time.sleep, chance=lambda: 1.0)


def test_what_may_succeed_later_is_tried_again(inner: Faulty, patient: RetryingBackend, time: Time) -> None:
    inner.before = [later()] * 3
    patient.create("a", b"1")
    inner.before = [later()] * 2
    assert patient.read("a") == b"1"
    inner.after = [later()] * 2
    patient.delete("a")
    assert inner.list("") == ()
    assert patient.statistics() == RetryStatistics(retries=7, settled=0, given_up=0)


def test_pauses_grow_twofold_up_to_the_longest(inner: Faulty, patient: RetryingBackend, time: Time) -> None:
    inner.before = [later()] * 9
    assert patient.size("a") is None
    assert time.pauses == [min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2**n) for n in range(9)]


def test_each_pause_is_drawn_from_all_that_it_may_be(inner: Faulty, time: Time) -> None:
    chance = random.Random(7).random
    patient = RetryingBackend(inner, clock=lambda: time.now, sleep=time.sleep, chance=chance)
    for _ in range(200):
        inner.before = [later()] * 3
        patient.size("a")
    third = sorted(time.pauses[2::3])
    longest = 4 * FIRST_PAUSE_SECONDS
    assert third[0] < 0.05 * longest
    assert third[-1] > 0.95 * longest
    assert 0.4 * longest < sum(third) / len(third) < 0.6 * longest


@pytest.mark.parametrize("error", [StoreError("no"), Damaged("no"), ObjectMissing("no"), ObjectExists("no")])
def test_what_waiting_does_not_change_is_raised_at_once(
    inner: Faulty, patient: RetryingBackend, time: Time, error: StoreError
) -> None:
    inner.before = [error]
    with pytest.raises(type(error), match="no"):
        patient.create("a", b"1")
    assert (inner.asked, time.pauses) == (["create"], [])


def test_nothing_is_tried_again_after_the_deadline(inner: Faulty, patient: RetryingBackend, time: Time) -> None:
    inner.before = [later()] * 1000
    with pytest.raises(
        StoreUnavailable, match=r"a was not written: busy; try again later \(tried 13 times in 60\.0 s\)"
    ):
        patient.read("a")
    assert time.now == 60
    assert patient.statistics().given_up == 1


def test_a_create_that_succeeded_although_its_answer_was_lost_has_succeeded(
    inner: Faulty, patient: RetryingBackend
) -> None:
    inner.after = [later("the connection was lost")]
    patient.create("a", b"mine")
    assert inner.asked == ["create", "size", "read"]
    assert patient.statistics() == RetryStatistics(retries=1, settled=1, given_up=0)


@pytest.mark.parametrize("theirs", [b"other", b"mini", b""])
def test_a_create_that_failed_while_another_succeeded_came_second(
    inner: Faulty, patient: RetryingBackend, theirs: bytes
) -> None:
    inner.before = [later()]
    inner.meanwhile = lambda: None if inner.list("") else MemoryBackend.create(inner, "a", theirs)
    with pytest.raises(ObjectExists, match="object a is in memory:faulty already"):
        patient.create("a", b"mine")
    assert inner.read("a") == theirs


def test_a_create_that_failed_and_arrives_late_has_succeeded(inner: Faulty, patient: RetryingBackend) -> None:
    """It was still under way when somebody looked, and came before the second one."""
    inner.before = [later("it did not answer in time"), None, ObjectExists("object a is there already")]
    looked: list[int] = []
    inner.meanwhile = lambda: looked.append(1)
    create = inner.create

    def arrive_late(name: str, data: bytes) -> None:
        if looked:
            MemoryBackend.create(inner, name, data)
        create(name, data)

    inner.create = arrive_late  # type: ignore[method-assign]
    patient.create("a", b"mine")
    assert inner.asked == ["create", "size", "create", "size", "read"]
    assert patient.statistics() == RetryStatistics(retries=1, settled=1, given_up=0)


def test_a_first_create_that_finds_the_very_same_bytes_came_second(inner: Faulty, patient: RetryingBackend) -> None:
    inner.create("a", b"same")
    with pytest.raises(ObjectExists):
        patient.create("a", b"same")


def test_a_create_that_cannot_be_settled_says_what_became_of_it_and_not_of_the_looking(
    inner: Faulty, patient: RetryingBackend
) -> None:
    inner.before = [later("the connection was lost"), *[StoreUnavailable("object a was not looked for: down")] * 1000]
    with pytest.raises(StoreUnavailable, match=r"not written: the connection was lost; try again later \(tried"):
        patient.create("a", b"mine")


def test_checking_is_done_once(inner: Faulty, patient: RetryingBackend, time: Time) -> None:
    asked: list[int] = []

    def check() -> None:
        asked.append(1)
        raise later()

    inner.check_writable = check  # type: ignore[method-assign]
    with pytest.raises(StoreUnavailable):
        patient.check_writable()
    assert (asked, time.pauses) == ([1], [])
