"""What every ablation does: run schedules without a safeguard until a named check fails, then that one with it.

A schedule that is clean with the safeguard and fails without it shows that the safeguard is needed, and that the check
would notice if it were lost.
"""

from __future__ import annotations

import dataclasses
import random
import re
from collections.abc import Callable

import pytest

from cutpoint_simulations.world.healing import NoProgress
from cutpoint_simulations.world.oracle import Violation
from cutpoint_simulations.world.schedule import CALM, Schedule, numbered
from cutpoint_simulations.world.topology import drawn

Ablate = Callable[[pytest.MonkeyPatch], None]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Finding:
    """The check that failed: one of `CHECKS`, ``progress``, or ``invariant`` for an assertion of a core."""

    seed: int
    check: str
    complaint: str

    def __str__(self) -> str:
        return f"seed {self.seed}, {self.complaint[:160]}"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Ablation:
    """A safeguard taken out, and the check that then fails within ``seeds`` schedules with a complaint like this."""

    name: str
    ablate: Ablate
    check: str
    complaint: str
    seeds: int
    schedule: Callable[[int], Schedule] = numbered


def unordered(seed: int) -> Schedule:
    """Four processes that pay over channels which keep no order."""
    topology = drawn(random.Random(seed), 4, sessions=2, unordered=1.0)
    odds = dataclasses.replace(CALM, break_connection=0.03, unordered=1.0)
    return Schedule(seed=seed, processes=4, steps=400, odds=odds, topology=topology)


def finding(schedule: Schedule) -> Finding | None:
    """Run one schedule; None if it is clean."""
    try:
        schedule.run()
    except Violation as violation:
        return Finding(seed=schedule.seed, check=violation.check, complaint=str(violation))
    except NoProgress as standstill:
        return Finding(seed=schedule.seed, check="progress", complaint=f"progress: {standstill}")
    except AssertionError as failure:
        return Finding(seed=schedule.seed, check="invariant", complaint=f"invariant: {failure}")
    return None


def first_finding(ablation: Ablation) -> Finding | None:
    """The first schedule in which the check fails that is to notice the loss."""
    for seed in range(ablation.seeds):
        found = finding(ablation.schedule(seed))
        if found is not None and found.check == ablation.check and re.search(ablation.complaint, found.complaint):
            return found
    return None
