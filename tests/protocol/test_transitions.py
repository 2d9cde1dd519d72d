"""The tables say what may follow what, and the page that shows them is drawn from them."""

from __future__ import annotations

from pathlib import Path

import pytest

from cutpoint.protocol.transitions import SESSION, TABLES, ForbiddenTransition, Table, markdown, mermaid

PAGE = Path(__file__).parents[2] / "docs" / "design" / "protocol.md"


def test_a_step_that_is_not_in_the_table_is_refused_by_name() -> None:
    with pytest.raises(ForbiddenTransition, match="session: no step 'resume' from phase 'ended'"):
        SESSION.after("ended", "resume")


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_every_phase_can_be_reached(table: Table) -> None:
    reached = {table.start, "dormant"} & set(table.phases)
    while True:
        further = reached | {end for phase in reached for end in table.steps.get(phase, {}).values()}
        if further == reached:
            break
        reached = further
    assert sorted(reached) == sorted(table.phases)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_the_page_shows_the_table_as_it_is(table: Table) -> None:
    assert mermaid(table) in PAGE.read_text(encoding="utf-8")


def test_the_page_shows_all_tables_in_order() -> None:
    assert markdown().strip() in PAGE.read_text(encoding="utf-8")
