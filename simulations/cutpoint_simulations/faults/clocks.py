"""What clocks do: a wall clock that is set wrong, a clock that runs too fast or too slow."""

from __future__ import annotations

import random

from cutpoint_simulations.cluster import Cluster
from cutpoint_simulations.faults.fault import End, Fault, Kind, Places, find_host, short_time


def _draw_skew(chance: random.Random, places: Places) -> Fault:
    amount = round(chance.choice((-1, 1)) * 10 ** chance.uniform(-2, 5), 3)
    return Fault(kind="skew", at=0, target=chance.choice(places.hosts), seconds=short_time(chance), amount=amount)


def _skew(fault: Fault, cluster: Cluster) -> End:
    clock = find_host(cluster, fault.target).clock
    clock.skew_seconds += fault.amount

    def end() -> None:
        clock.skew_seconds -= fault.amount

    return end


def _draw_drift(chance: random.Random, places: Places) -> Fault:
    amount = round(chance.choice((chance.uniform(0.5, 0.95), chance.uniform(1.05, 2))), 3)
    return Fault(kind="drift", at=0, target=chance.choice(places.hosts), seconds=2 * short_time(chance), amount=amount)


def _drift(fault: Fault, cluster: Cluster) -> End:
    host = find_host(cluster, fault.target)

    def run(times: float) -> None:
        host.clock.run_at(host.clock.rate * times)
        host.wake()  # what it had planned is due at another time now

    run(fault.amount)
    return lambda: run(1 / fault.amount)


KINDS = (
    Kind(
        name="skew",
        about="a wall clock is set ahead or back, and set right again",
        words="the wall clock of {target} is set {amount:+g} s for {seconds:g} s",
        draw=_draw_skew,
        begin=_skew,
    ),
    Kind(
        name="drift",
        about="a clock runs too fast or too slow",
        words="the clock of {target} runs {amount:g} times as fast for {seconds:g} s",
        draw=_draw_drift,
        begin=_drift,
    ),
)
