"""Declared policies under real agents and real coordinators, in virtual time."""

from __future__ import annotations

import itertools

import pytest

from cutpoint.policy import Cuts, Policy, Retries
from cutpoint.protocol.ledger import from_records
from cutpoint_simulations import bank
from cutpoint_simulations.cluster import Cluster, settings
from cutpoint_simulations.loop import Simulation

SECONDS = 15.0


def cut_times(policy: Policy, *, seed: int) -> list[tuple[float, float]]:
    """When each cut got its number, and when it ended."""
    with Simulation(seed) as simulation:
        cluster = Cluster(simulation, coordinator=settings(interval_seconds=None, policy=policy), coordinators=2)
        bank.declare(cluster)
        begun: dict[int, float] = {}
        ended: dict[int, float] = {}

        def committed(_: object, transaction: object) -> None:
            records = from_records(dict(transaction.puts), computation="")  # type: ignore[attr-defined]
            if records.computation.open_cut:
                begun.setdefault(records.computation.open_cut, simulation.agenda.now)
            for cut in (*records.points, *records.abandoned):
                ended.setdefault(cut, simulation.agenda.now)

        cluster.registry.committed.append(committed)
        cluster.start()
        simulation.run(until=SECONDS)
        return [(begun[cut], ended[cut]) for cut in sorted(ended)]


@pytest.mark.parametrize("seed", range(3))
def test_messages_call_for_cuts_and_the_minimum_pause_lies_between_them(seed: int) -> None:
    policy = Policy(cuts=Cuts(after_messages=20, minimum_pause_seconds=2.0))
    times = cut_times(policy, seed=seed)
    assert len(times) >= 3
    assert all(begin - end >= 2.0 - 1e-3 for (_, end), (begin, _) in itertools.pairwise(times))


@pytest.mark.parametrize("seed", range(3))
def test_a_busy_computation_has_its_cuts_by_the_deadline_of_quiet_times(seed: int) -> None:
    cuts = Cuts(interval_seconds=1.0, quiet_below=0.001, quiet_deadline_seconds=2.0)
    times = cut_times(Policy(cuts=cuts, retries=Retries(attempts=0)), seed=seed)
    assert len(times) >= 3
    gaps = [begin - end for (_, end), (begin, _) in itertools.pairwise(times)]
    assert all(1.0 - 1e-3 <= gap <= 3.5 for gap in gaps)
    assert max(gaps) > 1.5, "nothing was ever put off"
