"""Each safeguard of the drivers has an ablation: whole runs of the bank, with real agents and coordinators, find it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from cutpoint_simulations.loop.substitution import SUBSTITUTED
from tests.ablations.loop import drivers_out as out
from tests.ablations.loop.ablation import Ablation, check_ablation

AGENT = (
    Ablation(
        name="an await between RecordState and the capture",
        ablate=out.the_state_is_captured_a_moment_later,
        oracle="capture",
        complaint="was recorded, its part holds something else",
        seeds=range(20),
        entries=700,
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
        seeds=range(7, 47),
        kinds=("demand-recovery",),
        faults=8,
        entries=6000,
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
        seeds=range(5, 65),
        kinds=("demand-recovery",),
        faults=4,
        entries=2000,
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
        complaint="the answer to|had .* s to",
        seeds=range(30, 110),
        kinds=("registry-outage",),
        coordinators=2,
        faults=4,
        entries=4000,
    ),
    Ablation(
        name="a write that failed is not tried again",
        ablate=out.a_failed_write_is_forgotten,
        oracle="descent",
        complaint="went back to it, and it was never published",
        seeds=range(29, 109),
        kinds=("registry-outage", "demand-recovery"),
        faults=4,
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
        complaint="is not in file:|is missing",
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
    check_ablation(ablation, record_count)
