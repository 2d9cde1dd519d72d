"""What docs/design/simulator.md adds to the simulator works when it is added."""

from __future__ import annotations

from typing import Any

import pytest

from cutpoint_simulations.faults import Fault, table
from cutpoint_simulations.kit import Scenario, run
from cutpoint_simulations.runs import BANK
from cutpoint_simulations.runs.scenario import oracles
from tests.docs.documented import Documentation

PAGE = "docs/design/simulator.md"


@pytest.fixture
def shown(documentation: Documentation) -> dict[str, Any]:
    """The names that the page's programs define."""
    names: dict[str, Any] = {}
    for program in documentation.programs:
        if program.page == PAGE:
            exec(compile(program.text, f"{PAGE}:{program.line}", "exec"), names)
    return names


def test_a_kind_of_faults_is_one_module_and_one_line(shown: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    (fog,) = shown["KINDS"]
    monkeypatch.setitem(table.KINDS, fog.name, fog)
    outcome = run(1, BANK, plan=(Fault(kind="fog", at=1.0, seconds=0.5),))
    assert outcome.verdict == ""
    assert outcome.counts.faults == {"fog": 1}
    drawn = run(1, Scenario(name="bank", declare=BANK.declare, seconds=1.0, kinds=("fog",)))
    assert drawn.counts.faults.keys() == {"fog"}


def test_an_oracle_is_one_class(shown: dict[str, Any]) -> None:
    def with_dense() -> Any:
        return (*oracles(), shown["Dense"]())

    assert run(1, Scenario(name="bank", declare=BANK.declare, seconds=1.0, kinds=(), oracles=with_dense)).verdict == ""
