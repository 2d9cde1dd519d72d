"""How often somebody may ask: a bucket for each caller, in bounded memory; a right token is never locked out."""

from __future__ import annotations

import asyncio

import pytest

from cutpoint_coordinator.access import limits
from cutpoint_coordinator.access.limits import Limit, retry_after
from tests.coordinator.access.test_scopes import ADMIN, call, make
from tests.coordinator.conftest import Serve


async def test_a_bucket_empties_and_fills_again(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: now)
    limit = Limit(per_second=2, burst=3)
    assert [limit.take("a") for _ in range(4)] == [0, 0, 0, 0.5]
    assert limit.take("b") == 0
    now += 0.5
    assert [limit.take("a") for _ in range(2)] == [0, 0.5]
    now += 1000
    assert [limit.take("a") for _ in range(4)] == [0, 0, 0, 0.5]


async def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "BUCKETS_MAX", 10)
    limit = Limit(per_second=1, burst=1)
    for number in range(1000):
        limit.take(str(number))
    assert limit.remembered == 10


@pytest.mark.parametrize(("seconds", "text"), [(0.01, "1"), (1.0, "1"), (1.2, "2"), (60, "60")])
def test_how_long_to_wait_is_told_in_whole_seconds(seconds: float, text: str) -> None:
    assert retry_after(seconds) == text


async def test_who_asks_too_often_is_told_when_to_come_again(serve: Serve) -> None:
    service = await serve(token=ADMIN, requests_per_second=2.0)
    hasty, patient = await make(service, "hasty", "observe"), await make(service, "patient", "observe")
    answers = [await call(service, "GET", "/v1/cuts", hasty) for _ in range(10)]
    assert [answer[0] for answer in answers[:4]] == [200] * 4
    status, code, headers = answers[-1]
    assert (status, code, headers["Retry-After"]) == (429, "too_many_requests", "1")
    assert (await call(service, "GET", "/v1/cuts", patient))[0] == 200
    assert (await call(service, "GET", "/healthz"))[0] == 200


async def test_wrong_tokens_are_limited_and_lock_nobody_else_out(serve: Serve) -> None:
    service = await serve(token=ADMIN)
    answers = [(await call(service, "GET", "/v1/cuts", "wrong"))[:2] for _ in range(30)]
    assert answers[0] == (401, "unauthorized")
    assert answers[-1] == (429, "too_many_failures")
    assert (await call(service, "GET", "/v1/cuts", ADMIN))[0] == 200
