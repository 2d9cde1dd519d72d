"""One seeded run: faults while everything is judged, then healing, progress, quiet, and the last judgement.

The seed decides everything: the faults, the weather, the order of what is ready, the latencies and what a loss of power
leaves. A run ends at its first violation.
"""

from __future__ import annotations

import random

from cutpoint_simulations.cluster import Cluster
from cutpoint_simulations.faults import Places, Plan, draw
from cutpoint_simulations.runs.outcome import Outcome
from cutpoint_simulations.runs.scenario import Scenario
from cutpoint_simulations.runs.trial import Trial


def run(seed: int, scenario: Scenario, *, plan: Plan | None = None, traced: bool = False) -> Outcome:
    """Run ``scenario`` with ``seed``, and with the faults of ``plan``; None: those that the seed draws.

    Raises `CutpointError` if the services cannot be declared.
    """
    with Trial(seed, scenario, traced=traced) as trial:
        if plan is None:
            plan = draw_plan(seed, scenario, trial.cluster)
        trial.begin(plan)
        if not trial.let_pass(scenario.seconds):
            trial.finish()
        return Outcome(
            scenario=scenario.name,
            seed=seed,
            plan=plan,
            digest=trial.simulation.digest,
            violations=trial.violations,
            statistics=trial.simulation.statistics(),
            counts=trial.counts(),
            trace=trial.trace() if traced else None,
        )


def draw_plan(seed: int, scenario: Scenario, cluster: Cluster) -> Plan:
    """The faults that a seed draws."""
    return draw(random.Random(f"{seed}/faults"), Places.of(cluster), scenario.seconds, kinds=scenario.kinds)
