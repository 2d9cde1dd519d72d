"""What every ablation of drivers and of the store does: whole runs without a safeguard, until an oracle complains.

Without the safeguard an oracle complains within so many seeds; with it the same seed is sound. The failed run is shrunk
to so many faults and so many entries of its trace, and printed at the end of the run.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable

import pytest

from cutpoint_simulations.loop.simulation import TURN_SECONDS
from cutpoint_simulations.runs import BANK, Outcome, Scenario, run
from cutpoint_simulations.runs.report import tell_shrunk
from cutpoint_simulations.runs.shrinking import Shrunk, shrink

RERUNS = 25
"""What one shrinking may cost."""

PLAIN = dataclasses.replace(BANK, keep="", replicated=False, preempted=0.0, turn_seconds=TURN_SECONDS)
"""Nothing is collected or copied, on a machine that is fast enough."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Ablation:
    """A safeguard taken out, and the oracle that then complains like this in a run with one of ``seeds``.

    Faults are drawn from ``kinds``. The run can be shrunk to ``faults`` and a trace of ``entries``, or less. Where the
    loss is seldom noticed, ``seeds`` begin shortly before the first that notices it. ``base``: what is run, but for
    that.
    """

    name: str
    ablate: Callable[[pytest.MonkeyPatch], None]
    oracle: str
    complaint: str
    seeds: range
    kinds: tuple[str, ...] = ()
    coordinators: int = 1
    faults: int = 0
    entries: int
    base: Scenario = PLAIN

    @property
    def scenario(self) -> Scenario:
        """What is run."""
        return dataclasses.replace(self.base, kinds=self.kinds, coordinators=self.coordinators)

    def first_failed(self) -> Outcome | None:
        """The first run in which the oracle complains that is to notice the loss."""
        return next((outcome for seed in self.seeds if self.is_met(outcome := run(seed, self.scenario))), None)

    def is_met(self, outcome: Outcome) -> bool:
        """Whether it is this oracle that complains, and of this."""
        return any(
            violation.oracle == self.oracle and re.search(self.complaint, violation.complaint)
            for violation in outcome.violations[:1]
        )


def check_ablation(ablation: Ablation, record_count: Callable[[str, object], None]) -> None:
    """Without the safeguard an oracle complains of a short run; with it all is well."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        ablation.ablate(monkeypatch)
        failed = ablation.first_failed()
        assert failed is not None, f"nobody noticed with the seeds {ablation.seeds}"
        found = shrink(failed, ablation.scenario, reruns_max=RERUNS)
        record_count(f"without the safeguard, seed {failed.seed}: {ablation.name}", tell_shrunk(found))
        assert ablation.is_met(found.outcome), f"it was shrunk to something else: {found.outcome.line()}"
    assert len(found.outcome.plan) <= ablation.faults, "it was shrunk further once"
    assert entries_of(found) <= ablation.entries, f"it was shrunk further once: {entries_of(found)} entries now"
    assert run(failed.seed, ablation.scenario).verdict == "", "the run fails with the safeguard as well"
    assert run(failed.seed, found.scenario, plan=found.outcome.plan).verdict == "", "so does the shrunk run"


def entries_of(found: Shrunk) -> int:
    """How long the trace of the shrunk run is."""
    assert found.outcome.trace is not None
    return len(found.outcome.trace.entries)
