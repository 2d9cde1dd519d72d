"""A failed run made as small as possible."""

from __future__ import annotations

import pytest

from cutpoint_simulations.faults import Fault
from cutpoint_simulations.runs import Scenario, run
from cutpoint_simulations.runs.report import tell_shrunk
from cutpoint_simulations.runs.shrinking import shrink
from tests.simulations.runs import services

MORTAL = Scenario(name="mortal", declare=services.mortal, seconds=3.0)
KILL = Fault(kind="kill", at=1.37, target="shop", seconds=1.0)
OTHERS = (
    Fault(kind="delay", at=0.3, target="shop", other="buyer", seconds=0.2, amount=0.01),
    Fault(kind="kill", at=0.7, target="buyer", seconds=0.1),
    KILL,
    Fault(kind="drop", at=2.0, target="shop", other="buyer", amount=0.5),
    Fault(kind="skew", at=2.5, target="buyer", seconds=0.5, amount=5.0),
)


def test_only_the_fault_that_matters_is_left_and_it_is_made_small() -> None:
    failed = run(1, MORTAL, plan=OTHERS)
    assert failed.violations[0].complaint.startswith("immortal: the shop has died 1 times")
    shrunk = shrink(failed, MORTAL)
    (fault,) = shrunk.outcome.plan
    assert (fault.kind, fault.target) == ("kill", "shop")
    assert fault.seconds < KILL.seconds
    assert shrunk.outcome.violations[0].oracle == "invariant"
    assert shrunk.outcome.statistics.seconds <= failed.statistics.seconds
    assert (shrunk.faults_before, shrunk.reruns <= 151) == (5, True)


def test_what_is_shrunk_can_be_run_again() -> None:
    shrunk = shrink(run(1, MORTAL, plan=(KILL,)), MORTAL)
    assert run(1, shrunk.scenario, plan=shrunk.outcome.plan).digest == shrunk.outcome.digest


def test_a_failure_that_needs_no_fault_is_shrunk_to_none_and_told() -> None:
    careless = Scenario(name="careless", declare=services.careless, seconds=2.0)
    failed = next(outcome for seed in range(10) if (outcome := run(seed, careless, plan=OTHERS)).failed)
    shrunk = shrink(failed, careless)
    assert shrunk.outcome.plan == ()
    story = tell_shrunk(shrunk)
    assert f"seed {failed.seed} fails with 0 of its 5 faults" in story
    assert "publishes cut" in story


def test_the_reruns_are_bounded() -> None:
    shrunk = shrink(run(1, MORTAL, plan=OTHERS), MORTAL, reruns_max=3)
    assert shrunk.reruns == 4
    assert shrunk.outcome.failed


def test_a_sound_run_is_not_shrunk() -> None:
    careful = Scenario(name="careful", declare=services.careful, seconds=1.0)
    with pytest.raises(ValueError, match="there is nothing to shrink"):
        shrink(run(1, careful, plan=()), careful)
