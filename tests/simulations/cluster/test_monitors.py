"""Monitors in a simulated computation: no false alarm among faults, money that is invented, the same function twice."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from cutpoint.errors import ConfigurationError
from cutpoint.monitors import Monitor, Recorded, conservation, deadlock, monitor
from cutpoint.monitors.deployed import deploy
from cutpoint_coordinator.monitoring.answers import MonitorAnswer
from cutpoint_simulations.bank import computation
from cutpoint_simulations.cluster import Cluster
from cutpoint_simulations.loop import Simulation

money = conservation(
    "money",
    states=computation.holdings,
    payload=computation.payment,
    total=lambda point: computation.total(tuple(point.states)),
)
locked = deadlock("locked")
HABITS = computation.Habits(window_messages=16)


@monitor("stingy", period_seconds=1.0)
def stingy(point: Recorded) -> str | None:
    """Complains of whoever has paid."""
    paid = sum(states["paid"] for states in point.states.values())
    return f"{paid} payments were made" if paid else None


def put(cluster: Cluster, *monitors: Monitor) -> None:
    for one in monitors:
        deployed = deploy(one, written_in=sys.modules[__name__])
        cluster.ask(lambda client, what=deployed: client.put_monitor(what))  # type: ignore[misc]


def found(cluster: Cluster) -> dict[str, MonitorAnswer]:
    answer: Any = cluster.ask(lambda client: client.monitors())
    return {one.name: one for one in answer.monitors}


def test_a_long_healthy_run_with_a_change_of_leaders_raises_no_alarm_and_leaves_no_cut_out() -> None:
    with Simulation(seed=11) as simulation:
        cluster = Cluster(simulation, coordinators=2)
        computation.declare(cluster, HABITS)
        cluster.start()
        simulation.run(until=2.0)
        put(cluster, money, locked)
        simulation.run(until=8.0)
        before = found(cluster)
        assert before["money"].checked > 5
        (leading,) = [host for host in cluster.coordinators.values() if host.name == leader(cluster)]
        leading.kill()
        simulation.run(until=20.0)
        after = found(cluster)
        for name in ("money", "locked"):
            assert (after[name].violated, after[name].failed, after[name].skipped) == (0, 0, 0)
            assert after[name].checked >= before[name].checked + 5
        points: Any = cluster.ask(lambda client: client.points())
        assert after["money"].last_cut >= points.points[-1].cut - 2


def leader(cluster: Cluster) -> str:
    health: Any = cluster.ask(lambda client: client.topology())
    return str(health.address).removeprefix("http://").partition(":")[0]


def test_a_violation_pins_one_cut_and_is_known_to_the_next_leader() -> None:
    with Simulation(seed=5) as simulation:
        cluster = Cluster(simulation, coordinators=2)
        computation.declare(cluster, HABITS)
        cluster.start()
        simulation.run(until=3.0)
        put(cluster, stingy)
        simulation.run(until=7.0)
        (episode,) = found(cluster)["stingy"].episodes
        assert episode.complaint.endswith("payments were made")
        (leading,) = [host for host in cluster.coordinators.values() if host.name == leader(cluster)]
        leading.kill()
        simulation.run(until=14.0)
        (later,) = found(cluster)["stingy"].episodes
        assert (later.first, later.over) == (episode.first, False)
        assert later.last > episode.last
        points: Any = cluster.ask(lambda client: client.points())
        pinned = {point.cut: point.labels for point in points.points if point.pinned}
        assert pinned == {episode.first: ("violation-stingy",)}


def test_a_monitor_is_an_invariant_of_a_cluster_by_its_name() -> None:
    with Simulation(seed=1) as simulation:
        cluster = Cluster(simulation)
        cluster.monitor(money)
        assert cluster.invariants == {"money": money}
        with pytest.raises(ConfigurationError, match="two invariants called 'money'"):
            cluster.monitor(money)
