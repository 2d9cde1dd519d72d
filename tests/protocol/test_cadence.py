from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cutpoint.names import ProcessName
from cutpoint.protocol.cadence import (
    GRAIN_SECONDS,
    LOOK_SECONDS,
    ON_DEMAND,
    REST_SECONDS,
    STALE_SECONDS,
    Cadence,
    Rhythm,
)
from cutpoint.protocol.messages import Traffic

P, Q = ProcessName("p"), ProcessName("q")
EDGE = 2 * GRAIN_SECONDS


class Clockwork:
    """A cadence with a faithful driver: a clock, one timer, and one cut at a time, which lasts as long as we say."""

    def __init__(self, rhythm: Rhythm) -> None:
        self.cadence = Cadence(rhythm)
        self.now = 100.0
        self.wake_at: float | None = None
        self.open = False
        self.begun: list[float] = []
        self.ends: list[tuple[float, bool]] = []
        self.cadence.begun(self.now)
        self.look()

    def look(self) -> None:
        seconds = self.cadence.timer(self.now, blocked=self.open)
        if seconds is not None:
            self.wake_at = self.now + seconds

    def advance(self, seconds: float) -> None:
        """Let time pass; the timer runs down when it does, and a cut that is to begin begins."""
        until, last = self.now + seconds, 0
        while self.wake_at is not None and self.wake_at <= until:
            self.now, self.wake_at = max(self.now, self.wake_at), None
            last += 1
            assert last < 10_000, "the timer spins"
            if self.cadence.elapsed(self.now, blocked=self.open):
                self.open = True
                self.begun.append(self.now)
            self.look()
        self.now = max(self.now, until)

    def end(self, *, published: bool = True) -> None:
        assert self.open
        self.open = False
        self.ends.append((self.now, published))
        self.cadence.ended(self.now, published=published)
        self.look()

    def demand(self) -> None:
        """Somebody asks for a cut, and has it."""
        self.open = True
        self.look()

    def hinder(self) -> None:
        """The cut that was due could not be opened."""
        self.open = False
        self.begun.pop()
        self.cadence.hindered(self.now)
        self.look()

    def report(self, total: int, since: int | None = None, *, process: ProcessName = P, size: int = 10) -> None:
        """A process says how much it has sent, of ``size`` bytes each."""
        since = total if since is None else since
        traffic = Traffic(messages=total, bytes=total * size, messages_since=since, bytes_since=since * size)
        self.cadence.reported(self.now, process, traffic)
        self.look()


def test_the_interval_counts_from_the_end_of_a_cut() -> None:
    clock = Clockwork(Rhythm(interval_seconds=5))
    clock.advance(5)
    assert clock.begun == [105.0]
    clock.advance(3)
    clock.end()
    clock.advance(4.9)
    assert len(clock.begun) == 1
    clock.advance(0.2)
    assert clock.begun == [105.0, 113.0]


def test_an_interval_that_ends_in_the_midst_of_a_cut_begins_none() -> None:
    clock = Clockwork(Rhythm(interval_seconds=5))
    clock.advance(4)
    clock.demand()
    clock.advance(30)
    clock.end()
    clock.advance(4.9)
    assert clock.begun == []
    clock.advance(0.1)
    assert clock.begun == [139.0]


def test_enough_messages_call_for_a_cut_and_the_recovery_point_counts_them_anew() -> None:
    clock = Clockwork(Rhythm(after_messages=100))
    clock.report(60, process=P)
    clock.advance(1)
    clock.report(39, process=Q)
    clock.advance(1)
    assert clock.begun == []
    clock.report(40, process=Q)
    clock.advance(1)
    assert clock.begun == [102.0]
    clock.end()
    assert clock.cadence.volume() == (0, 0)
    clock.report(70, 10, process=P)
    clock.advance(50)
    assert len(clock.begun) == 1


def test_enough_bytes_call_for_a_cut() -> None:
    clock = Clockwork(Rhythm(after_bytes=1000))
    clock.report(99)
    clock.advance(1)
    assert clock.begun == []
    clock.report(100)
    clock.advance(0)
    assert clock.begun == [101.0]


def test_the_minimum_pause_holds_for_automatic_cuts_and_counts_from_every_end() -> None:
    clock = Clockwork(Rhythm(after_messages=10, pause_seconds=20))
    clock.demand()
    clock.advance(1)
    clock.end()
    clock.report(50)
    clock.advance(19.9)
    assert clock.begun == []
    clock.advance(0.2)
    assert clock.begun == [121.0]


