"""Notices: numbered, bounded, told to who subscribed."""

from __future__ import annotations

import pytest

from cutpoint_coordinator.notices import Notices


def test_a_subscriber_is_told_every_notice_in_order_until_it_unsubscribes() -> None:
    notices, heard = Notices(), list[tuple[int, str]]()
    notices.add("before", "nobody listens")
    unsubscribe = notices.subscribe(lambda notice: heard.append((notice.number, notice.kind)))
    notices.add("one", "the first", {"cut": 1})
    notices.add("two", "the second")
    unsubscribe()
    notices.add("after", "nobody listens")
    unsubscribe()
    assert heard == [(2, "one"), (3, "two")]
    assert notices.total == 4


def test_a_subscriber_that_fails_harms_no_other(caplog: pytest.LogCaptureFixture) -> None:
    notices, heard = Notices(), list[int]()
    notices.subscribe(lambda notice: [][notice.number])
    notices.subscribe(lambda notice: heard.append(notice.number))
    notices.add("one", "the first")
    assert heard == [1]
    assert "a subscriber failed on the notice 'one'" in caplog.text


def test_the_oldest_notices_are_forgotten_and_numbers_go_on() -> None:
    notices = Notices(kept=2)
    for kind in ("one", "two", "three"):
        notices.add(kind, kind)
    assert [(notice.number, notice.kind) for notice in notices.latest()] == [(2, "two"), (3, "three")]
