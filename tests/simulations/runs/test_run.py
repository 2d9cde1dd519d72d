"""One seeded run: what it does, what it notices, and that it is always the same."""

from __future__ import annotations

import dataclasses
import itertools
import re
from typing import Any

import pytest

from cutpoint.errors import ConfigurationError
from cutpoint_coordinator.client import Declined
from cutpoint_simulations.bank.service import Bank
from cutpoint_simulations.cluster import Cluster, Declare, Recorded
from cutpoint_simulations.faults import Fault
from cutpoint_simulations.runs import BANK, Outcome, Scenario, run
from tests.simulations.runs import services

RERUNS = 10
BUSY = 5
"""A seed whose run has several faults."""


def scenario(declare: Declare, *, progress_seconds: float = 30.0) -> Scenario:
    return Scenario(name=declare.__name__, declare=declare, seconds=2.0, progress_seconds=progress_seconds)


def complaints(outcome: Outcome) -> list[str]:
    return [str(violation) for violation in outcome.violations]


def test_a_calm_run_publishes_one_recovery_point_after_another() -> None:
    outcome = run(1, dataclasses.replace(BANK, kinds=()))
    assert (outcome.plan, outcome.violations, outcome.verdict) == ((), (), "")
    assert outcome.counts.published >= 7
    assert (outcome.counts.abandoned, outcome.counts.recoveries) == (0, 0)


def test_a_run_with_faults_recovers() -> None:
    kill = Fault(kind="kill", at=1.5, target="prague", seconds=0.2)
    outcome = run(1, BANK, plan=(kill,))
    assert outcome.violations == ()
    assert (outcome.counts.recoveries, outcome.counts.faults) == (1, {"kill": 1})
    assert outcome.statistics.lives == 7, "one twice; the operator and the archivist live too"


def test_the_same_seed_gives_the_same_run() -> None:
    outcomes = [run(BUSY, BANK) for _ in range(RERUNS)]
    assert outcomes == [outcomes[0]] * RERUNS


def test_another_seed_gives_another_run() -> None:
    assert len({run(seed, BANK).digest for seed in range(5)}) == 5


def test_who_is_traced_does_the_same() -> None:
    plan = (Fault(kind="kill", at=2.0, target="vienna", seconds=0.1),)
    traced = run(BUSY, BANK, plan=plan, traced=True)
    assert traced.digest == run(BUSY, BANK, plan=plan).digest
    assert traced.trace is not None
    assert {"start", "end", "send", "receive", "record", "publish", "restore", "fault"} <= {
        entry.kind for entry in traced.trace.entries
    }


def test_more_coordinators_share_the_work() -> None:
    paused = Fault(kind="pause-leader", at=1.0, target="leader", seconds=5.0)
    outcome = run(3, dataclasses.replace(BANK, coordinators=2, seconds=7.0), plan=(paused,))
    assert outcome.violations == ()
    assert outcome.counts.published >= 3


def test_before_the_first_recovery_point_the_operator_says_that_all_begin_anew() -> None:
    kill = Fault(kind="kill", at=0.3, target="vienna", seconds=0.1)
    outcome = run(1, BANK, plan=(kill,), traced=True)
    assert outcome.violations == ()
    assert outcome.trace is not None
    restores = [entry for entry in outcome.trace.entries if entry.kind == "restore"]
    assert {entry.cut for entry in restores} == {0}
    assert {entry.process for entry in restores} == {"vienna", "prague", "trieste"}


# ------------------------------------------------------------------------------------------------ what goes wrong


def test_an_invariant_that_a_recovery_point_breaks_ends_the_run() -> None:
    found = {run(seed, dataclasses.replace(scenario(services.careless), kinds=())).verdict for seed in range(4)}
    assert any(re.fullmatch("invariant: cut [0-9]+: money: there are 199, not 200", verdict) for verdict in found)


def test_a_bank_that_makes_money_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    credit = Bank.credit
    monkeypatch.setattr(Bank, "credit", lambda bank, account, amount: credit(bank, account, amount + (amount == 7)))
    (violation,) = run(1, dataclasses.replace(BANK, kinds=())).violations
    assert str(violation).startswith("invariant: cut ")
    assert "money: " in violation.complaint
    assert " in the states of 3 processes and " in violation.complaint
    assert violation.complaint.endswith(", not 1500")
    assert violation.evidence[0].startswith("prague: accounts = ")


def test_the_same_services_without_the_bug_are_sound() -> None:
    assert [complaints(run(seed, scenario(services.careful))) for seed in range(4)] == [[]] * 4


def test_an_invariant_that_cannot_be_evaluated_is_told() -> None:
    def declare(cluster: Cluster) -> None:
        services.careful(cluster)
        cluster.invariant("odd", lambda point: point.states["nobody"]["money"])

    (complaint,) = complaints(run(1, scenario(declare)))
    assert complaint.startswith("invariant: cut 1: odd: ")
    assert "KeyError: 'nobody'" in complaint


def test_what_must_hold_finally_is_asked_at_the_end_only() -> None:
    asked: list[int] = []

    def ask(point: Recorded) -> str:
        asked.append(point.cut)
        return "it is the end"

    def declare(cluster: Cluster) -> None:
        services.careful(cluster)
        cluster.finally_("end", ask)

    outcome = run(1, dataclasses.replace(scenario(declare), kinds=()))
    assert complaints(outcome) == [f"invariant: cut {outcome.counts.published}: end: it is the end"]
    assert asked == [outcome.counts.published]


def test_a_program_that_fails_is_a_violation_and_one_that_gives_up_with_reason_is_none() -> None:
    (complaint,) = complaints(run(1, scenario(services.failing)))
    assert complaint.startswith("unforeseen: failing ended with ZeroDivisionError")
    assert "a bug" in complaint


@pytest.mark.parametrize(("declined", "verdict"), [(2, ""), (1000, "progress: the simulation did not go on: not now")])
def test_a_last_cut_that_is_declined_is_asked_for_again_but_not_for_ever(
    monkeypatch: pytest.MonkeyPatch, declined: int, verdict: str
) -> None:
    """Seed 22590 of three coordinators: all services ran again, and the registry had not heard of it yet."""
    ask, asked = Cluster.ask, itertools.count()

    def decline(cluster: Cluster, *question: Any, **limits: Any) -> Any:
        if next(asked) < declined:
            raise Declined("not now", "refused")
        return ask(cluster, *question, **limits)

    monkeypatch.setattr(Cluster, "ask", decline)
    assert run(1, dataclasses.replace(BANK, kinds=(), keep="", seconds=1.0)).verdict == verdict


def test_no_progress_after_the_healing_is_a_violation() -> None:
    outcome = run(1, dataclasses.replace(scenario(services.stuck, progress_seconds=8.0), kinds=()))
    assert complaints(outcome)[0].startswith("progress: after the healing at 2.000 s a cut after ")


@pytest.mark.parametrize(
    ("declare", "complaint"),
    [
        (services.broken, "broken cannot declare its services (KeyError: 'no such price', at "),
        (services.nothing, "nothing declares no services; nothing was run"),
    ],
)
def test_services_that_cannot_be_declared_are_told_in_one_line(declare: Declare, complaint: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        run(1, scenario(declare))
    assert str(raised.value).startswith(complaint)
