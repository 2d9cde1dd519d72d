"""One seeded run that has to be sound: for tests that choose with `given`, with seeds, or not at all."""

from __future__ import annotations

from cutpoint_simulations.faults import Plan
from cutpoint_simulations.kit.failure import SimulationFailed, headline, last_look, say
from cutpoint_simulations.runs import Outcome, Scenario, run


def check(seed: int, scenario: Scenario, *, plan: Plan | None = None, title: str = "") -> Outcome:
    """Run ``scenario`` with ``seed`` and the faults of ``plan`` (None: those that the seed draws).

    Raises `SimulationFailed` if anything is wrong; its diagram is drawn under ``title``, or the scenario's name.
    """
    __tracebackhide__ = True
    told = last_look()
    outcome = run(seed, scenario, plan=plan, traced=told)
    if not outcome.failed:
        return outcome
    if outcome.trace is None:
        raise SimulationFailed(headline(outcome.violations[0]))
    raise SimulationFailed(say(outcome.violations, outcome.trace, title=title or scenario.name), outcome.trace)
