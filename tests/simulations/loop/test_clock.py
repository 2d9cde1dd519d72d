from __future__ import annotations

import asyncio
import datetime
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cutpoint_simulations.loop import Simulation
from cutpoint_simulations.loop.agenda import Agenda
from cutpoint_simulations.loop.clock import EPOCH, UPTIME_SECONDS, Clock
from tests.simulations.loop.running import started


def test_things_happen_in_order_and_two_at_once_in_the_order_in_which_they_were_planned() -> None:
    agenda, seen = Agenda(), list[str]()
    agenda.at(2.0, seen.append, "c")
    agenda.at(1.0, seen.append, "a")
    agenda.after(1.0, seen.append, "b")
    agenda.at(1.5, lambda: agenda.at(0.5, seen.append, "at once"))
    while agenda.next_at < 10:
        agenda.check()
        agenda.happen()
    assert (seen, agenda.now) == (["a", "b", "at once", "c"], 2.0)


@given(steps=st.lists(st.tuples(st.floats(0, 100), st.floats(0.1, 10), st.floats(0, 5)), max_size=20))
def test_a_steady_clock_never_goes_back_whatever_its_rate_and_knows_when_it_will_show_what(
    steps: list[tuple[float, float, float]],
) -> None:
    agenda = Agenda()
    clock = Clock(agenda=agenda)
    before = clock.monotonic()
    assert before == UPTIME_SECONDS
    for seconds, rate, skew in steps:
        agenda.now += seconds
        clock.run_at(rate)
        clock.skew_seconds += skew - 2.5
        assert clock.monotonic() >= before
        before = clock.monotonic()
        assert clock.true_time(before + 1) == pytest.approx(agenda.now + 1 / rate)
        assert clock.wall() == pytest.approx(EPOCH + clock.skew_seconds + before - UPTIME_SECONDS)


def test_hosts_see_their_own_clocks_in_the_same_moment() -> None:
    async def look() -> tuple[float, float, float, datetime.datetime]:
        return time.monotonic(), asyncio.get_running_loop().time(), time.time(), datetime.datetime.now(datetime.UTC)

    with Simulation(1, epoch=1e9) as simulation:
        right, wrong = started(simulation, "right"), started(simulation, "wrong")
        wrong.clock.skew_seconds = -3600.0
        simulation.run(until=10.0)
        steady, looped, wall, date = simulation.complete(look(), on=right)
        assert steady == looped == pytest.approx(UPTIME_SECONDS + 10, abs=0.01)
        assert wall == pytest.approx(1e9 + 10, abs=0.01)
        assert date.timestamp() == pytest.approx(wall, abs=1e-5)
        steady, looped, wall, date = simulation.complete(look(), on=wrong)
        assert steady == pytest.approx(UPTIME_SECONDS + 10, abs=0.01)
        assert wall == pytest.approx(1e9 + 10 - 3600, abs=0.01)
        assert date.timestamp() == pytest.approx(wall, abs=1e-5)


@pytest.mark.parametrize("rate", [0.5, 1.0, 2.0])
def test_a_clock_that_drifts_rings_by_its_own_time(rate: float) -> None:
    with Simulation(1) as simulation:
        host = started(simulation, "host")
        sleeping = host.spawn(asyncio.sleep(10))
        simulation.run(until=2)
        host.clock.run_at(rate)
        host.wake()
        simulation.run(until=2 + 8 / rate - 0.1)
        assert not sleeping.done()
        simulation.run(until=2 + 8 / rate + 0.1)
        assert sleeping.done()
