"""Each safeguard of the drivers has an ablation: whole runs of the bank, with real agents and coordinators, find it.

Without the safeguard an oracle complains within so many seeds; with it the same seed is sound. The failed run is shrunk
to so many faults and so many entries of its trace, and printed at the end of the run.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterator

import pytest

from cutpoint_simulations.loop.substitution import SUBSTITUTED
from cutpoint_simulations.runs import BANK, Outcome, Scenario, run
from cutpoint_simulations.runs.report import tell_shrunk
from cutpoint_simulations.runs.shrinking import Shrunk, shrink
from tests.ablations.loop import drivers_out as out

RERUNS = 40
"""What one shrinking may cost."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Ablation:
    """A safeguard taken out, and the oracle that then complains like this in a run with one of ``seeds``.

    Faults are drawn from ``kinds``. The run can be shrunk to ``faults`` and a trace of ``entries``, or less. Where the
    loss is seldom noticed, ``seeds`` begin shortly before the first that notices it.
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

    @property
    def scenario(self) -> Scenario:
        """What is run."""
        return dataclasses.replace(BANK, kinds=self.kinds, coordinators=self.coordinators)

    def first_failed(self) -> Outcome | None:
        """The first run in which the oracle complains that is to notice the loss."""
        return next((outcome for seed in self.seeds if self.is_met(outcome := run(seed, self.scenario))), None)

    def is_met(self, outcome: Outcome) -> bool:
        """Whether it is this oracle that complains, and of this."""
        return any(
            violation.oracle == self.oracle and re.search(self.complaint, violation.complaint)
            for violation in outcome.violations[:1]
        )


AGENT = (
    Ablation(
        name="an await between RecordState and the capture",
        ablate=out.the_state_is_captured_a_moment_later,
        oracle="capture",
        complaint="was recorded, its part holds something else",
        seeds=range(20),
        entries=300,
    ),
    Ablation(
        name="a record does not wait for open turns",
        ablate=out.turns_are_over_at_once,
        oracle="invariant",
        complaint="money: .* not 1500",
        seeds=range(20),
        entries=150,
    ),
    Ablation(
        name="tasks of the old incarnation go on",
        ablate=out.old_tasks_go_on,
        oracle="invariant",
        complaint="money: .* not 1500",
        seeds=range(20),
        kinds=("demand-recovery",),
        faults=1,
        entries=1000,
    ),
    Ablation(
        name="what was in flight is not restored",
        ablate=out.in_flight_is_not_restored,
        oracle="consistency",
        complaint="were under way .* the parts hold none",
        seeds=range(20),
        kinds=("demand-recovery",),
        faults=1,
        entries=200,
    ),
    Ablation(
        name="a lost connection is not dialled again",
        ablate=out.a_lost_connection_is_not_dialled_again,
        oracle="exactly once",
        complaint="were never taken by",
        seeds=range(20),
        kinds=("drop",),
        faults=1,
        entries=1000,
    ),
    Ablation(
        name="a channel that was closed before the recovery is not finished",
        ablate=out.what_was_closed_is_not_finished,
        oracle="invariant",
        complaint="bookings: .* were booked",
        seeds=range(40),
        kinds=("demand-recovery",),
        faults=1,
        entries=1000,
    ),
    Ablation(
        name="a channel that is closed is not drained",
        ablate=out.what_is_closed_is_not_drained,
        oracle="exactly once",
        complaint="were never taken by",
        seeds=range(20),
        entries=400,
    ),
)

COORDINATOR = (
    Ablation(
        name="the ledger counts as written before the registry is asked",
        ablate=out.written_before_it_is,
        oracle="progress",
        complaint="the answer to",
        seeds=range(20, 80),
        kinds=("registry-outage",),
        coordinators=2,
        faults=1,
        entries=200,
    ),
    Ablation(
        name="a write that failed is not tried again",
        ablate=out.a_failed_write_is_forgotten,
        oracle="descent",
        complaint="went back to it, and it was never published",
        seeds=range(30, 90),
        kinds=("registry-outage", "demand-recovery"),
        faults=2,
        entries=1000,
    ),
    Ablation(
        name="a former leader is not fenced",
        ablate=out.nobody_is_fenced,
        oracle="durability",
        complaint="it was published and is now abandoned|its number was used before",
        seeds=range(40),
        kinds=("pause-leader",),
        coordinators=2,
        faults=1,
        entries=100,
    ),
)

STORE = (
    Ablation(
        name="files are not flushed",
        ablate=out.files_are_not_flushed,
        oracle="durability",
        complaint="cut short or altered|are not those that were written|bytes instead of",
        seeds=range(20),
        kinds=("power",),
        faults=1,
        entries=100,
    ),
    Ablation(
        name="folders are not flushed",
        ablate=out.folders_are_not_flushed,
        oracle="durability",
        complaint="is not in file:",
        seeds=range(20),
        kinds=("power",),
        faults=1,
        entries=100,
    ),
)


@pytest.fixture(autouse=True, scope="module")
def _substituted() -> Iterator[None]:
    with SUBSTITUTED:
        yield


@pytest.mark.parametrize("ablation", [*AGENT, *COORDINATOR, *STORE], ids=lambda ablation: ablation.name)
def test_without_a_safeguard_of_a_driver_an_oracle_complains_of_a_short_run(
    ablation: Ablation, record_count: Callable[[str, object], None]
) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        ablation.ablate(monkeypatch)
        failed = ablation.first_failed()
        assert failed is not None, f"nobody noticed with the seeds {ablation.seeds}"
        found = shrink(failed, ablation.scenario, reruns_max=RERUNS)
        record_count(f"without the safeguard, seed {failed.seed}: {ablation.name}", tell_shrunk(found))
        assert ablation.is_met(found.outcome), f"it was shrunk to something else: {found.outcome.line()}"
    assert len(found.outcome.plan) <= ablation.faults, "it was shrunk further once"
    assert _entries(found) <= ablation.entries, "it was shrunk further once"
    assert run(failed.seed, ablation.scenario).verdict == "", "the run fails with the safeguard as well"
    assert run(failed.seed, found.scenario, plan=found.outcome.plan).verdict == "", "so does the shrunk run"


def _entries(found: Shrunk) -> int:
    assert found.outcome.trace is not None
    return len(found.outcome.trace.entries)