def test_a_cut_that_was_abandoned_is_tried_again_with_growing_pauses() -> None:
    clock = Clockwork(Rhythm(interval_seconds=1000, retries=4, retry_seconds=1, retry_seconds_max=4))
    clock.advance(1000)
    gaps = []
    for _ in range(4):
        clock.end(published=False)
        ended = clock.now
        clock.advance(900)
        gaps.append(clock.begun[-1] - ended)
    assert gaps == [1.0, 2.0, 4.0, 4.0]
    clock.end(published=False)
    clock.advance(999)
    assert len(clock.begun) == 5, "the retries are used up: the interval counts"
    clock.advance(1)
    assert len(clock.begun) == 6


def test_a_published_cut_ends_the_row_of_setbacks() -> None:
    clock = Clockwork(Rhythm(interval_seconds=1000, retries=3))
    clock.demand()
    clock.end(published=False)
    clock.demand()
    clock.end()
    assert clock.cadence.setbacks == 0
    clock.advance(999)
    assert clock.begun == []


def test_what_could_not_be_opened_is_tried_again_and_does_not_spin() -> None:
    clock = Clockwork(Rhythm(after_messages=1, retries=2, retry_seconds=1, retry_seconds_max=10))
    clock.report(5)
    gaps, before = [], clock.now
    for _ in range(5):
        while not clock.open:
            clock.advance(0.5)
        gaps.append(clock.now - before)
        before = clock.now
        clock.hinder()
    assert gaps == [0.5, 1.0, 2.0, 10.0, 10.0], "two retries, and then the longest pause"


def test_without_automatic_cuts_nothing_is_tried_again() -> None:
    clock = Clockwork(ON_DEMAND)
    clock.demand()
    clock.end(published=False)
    assert clock.wake_at is None
    clock.report(10_000)
    assert clock.wake_at is None


def test_a_cut_waits_for_a_quiet_time_and_not_beyond_its_deadline() -> None:
    rhythm = Rhythm(interval_seconds=10, quiet_rate=50, quiet_deadline_seconds=30)
    busy = Clockwork(rhythm)
    for second in range(50):
        busy.report(second * 100)
        busy.advance(1)
    assert busy.begun == [140.0]
    calm = Clockwork(rhythm)
    for second in range(20):
        calm.report(min(second, 12) * 100)
        calm.advance(1)
    (begun,) = calm.begun
    assert 113.0 <= begun <= 114.0 + LOOK_SECONDS


def test_a_process_that_says_nothing_more_sends_nothing() -> None:
    clock = Clockwork(Rhythm(interval_seconds=10, quiet_rate=50, quiet_deadline_seconds=30))
    for second in range(11):
        clock.report(second * 100)
        clock.advance(1)
    assert clock.begun == []
    clock.advance(STALE_SECONDS + LOOK_SECONDS)
    assert len(clock.begun) == 1


def test_a_life_that_counts_anew_has_no_rate_and_a_process_that_is_gone_none_either() -> None:
    clock = Clockwork(Rhythm(after_messages=10**9))
    clock.report(1000)
    clock.advance(1)
    clock.report(1100)
    assert clock.cadence.rate(clock.now) == 100
    clock.cadence.lost(P)
    assert clock.cadence.rate(clock.now) == 0
    clock.report(5)
    assert (clock.cadence.rate(clock.now), clock.cadence.volume()) == (0, (5, 50))


@given(
    st.lists(
        st.tuples(st.sampled_from("pqr"), st.integers(0, 99)) | st.sampled_from("pqr") | st.just(None), max_size=30
    )
)
def test_the_volume_is_the_sum_of_what_those_who_are_there_said_last(
    happened: list[tuple[str, int] | str | None],
) -> None:
    """Counted as it changes, for a thousand processes report every second."""
    cadence, last = Cadence(Rhythm(after_messages=10**9)), dict[str, int]()
    for each in happened:
        if each is None:
            cadence.ended(0.0, published=True)
            last = dict.fromkeys(last, 0)
        elif isinstance(each, str):
            cadence.lost(ProcessName(each))
            last.pop(each, None)
        else:
            name, since = each
            traffic = Traffic(messages=since, bytes=2 * since, messages_since=since, bytes_since=2 * since)
            cadence.reported(0.0, ProcessName(name), traffic)
            last[name] = since
    assert cadence.volume() == (sum(last.values()), 2 * sum(last.values()))


def test_another_rhythm_holds_at_once() -> None:
    clock = Clockwork(ON_DEMAND)
    clock.advance(50)
    clock.cadence.follow(Rhythm(interval_seconds=60), clock.now)
    clock.look()
    clock.advance(10)
    assert clock.begun == [160.0]
    clock.end()
    clock.cadence.follow(ON_DEMAND, clock.now)
    clock.advance(1000)
    assert len(clock.begun) == 1, "the timer of the former rhythm runs down in vain"


@pytest.mark.parametrize("wrong", [{"interval_seconds": -1}, {"pause_seconds": float("nan")}, {"retry_seconds": 0}])
def test_a_rhythm_that_makes_no_sense_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"rhythm is made of numbers|first retry"):
        Rhythm(**wrong)  # type: ignore[arg-type]


