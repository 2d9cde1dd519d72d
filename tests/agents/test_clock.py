"""`agent.clock`: it never goes back in one life, and is never before what a restore brings back."""

from __future__ import annotations

import datetime
import logging
import time

import pytest

from cutpoint.errors import Damaged
from cutpoint.state import CapturedState, States
from cutpoint.state.plain import encode_plain
from cutpoint_agents.clock import CLOCK_STATE, Clock, recorded_moment

NOON = 1_700_000_000.0


class Host:
    """A machine whose clock can be set; ``ticks`` goes on by itself."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.shows, self.ticks = NOON, 50.0
        monkeypatch.setattr(time, "time", lambda: self.shows)
        monkeypatch.setattr(time, "monotonic", lambda: self.ticks)

    def wait(self, seconds: float) -> None:
        self.shows += seconds
        self.ticks += seconds


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Host:
    return Host(monkeypatch)


def states_of(clock: Clock) -> States:
    states = States()
    states.built_in(CLOCK_STATE, clock.built_in())
    return states


def test_it_shows_the_true_time(host: Host) -> None:
    clock = Clock()
    assert clock.time() == NOON
    host.wait(2.5)
    assert clock.time() == NOON + 2.5
    assert clock.now() == datetime.datetime.fromtimestamp(NOON + 2.5, datetime.UTC)


def test_a_host_whose_clock_is_set_back_does_not_take_it_along(host: Host) -> None:
    clock = Clock()
    host.wait(10)
    assert clock.time() == NOON + 10
    host.shows -= 3600
    assert clock.time() == NOON + 10
    host.wait(5)
    assert clock.time() == NOON + 15, "it goes on at its ordinary pace"


def test_a_host_whose_clock_is_set_to_and_fro_does_not_drive_it_ahead(host: Host) -> None:
    clock = Clock()
    for _ in range(5):
        clock.time()
        host.shows -= 100
        clock.time()
        host.shows += 100
    host.wait(1)
    assert clock.time() == host.shows


def test_time_stands_still_for_nobody_who_asks_often(host: Host) -> None:
    clock = Clock()
    clock.time()
    host.shows -= 3600
    clock.time()
    for _ in range(1000):
        host.wait(1e-7)
        clock.time()
    assert clock.time() == pytest.approx(NOON + 1e-4, abs=1e-6)


def test_a_restore_goes_on_from_the_true_time_where_that_is_later(host: Host) -> None:
    captured = states_of(Clock()).capture()
    assert recorded_moment(captured) == NOON
    host.wait(86400)
    other = Clock()
    states_of(other).check(captured).apply()
    assert other.time() == NOON + 86400


def test_a_restore_goes_on_from_the_record_where_the_host_is_behind(
    host: Host, caplog: pytest.LogCaptureFixture
) -> None:
    captured = states_of(Clock()).capture()
    host.shows -= 600
    other = Clock()
    with caplog.at_level(logging.WARNING):
        states_of(other).check(captured).apply()
    assert caplog.messages == ["agent.clock is 600 seconds ahead of this host's clock, as the recorded one was"]
    host.wait(1)
    assert other.time() == NOON + 1
    host.wait(600)
    host.shows += 600
    assert other.time() == host.shows, "the host is right again"


def test_a_rollback_in_place_does_not_turn_the_clock_back(host: Host) -> None:
    clock = Clock()
    states = states_of(clock)
    captured = states.capture()
    host.wait(10)
    assert clock.time() == NOON + 10
    host.shows = NOON + 3
    states.check(captured).apply()
    assert clock.time() == NOON + 10


def test_a_part_without_a_clock_restores(host: Host) -> None:
    clock = Clock()
    states_of(clock).check(()).apply()
    assert clock.time() == host.shows
    assert recorded_moment(()) is None


@pytest.mark.parametrize("content", [1, -1.0, float("nan"), float("inf"), "noon", None, [NOON]])
def test_what_is_no_moment_is_damage(host: Host, content: object) -> None:
    stored = CapturedState(name=CLOCK_STATE, kind="built-in", version=1, format="msgpack", data=encode_plain(content))
    with pytest.raises(Damaged, match="is not a moment; nothing was changed"):
        states_of(Clock()).check([stored])
