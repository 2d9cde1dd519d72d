"""What every ablation does: run schedules without a safeguard until a named check fails, and shrink that one.

A history that is clean with the safeguard and fails without it shows that the safeguard is needed, and that the check
would notice if it were lost.
"""

from __future__ import annotations

import dataclasses
import random
import re
from collections.abc import Callable

import pytest

from cutpoint_simulations.world import verdict
from cutpoint_simulations.world.schedule import CALM, FICKLE, Odds, Schedule, numbered
from cutpoint_simulations.world.shrinking import Shrunk, shrink
from cutpoint_simulations.world.topology import drawn
from cutpoint_simulations.world.verdict import Verdict

Ablate = Callable[[pytest.MonkeyPatch], None]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Ablation:
    """A safeguard taken out, and the check that then fails within ``seeds`` schedules with a complaint like this.

    The history in which it fails can be shrunk to ``actions`` or fewer.
    """

    name: str
    ablate: Ablate
    check: str
    complaint: str
    seeds: int
    actions: int
    schedule: Callable[[int], Schedule] = numbered

    def is_met(self, found: Verdict) -> bool:
        """Whether it is this check that failed, and for this."""
        return found.check == self.check and re.search(self.complaint, found.complaint) is not None


def unordered(seed: int) -> Schedule:
    """Four processes that pay over channels which keep no order."""
    topology = drawn(random.Random(seed), 4, sessions=2, unordered=1.0)
    odds = dataclasses.replace(CALM, break_connection=0.03, unordered=1.0)
    return Schedule(seed=seed, processes=4, steps=400, odds=odds, topology=topology)


def storm(seed: int) -> Schedule:
    """Everything fails that can."""
    return numbered(seed, storm=True)


def doubling(seed: int) -> Schedule:
    """Three processes that open and close channels which keep no order, and double what is under way."""
    odds = dataclasses.replace(Odds(), duplicate=0.1, unordered=1.0, wishes=FICKLE, break_connection=0.03)
    return Schedule(seed=seed, processes=3, steps=300, odds=odds)


def first_failed(ablation: Ablation) -> Schedule | None:
    """The first schedule in which the check fails that is to notice the loss."""
    for seed in range(ablation.seeds):
        schedule = ablation.schedule(seed)
        if ablation.is_met(verdict.of(schedule.run)):
            return schedule
    return None


def shrunk(ablation: Ablation, failed: Schedule) -> Shrunk:
    """The shortest history that fails for the same reason."""
    return shrink(failed.history(), same=ablation.is_met)