SECONDS = st.integers(min_value=0, max_value=40)
RHYTHMS = st.builds(
    Rhythm,
    interval_seconds=st.sampled_from([0, 3, 20]),
    pause_seconds=st.sampled_from([0, 2, 30]),
    after_messages=st.sampled_from([0, 10, 200]),
    after_bytes=st.sampled_from([0, 500]),
    quiet_rate=st.sampled_from([0, 5, 1000]),
    quiet_deadline_seconds=st.sampled_from([0, 4, 25]),
    retries=st.integers(min_value=0, max_value=4),
    retry_seconds=st.sampled_from([0.5, 2]),
    retry_seconds_max=st.sampled_from([2, 9]),
)
DEEDS = st.lists(
    st.one_of(
        st.tuples(st.just("advance"), SECONDS),
        st.tuples(st.just("report"), st.integers(min_value=0, max_value=300)),
        st.tuples(st.sampled_from(["publish", "abandon", "demand", "hinder"]), st.just(0)),
    ),
    max_size=40,
)


class Judged(Clockwork):
    """What the policy promises, asked after every deed."""

    def __init__(self, rhythm: Rhythm) -> None:
        super().__init__(rhythm)
        self.rhythm = rhythm
        self.counted = self.led_from = self.now
        self.total = 0
        self.since = 0
        self.enough: float | None = None

    @property
    def pause_over(self) -> float:
        return (self.ends[-1][0] if self.ends else self.led_from) + self.rhythm.pause_seconds

    def do(self, deed: str, amount: int) -> None:
        before = len(self.begun)
        if deed == "advance":
            self.advance(amount)
        elif deed == "report":
            self.total, self.since = self.total + amount, self.since + amount
            self.report(self.total, self.since)
            messages, size = self.rhythm.after_messages, self.rhythm.after_bytes
            if self.enough is None and (0 < messages <= self.since or 0 < size <= self.since * 10):
                self.enough = self.now
        elif deed in ("publish", "abandon") and self.open:
            self.end(published=deed == "publish")
            self.counted = self.now
            if deed == "publish":
                self.since, self.enough = 0, None
                self.report(self.total, 0)
        elif deed == "demand" and not self.open:
            self.demand()
        elif deed == "hinder" and self.open and self.begun[-1:] == [self.now]:
            self.hinder()
            self.counted = self.now
            before = min(before, len(self.begun))
        self.judge(self.begun[before:])

    def judge(self, begun: list[float]) -> None:
        assert len(begun) <= 1, "a second cut began before the first one had ended"
        for at in begun:
            assert self.rhythm.automatic
            assert at >= self.pause_over - EDGE, "sooner than the minimum pause"
            self.counted = at
        if self.open or self.cadence.setbacks:
            return
        latest = []
        if self.rhythm.interval_seconds:
            latest.append(self.counted + self.rhythm.interval_seconds)
        if self.enough is not None:
            latest.append(self.enough)
        if latest:
            put_off = self.rhythm.quiet_deadline_seconds if self.rhythm.quiet_rate else 0
            assert self.now <= max(min(latest), self.pause_over) + put_off + EDGE, "later than the deadline"
            assert self.wake_at is not None, "nobody would begin it"


@settings(max_examples=400, deadline=None)
@given(RHYTHMS, DEEDS)
def test_cuts_come_neither_sooner_than_the_pause_nor_later_than_the_deadline(
    rhythm: Rhythm, deeds: list[tuple[str, int]]
) -> None:
    clock = Judged(rhythm)
    for deed, amount in deeds:
        clock.do(deed, amount)


@settings(max_examples=200, deadline=None)
@given(RHYTHMS, DEEDS)
def test_after_any_story_an_automatic_rhythm_comes_to_a_cut_again(rhythm: Rhythm, deeds: list[tuple[str, int]]) -> None:
    rhythm = dataclasses.replace(rhythm, interval_seconds=20)
    clock = Judged(rhythm)
    for deed, amount in deeds:
        clock.do(deed, amount)
    if clock.open:
        clock.end()
    begun = len(clock.begun)
    clock.advance(20 + rhythm.pause_seconds + rhythm.quiet_deadline_seconds + 1)
    assert len(clock.begun) == begun + 1


def test_an_interval_of_next_to_nothing_does_not_spin_while_no_cut_can_be_opened() -> None:
    clock = Clockwork(Rhythm(interval_seconds=1e-6, retries=0))
    for tries in range(1, 20):
        clock.advance(REST_SECONDS)
        assert len(clock.begun) == 1, f"try {tries}"
        clock.hinder()
        assert clock.wake_at is not None
        assert clock.wake_at - clock.now == pytest.approx(REST_SECONDS)
