"""One seeded run that has to be sound: for tests that choose with `given`, with seeds, or not at all."""

from __future__ import annotations

from cutpoint_simulations.faults import Plan
from cutpoint_simulations.kit.failure import SimulationFailed, headline, last_look, say
from cutpoint_simulations.runs import Outcome, Scenario, run
from cutpoint_simulations.runs.shrinking import shrink


def check(
    seed: int, scenario: Scenario, *, plan: Plan | None = None, title: str = "", again: str = "", reruns_max: int = 0
) -> Outcome:
    """Run ``scenario`` with ``seed`` and the faults of ``plan`` (None: those that the seed draws).

    Raises `SimulationFailed` if anything is wrong; its diagram is drawn under ``title``, or the scenario's name. It
    tells the smallest run that fails in the same way, as far as ``reruns_max`` more runs find one (Hypothesis does
    that itself), and how to run it ``again``.
    """
    __tracebackhide__ = True
    outcome = run(seed, scenario, plan=plan)
    if not outcome.failed:
        return outcome
    if not last_look():
        raise SimulationFailed(headline(outcome.violations[0]))
    smallest = shrink(outcome, scenario, reruns_max=reruns_max).outcome
    assert smallest.trace is not None, "it was asked for"
    text = say(smallest.violations, smallest.trace, title=title or scenario.name, plan=smallest.plan, again=again)
    raise SimulationFailed(text, smallest.trace)
