"""Runs that once failed, with all that they need: they are sound now, and such runs fail again with the bug put back.

What a seed draws changes with every new kind of faults; so faults, weather and everything else stand here.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable

import pytest

from cutpoint_simulations import bank
from cutpoint_simulations.bank import Habits
from cutpoint_simulations.faults import Fault, Plan
from cutpoint_simulations.loop import Weather
from cutpoint_simulations.loop.simulation import TURN_SECONDS
from cutpoint_simulations.runs import Scenario, run
from tests.simulations.runs import bugs_back


@dataclasses.dataclass(frozen=True, kw_only=True)
class Found:
    """A run, and what it complains of with the bug put back: with ``seed``, or with one of the next ones.

    ``kept`` is its weather: latency, jitter, split; ``seconds``: when it is healed.
    """

    put_back: Callable[[pytest.MonkeyPatch], None]
    complaint: str
    seed: int
    plan: Plan = ()
    kept: tuple[float, float, float]
    interval_seconds: float
    habits: Habits
    shuffled: bool = False
    seconds: float = 4.0
    coordinators: int = 1

    @property
    def scenario(self) -> Scenario:
        """What is run: nothing of it is left to the seed."""
        latency, jitter, split = self.kept
        return Scenario(
            name="bank",
            declare=functools.partial(bank.declare, habits=self.habits),
            seconds=self.seconds,
            coordinators=self.coordinators,
            progress_seconds=10.0,
            quiet_seconds=1.0,
            weather=Weather(latency_seconds=latency, jitter_seconds=jitter, split=split),
            interval_seconds=self.interval_seconds,
            shuffled=self.shuffled,
            preempted=0.0,
            turn_seconds=TURN_SECONDS,
            keep="",
            replicated=False,
        )


KILLS = (0.8, 1.5, 2.2, 2.9, 3.6, 4.3, 5.0, 5.7)
"""Recovery upon recovery, with some cuts in between."""

FOUND = (
    Found(
        put_back=bugs_back.tasks_are_stepped_before_callbacks,
        complaint="Exception in callback BaseSelectorEventLoop._sock_write_done(",
        seed=25,
        kept=(0.0023, 0.00023, 0.126),
        interval_seconds=0.25,
        habits=Habits(window_messages=16),
        shuffled=True,
    ),
    Found(
        put_back=bugs_back.strangers_may_not_go_back,
        complaint="cut 1: went back to it and had never recorded it",
        seed=136,
        plan=(
            Fault(kind="partition", at=0.721, target="trieste,vienna", other="coordinator,prague", seconds=0.479),
            Fault(kind="kill", at=1.122, target="prague", seconds=0.08),
        ),
        kept=(0.045, 0.18, 0.165),
        interval_seconds=0.25,
        habits=Habits(window_messages=256),
    ),
    Found(
        put_back=bugs_back.resets_are_unforeseen,
        complaint="unforeseen: coordinator: failed for an unforeseen reason: ClientConnectionResetError: ",
        seed=2,
        plan=(Fault(kind="kill", at=0.106, target="trieste", seconds=0.022),),
        kept=(0.0206, 0.0823, 0.176),
        interval_seconds=0.5,
        habits=Habits(window_messages=256, restarting=("prague",)),
    ),
    Found(
        put_back=bugs_back.restored_sessions_keep_their_numbers,
        complaint="bookings: ",
        seed=17,
        plan=(
            Fault(kind="power", at=2.972, target="machine", seconds=0.358),
            Fault(kind="power", at=3.503, target="machine", seconds=0.321),
        ),
        kept=(0.0295, 0.003, 0.077),
        interval_seconds=0.1,
        habits=Habits(window_messages=2, restarting=("trieste",)),
    ),
    Found(
        put_back=bugs_back.delays_multiply,
        complaint="exactly once: ",
        seed=528,
        plan=(
            Fault(kind="delay", at=0.5, target="trieste", other="vienna", seconds=1.4, amount=0.3),
            Fault(kind="delay", at=1.1, target="vienna", other="trieste", seconds=0.2, amount=0.132),
        ),
        kept=(0.000119, 0.000119, 0.041),
        interval_seconds=0.25,
        habits=Habits(window_messages=16, restarting=("trieste",)),
        shuffled=True,
        seconds=2.0,
    ),
    Found(
        put_back=bugs_back.delays_multiply,
        complaint="exactly once: ",
        seed=1312,
        plan=(
            Fault(kind="delay", at=0.24, target="trieste", other="vienna", seconds=1.334, amount=0.735),
            Fault(kind="delay", at=0.621, target="vienna", other="trieste", seconds=0.32, amount=0.813),
        ),
        kept=(0.000265, 0.000027, 0.114),
        interval_seconds=0.25,
        habits=Habits(window_messages=256),
        seconds=2.0,
    ),
    Found(
        put_back=bugs_back.delays_multiply,
        complaint="exactly once: ",
        seed=1776,
        plan=(
            Fault(kind="delay", at=0.729, target="vienna", other="prague", seconds=2.67, amount=0.126),
            Fault(kind="delay", at=0.849, target="vienna", other="prague", seconds=1.277, amount=0.017),
            Fault(kind="delay", at=1.719, target="vienna", other="prague", seconds=1.362, amount=0.145),
        ),
        kept=(0.000146, 0.000146, 0.056),
        interval_seconds=0.1,
        habits=Habits(window_messages=256),
        shuffled=True,
        seconds=2.0,
    ),
    Found(
        put_back=bugs_back.delays_multiply,
        complaint="exactly once: ",
        seed=2279,
        plan=(
            Fault(kind="delay", at=0.424, target="vienna", other="prague", seconds=0.788, amount=0.022),
            Fault(kind="delay", at=0.489, target="prague", other="vienna", seconds=2.945, amount=0.687),
        ),
        kept=(0.000157, 0.000157, 0.019),
        interval_seconds=0.1,
        habits=Habits(window_messages=2),
        seconds=2.0,
    ),
    Found(
        put_back=bugs_back.quiet_is_over_at_once,
        complaint="bookings: ",
        seed=8,
        plan=(
            Fault(kind="kill", at=0.5, target="vienna", seconds=0.03),
            Fault(kind="kill", at=1.1, target="prague", seconds=0.5),
            Fault(kind="delay", at=1.5, target="prague", other="vienna", seconds=0.789, amount=2.0),
        ),
        kept=(0.0085, 0.034, 0.187),
        interval_seconds=0.25,
        habits=Habits(window_messages=256),
        seconds=2.0,
    ),
    Found(
        put_back=bugs_back.services_end_once_they_have_started,
        complaint="progress: prague does not run: it is ready",
        seed=8531,
        plan=(
            Fault(kind="kill-coordinator", at=0.135, target="coordinator", seconds=0.02),
            Fault(kind="terminate", at=0.709, target="prague"),
            Fault(kind="drop", at=1.251, target="coordinator", other="trieste", amount=0.242),
            Fault(kind="demand-recovery", at=1.657),
            Fault(kind="full-disk", at=1.858, target="machine", seconds=0.942, amount=1),
            Fault(kind="registry-outage", at=1.924, seconds=5.936),
        ),
        kept=(0.042445, 0.042445, 0.008),
        interval_seconds=0.25,
        habits=Habits(window_messages=256, restarting=("trieste",)),
        seconds=2.0,
    ),
    Found(
        put_back=bugs_back.resigned_leases_are_kept_up,
        complaint="progress: after the healing at 4.000 s a cut after ",
        seed=9468,
        plan=(Fault(kind="dropped-calls", at=0.08, seconds=3.5, amount=0.7),),
        kept=(0.0085, 0.034, 0.187),
        interval_seconds=0.25,
        habits=Habits(window_messages=256),
    ),
    Found(
        put_back=bugs_back.found_manifests_may_not_be_durable,
        complaint="durability: cut 1: object manifests/000000000001.json in ",
        seed=23680,
        plan=(
            Fault(kind="kill-at-object", at=0.088, target="machine", other="manifests", seconds=0.962),
            Fault(kind="torn-write", at=1.011, target="machine", seconds=1.014, amount=13),
        ),
        kept=(0.0085, 0.034, 0.187),
        interval_seconds=0.25,
        habits=Habits(window_messages=256),
        seconds=2.0,
        coordinators=3,
    ),
    Found(
        put_back=bugs_back.ended_sessions_are_opened_anew,
        complaint="progress: after the healing at 6.500 s a cut after ",
        seed=16,
        plan=tuple(Fault(kind="kill", at=at, target="prague", seconds=0.03) for at in KILLS),
        kept=(0.03, 0.03, 0.05),
        interval_seconds=0.1,
        habits=Habits(window_messages=256),
        seconds=6.5,
    ),
)

SEEDS_MOST = 40

each_found = pytest.mark.parametrize(
    "found", FOUND, ids=lambda found: f"{found.put_back.__name__.replace('_', ' ')}, seed {found.seed}"
)


@each_found
def test_a_run_that_failed_once_is_sound(found: Found) -> None:
    assert run(found.seed, found.scenario, plan=found.plan).verdict == ""


@each_found
def test_the_bug_is_noticed_within_a_few_seeds_when_it_is_put_back(
    found: Found, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is added to the programs that run changes what a seed decides, and so which seed it is."""
    found.put_back(monkeypatch)
    seeds = range(found.seed, found.seed + SEEDS_MOST)
    assert any(found.complaint in run(seed, found.scenario, plan=found.plan).verdict for seed in seeds)
