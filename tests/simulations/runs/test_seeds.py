"""Runs that once failed, with all that they need: they are sound now, and fail again with the bug that they had found.

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
from cutpoint_simulations.runs import Scenario, run
from tests.simulations.runs import bugs_back


@dataclasses.dataclass(frozen=True, kw_only=True)
class Found:
    """A run, and what it complains of with the bug put back. ``kept`` is its weather: latency, jitter, split."""

    put_back: Callable[[pytest.MonkeyPatch], None]
    complaint: str
    seed: int
    plan: Plan = ()
    kept: tuple[float, float, float]
    interval_seconds: float
    habits: Habits
    shuffled: bool = False

    @property
    def scenario(self) -> Scenario:
        """What is run: nothing of it is left to the seed."""
        latency, jitter, split = self.kept
        return Scenario(
            name="bank",
            declare=functools.partial(bank.declare, habits=self.habits),
            seconds=4.0,
            progress_seconds=30.0,
            quiet_seconds=1.0,
            weather=Weather(latency_seconds=latency, jitter_seconds=jitter, split=split),
            interval_seconds=self.interval_seconds,
            shuffled=self.shuffled,
        )


FOUND = (
    Found(
        put_back=bugs_back.tasks_are_stepped_before_callbacks,
        complaint="Exception in callback BaseSelectorEventLoop._sock_write_done(",
        seed=24,
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
        complaint="invariant: cut 20: bookings: ",
        seed=15,
        plan=(
            Fault(kind="power", at=2.972, target="machine", seconds=0.358),
            Fault(kind="power", at=3.503, target="machine", seconds=0.321),
        ),
        kept=(0.0295, 0.003, 0.077),
        interval_seconds=0.1,
        habits=Habits(window_messages=2, restarting=("trieste",)),
    ),
)

each_found = pytest.mark.parametrize("found", FOUND, ids=lambda found: found.put_back.__name__.replace("_", " "))


@each_found
def test_a_run_that_failed_once_is_sound(found: Found) -> None:
    assert run(found.seed, found.scenario, plan=found.plan).verdict == ""


@each_found
def test_it_fails_again_with_the_bug_put_back(found: Found, monkeypatch: pytest.MonkeyPatch) -> None:
    found.put_back(monkeypatch)
    assert found.complaint in run(found.seed, found.scenario, plan=found.plan).verdict
