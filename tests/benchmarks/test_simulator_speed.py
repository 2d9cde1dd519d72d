"""How many whole runs of three banks with real agents and a real coordinator one core gets through in a second.

A run is what `cutpoint simulate` does for each seed: all faults, healing, progress, quiet, every oracle. DESIGN's
target speaks of a comparable scenario of another simulator: the second figure is of banks in calm weather for as
long as it takes to publish four recovery points, nobody watching.
"""

from __future__ import annotations

import statistics
import time

from cutpoint_simulations import bank
from cutpoint_simulations.cluster import Cluster
from cutpoint_simulations.loop import Simulation
from cutpoint_simulations.loop.substitution import SUBSTITUTED
from cutpoint_simulations.runs import BANK, run
from tests.benchmarks.conftest import RecordRatio

ROUNDS = 5
SEEDS = 10
CALM_SECONDS = 2.2
"""Four cuts, half a second from one to the next."""


def test_seeds_per_second_of_three_banks(record_ratio: RecordRatio) -> None:
    found = []
    with SUBSTITUTED:
        for _ in range(ROUNDS):
            started = time.process_time()
            for seed in range(SEEDS):
                assert not run(seed, BANK).failed
            found.append(SEEDS / (time.process_time() - started))
    record_ratio("simulator_seeds_per_second", statistics.median(found), (min(found), max(found)))


def test_seeds_per_second_of_three_banks_that_nothing_befalls_and_nobody_judges(record_ratio: RecordRatio) -> None:
    found = []
    with SUBSTITUTED:
        for _ in range(ROUNDS):
            started = time.process_time()
            for seed in range(SEEDS):
                _calm(seed)
            found.append(SEEDS / (time.process_time() - started))
    record_ratio("simulator_calm_seeds_per_second", statistics.median(found), (min(found), max(found)))


def _calm(seed: int) -> None:
    with Simulation(seed) as simulation:
        cluster = Cluster(simulation)
        bank.declare(cluster)
        cluster.start()
        simulation.run(until=CALM_SECONDS)
        assert len(cluster.registry.ledger().points) >= 3
