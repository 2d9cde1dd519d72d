"""The smallest plan with which a run still fails in the same way, and the story of that run.

Delta debugging (Zeller & Hildebrandt, 2002) of the faults, then the run shorter and with less going on, then each fault
shorter and earlier. Every attempt is a run of its own: leaving a fault out changes what the seed's chances are drawn
for, so what is found is small, and not provably the smallest.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterator

import msgspec

from cutpoint_simulations.faults import Fault, Plan
from cutpoint_simulations.loop.substitution import SUBSTITUTED
from cutpoint_simulations.runs.outcome import Outcome
from cutpoint_simulations.runs.run import run
from cutpoint_simulations.runs.scenario import Scenario

RERUNS_MAX = 150
SHORTEST_SECONDS = 0.5
PACE_MOST = 16.0
_SLACK_SECONDS = 0.1
_EARLIER = (0.25, 0.5, 0.75)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Shrunk:
    """``outcome`` failed as the first run did, and has its trace. ``scenario`` with its seed and plan runs it again."""

    scenario: Scenario
    outcome: Outcome
    faults_before: int
    reruns: int


def shrink(outcome: Outcome, scenario: Scenario, *, reruns_max: int = RERUNS_MAX) -> Shrunk:
    """Make a failed run of ``scenario`` smaller. Raises ValueError if it has not failed."""
    if not outcome.failed:
        raise ValueError(f"there is nothing to shrink: {outcome.line()}")
    search = _Search(outcome, scenario, reruns_max)
    with SUBSTITUTED:
        search.run()
        traced = run(search.best.seed, search.scenario, plan=search.best.plan, traced=True)
    return Shrunk(scenario=search.scenario, outcome=traced, faults_before=len(outcome.plan), reruns=search.reruns + 1)


class _Search:
    """``best`` is the smallest run so far that fails by the same oracle."""

    def __init__(self, outcome: Outcome, scenario: Scenario, reruns_max: int) -> None:
        self.best = outcome
        self.scenario = scenario
        self.reruns = 0
        self._oracle = outcome.violations[0].oracle
        self._tried = {(outcome.plan, scenario): None}
        self._reruns_max = reruns_max

    def run(self) -> None:
        """Until a whole round finds nothing, or the budget is spent."""
        while True:
            before = (self.best.plan, self.scenario)
            self._leave_out_faults()
            self._shorten_the_run()
            self._simplify_faults()
            if (self.best.plan, self.scenario) == before or not self._left:
                return

    @property
    def _left(self) -> bool:
        return self.reruns < self._reruns_max

    def _still_fails(self, plan: Plan, scenario: Scenario) -> bool:
        if not self._left or (plan, scenario) in self._tried:
            return False
        self._tried[plan, scenario] = None
        self.reruns += 1
        outcome = run(self.best.seed, scenario, plan=plan)
        if not outcome.failed or outcome.violations[0].oracle != self._oracle:
            return False
        self.best, self.scenario = outcome, scenario
        return True

    def _leave_out_faults(self) -> None:
        size = max(1, len(self.best.plan))
        while size:
            at = 0
            while at < len(self.best.plan):
                plan = self.best.plan
                if not self._still_fails(plan[:at] + plan[at + size :], self.scenario):
                    at += size
            size //= 2

    def _shorten_the_run(self) -> None:
        """Heal as soon as the failure allows, and let the services make less work."""
        last = max((fault.at for fault in self.best.plan), default=0.0)
        at = self.best.violations[0].at + _SLACK_SECONDS
        for seconds in (last + _SLACK_SECONDS, at, self.scenario.seconds / 2):
            seconds = max(seconds, SHORTEST_SECONDS)
            if last < seconds < self.scenario.seconds:
                self._still_fails(self.best.plan, dataclasses.replace(self.scenario, seconds=round(seconds, 3)))
        while self.scenario.pace < PACE_MOST:
            busy, before = self.best, self.scenario
            if not self._still_fails(self.best.plan, dataclasses.replace(before, pace=2 * before.pace)):
                return
            if self.best.digest == busy.digest:  # the services do not heed the wish
                self.scenario = before
                return

    def _simplify_faults(self) -> None:
        for index in range(len(self.best.plan)):
            for simpler in _simpler(self.best.plan[index]):
                plan = self.best.plan
                changed = (*plan[:index], simpler(plan[index]), *plan[index + 1 :])
                self._still_fails(tuple(sorted(changed, key=lambda fault: fault.at)), self.scenario)


def _simpler(fault: Fault) -> Iterator[Callable[[Fault], Fault]]:
    """Ways to make a fault smaller."""
    if fault.seconds > SHORTEST_SECONDS:
        yield lambda fault: msgspec.structs.replace(fault, seconds=SHORTEST_SECONDS)
    if fault.seconds:
        yield lambda fault: msgspec.structs.replace(fault, seconds=round(fault.seconds / 4, 3))
    for share in _EARLIER if fault.at > SHORTEST_SECONDS else ():
        yield functools.partial(_earlier, share)
    if round(fault.at, 1) != fault.at:
        yield lambda fault: msgspec.structs.replace(fault, at=round(fault.at, 1))


def _earlier(share: float, fault: Fault) -> Fault:
    return msgspec.structs.replace(fault, at=round(share * fault.at, 1))
