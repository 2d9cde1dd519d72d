"""A few cells of the matrix that `make faults` runs: those in which the most happens."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.matrix import CELLS, ETCD, STAGES, STRIKES, Cell, Outcome, run_cells, table

SHORT = (
    Cell(stage="some-parts", struck="killed"),
    Cell(stage="written", struck="killed", etcd="leader killed"),
    Cell(stage="requested", struck="killed", etcd="all restarted"),
    Cell(stage="before", struck="paused"),
    Cell(stage="after", struck="paused", etcd="follower killed"),
)
PAUSE_SECONDS = 4.0
"""Long enough for the lease to run out, and for another one to lead."""


@pytest.mark.timeout(300)
async def test_whoever_is_killed_or_stopped_cuts_are_published_again_and_nothing_is_wrong(
    tmp_path: Path, record_count: Callable[[str, object], None]
) -> None:
    outcomes = await run_cells(tmp_path, SHORT, pause_seconds=PAUSE_SECONDS)
    record_count("coordinators struck", "\n" + table(outcomes))
    assert [f"{outcome.cell}: {complaint}" for outcome in outcomes for complaint in outcome.wrong] == []


def test_the_matrix_has_every_cell_and_its_table_shows_what_is_wrong() -> None:
    assert len(CELLS) == len(set(CELLS)) == len(STAGES) * len(STRIKES) * len(ETCD)
    wrong = Outcome(cell=CELLS[0], outage_seconds=2.0, wrong=("a cut was published twice",))
    right = Outcome(cell=CELLS[1], outage_seconds=1.0, wrong=())
    shown = table([wrong, right])
    assert "2.00 WRONG" in shown
    assert "leader killed: 2 times, outage 1.50 s median, 2.00 s worst" in shown
    assert shown.endswith("2 cells, 1 violations\nkilled at requested, etcd healthy: a cut was published twice")
