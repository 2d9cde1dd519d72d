"""Whether recovery points come again when nothing fails any more."""

from __future__ import annotations

import msgspec

from cutpoint.names import Life, ProcessName
from cutpoint.protocol.ledger import Member, Members
from cutpoint_simulations.oracles import Progress
from tests.simulations.oracles.story import Stage, staged, till, vault


def healed(at: float = 10.0) -> tuple[Stage, Progress]:
    """A computation of two whose faults have healed."""
    stage, oracle = staged(), Progress(seconds=5.0)
    members = {ProcessName(name): Member(life=Life("x")) for name in ("till", "vault")}
    stage.ledger = msgspec.structs.replace(stage.ledger, members=Members(members=members))
    stage.now = at
    assert oracle.healed(stage.case) == ()
    return stage, oracle


def test_a_new_recovery_point_in_time_is_progress() -> None:
    stage, oracle = healed()
    stage.now = 14.0
    assert oracle.published(stage.publish(till(), vault()), stage.case) == ()
    assert oracle.made
    stage.now = 30.0
    assert oracle.ended(stage.case, quiet=False) == ()


def test_standing_still_is_named() -> None:
    stage, oracle = healed()
    stage.now = 20.0
    (violation,) = oracle.ended(stage.case, quiet=False)
    assert violation.complaint == (
        "after the healing at 10.000 s a cut after 0 had 5 s to be published: none came (now it is 20.000 s)"
    )
    assert not oracle.made


def test_a_recovery_point_that_comes_late_is_named() -> None:
    stage, oracle = healed()
    stage.now = 15.5
    oracle.published(stage.publish(till(), vault()), stage.case)
    (violation,) = oracle.ended(stage.case, quiet=False)
    assert "it took until 15.500 s" in violation.complaint


def test_a_cut_that_was_numbered_before_the_healing_does_not_count() -> None:
    stage, oracle = staged(), Progress(seconds=5.0)
    stage.ledger = stage.ledger.with_records([msgspec.structs.replace(stage.ledger.computation, last_cut=1)])
    oracle.healed(stage.case)
    oracle.published(stage.publish(till(), vault()), stage.case)
    assert not oracle.made


def test_who_does_not_run_is_named() -> None:
    stage, oracle = healed()
    oracle.published(stage.publish(till(), vault()), stage.case)
    stage.phases = {"till": "ready"}
    complaints = [(v.process, v.complaint) for v in oracle.ended(stage.case, quiet=False)]
    assert complaints == [
        ("till", "till does not run: it is ready"),
        ("vault", "vault does not run: it is absent"),
    ]


def test_who_has_left_need_not_run() -> None:
    stage, oracle = healed()
    left = Member(life=Life("x"), state="released")
    stage.ledger = msgspec.structs.replace(
        stage.ledger,
        members=Members(members={ProcessName("till"): Member(life=Life("x")), ProcessName("vault"): left}),
    )
    oracle.published(stage.publish(till(), vault()), stage.case)
    stage.phases["vault"] = "stopping"
    assert oracle.ended(stage.case, quiet=False) == ()


def test_without_a_healing_nothing_is_claimed() -> None:
    assert Progress(seconds=1.0).ended(staged().case, quiet=False) == ()
