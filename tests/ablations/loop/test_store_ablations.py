"""What is written between a record and a restore has safeguards: without one of them whole runs of the bank fail."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator

import pytest

from cutpoint_simulations.loop.substitution import SUBSTITUTED
from tests.ablations.loop import stores_out as out
from tests.ablations.loop.ablation import PLAIN, Ablation, check_ablation

SLOW = dataclasses.replace(PLAIN, turn_seconds=0.002, interval_seconds=0.1)
"""So slow that merges last for several cuts."""

IMPATIENT = dataclasses.replace(PLAIN, progress_seconds=8.0)

COLLECTED = dataclasses.replace(PLAIN, keep="last 2")
COPIED = dataclasses.replace(PLAIN, replicated=True, preempted=0.2)

NOT_AS_RECORDED = "was recorded, its part holds something else"

CAPTURES = (
    Ablation(
        name="what is touched is not spared",
        ablate=out.touch_does_not_spare,
        oracle="capture",
        complaint=NOT_AS_RECORDED,
        seeds=range(20),
        entries=1500,
    ),
    Ablation(
        name="edits that last are forgotten by a capture",
        ablate=out.edits_that_last_are_forgotten,
        oracle="capture",
        complaint=f"{NOT_AS_RECORDED}: .*'begun'",
        seeds=range(20),
        entries=1700,
    ),
    Ablation(
        name="what is replaced is not copied",
        ablate=out.what_is_replaced_is_not_copied,
        oracle="capture",
        complaint=NOT_AS_RECORDED,
        seeds=range(20),
        entries=1500,
    ),
    Ablation(
        name="what changed before an abandoned cut is not told again",
        ablate=out.abandoned_changes_are_not_told_again,
        oracle="capture",
        complaint=NOT_AS_RECORDED,
        seeds=range(20),
        kinds=("full-disk", "disk-error"),
        faults=1,
        entries=300,
    ),
)

DELTAS = (
    Ablation(
        name="an abandoned cut is built upon",
        ablate=out.an_abandoned_cut_is_built_upon,
        oracle="progress",
        complaint="the last cut, .* is abandoned: a part is not what was written|had .* s to",
        seeds=range(40),
        kinds=("full-disk", "disk-error"),
        faults=1,
        entries=4000,
        base=IMPATIENT,
    ),
    Ablation(
        name="a merged run stands behind newer ones",
        ablate=out.merged_runs_come_last,
        oracle="capture",
        complaint=NOT_AS_RECORDED,
        seeds=range(20),
        entries=1000,
        base=SLOW,
    ),
    Ablation(
        name="a merged run replaces whatever is there",
        ablate=out.merged_runs_replace_whatever_is_there,
        oracle="capture",
        complaint=NOT_AS_RECORDED,
        seeds=range(56, 136),
        entries=3000,
        base=SLOW,
    ),
)

COLLECTING = (
    Ablation(
        name="packs that a later point shares are deleted with the point",
        ablate=out.only_fresh_packs_are_needed,
        oracle="durability",
        complaint=r"object packs/.* is missing",
        seeds=range(20),
        entries=3000,
        base=COLLECTED,
    ),
    Ablation(
        name="packs that nothing names yet are garbage at once",
        ablate=out.young_packs_are_garbage,
        oracle="progress",
        complaint="a part is not what was written: .* object packs/.* is not in|had .* s to",
        seeds=range(8, 48),
        entries=1000,
        base=COLLECTED,
    ),
    Ablation(
        name="the registry is not asked before a manifest goes",
        ablate=out.the_registry_is_not_asked,
        oracle="durability",
        complaint=r"object manifests/.* is missing",
        seeds=range(20),
        entries=300,
        base=COLLECTED,
    ),
)

REPLICATING = (
    Ablation(
        name="a manifest is copied before its packs",
        ablate=out.manifests_are_copied_first,
        oracle="replication",
        complaint=r"in the replica object packs/.* is missing",
        seeds=range(20),
        entries=100,
        base=COPIED,
    ),
)


@pytest.fixture(autouse=True, scope="module")
def _substituted() -> Iterator[None]:
    with SUBSTITUTED:
        yield


@pytest.mark.parametrize(
    "ablation", [*CAPTURES, *DELTAS, *COLLECTING, *REPLICATING], ids=lambda ablation: ablation.name
)
def test_without_a_safeguard_of_what_is_stored_an_oracle_complains_of_a_short_run(
    ablation: Ablation, record_count: Callable[[str, object], None]
) -> None:
    check_ablation(ablation, record_count)
