"""Whether a recovery point can be read back ever after, and whether its number is used once."""

from __future__ import annotations

import msgspec

from cutpoint.names import CutNumber, Incarnation
from cutpoint.protocol.ledger import AbandonedCut
from cutpoint.store import manifest_name
from cutpoint_simulations.oracles import Durability, Published, read_point
from tests.simulations.oracles.story import CUT, Stage, staged, till, vault


def published() -> tuple[Stage, Durability, Published]:
    """A recovery point that durability has seen and found sound."""
    stage, oracle = staged(), Durability()
    point = stage.publish(till(), vault())
    assert oracle.published(point, stage.case) == ()
    return stage, oracle, point


def test_a_recovery_point_that_stays_is_durable() -> None:
    stage, oracle, _ = published()
    assert oracle.struck(stage.case) == oracle.healed(stage.case) == oracle.ended(stage.case, quiet=True) == ()


def test_a_lost_part_is_named_once() -> None:
    stage, oracle, point = published()
    stage.backend.delete(point.parts["vault"].summary.packs[-1].name())
    (violation,) = oracle.struck(stage.case)
    assert (violation.oracle, violation.cut) == ("durability", 1)
    assert violation.complaint.startswith("object packs/")
    assert oracle.ended(stage.case, quiet=False) == ()


def test_an_altered_manifest_is_named() -> None:
    stage, oracle, _ = published()
    name = manifest_name(CUT)
    data = stage.backend.read(name)
    stage.backend.delete(name)
    stage.backend.create(name, data.replace(b"shop", b"ship"))
    (violation,) = oracle.ended(stage.case, quiet=False)
    assert name in violation.complaint


def test_a_recovery_point_whose_manifest_is_not_there_when_it_is_published_is_named() -> None:
    stage, oracle = staged(), Durability()
    point = stage.publish(till(), vault()).point
    stage.backend.delete(manifest_name(CUT))
    (violation,) = oracle.published(read_point(stage.backend, point), stage.case)
    assert violation.cut == 1
    assert "is not in memory:story" in violation.complaint
    assert oracle.struck(stage.case) == ()


def test_a_registry_that_forgets_a_recovery_point_is_named() -> None:
    stage, oracle, _ = published()
    stage.ledger = msgspec.structs.replace(stage.ledger, points={})
    (violation,) = oracle.ended(stage.case, quiet=False)
    assert violation.complaint == "the registry does not know it any more"


def test_a_registry_that_calls_it_damaged_is_named() -> None:
    stage, oracle, point = published()
    stage.amend(msgspec.structs.replace(point.point, damaged="vault: rotten"))
    (violation,) = oracle.ended(stage.case, quiet=False)
    assert violation.complaint == "the registry calls it damaged: vault: rotten"


def test_a_number_that_is_published_twice_is_named() -> None:
    stage, oracle, point = published()
    (violation,) = oracle.published(point, stage.case)
    assert violation.complaint == "its number was used before: it was published"


def test_a_number_that_is_abandoned_and_published_is_named() -> None:
    cut = AbandonedCut(cut=CUT, incarnation=Incarnation(1), reason="late")
    stage, oracle, _ = published()
    (violation,) = oracle.abandoned(cut, stage.case)
    assert (violation.cut, violation.complaint) == (1, "it was published and is now abandoned: late")

    stage, oracle = staged(), Durability()
    assert oracle.abandoned(cut, stage.case) == ()
    (violation,) = oracle.published(stage.publish(till(), vault()), stage.case)
    assert violation.complaint == "its number was used before: it was abandoned (late)"


def test_a_number_that_was_only_abandoned_is_nobodys_fault() -> None:
    oracle = Durability()
    stage = staged()
    cut = AbandonedCut(cut=CutNumber(9), incarnation=Incarnation(1), reason="late")
    assert oracle.abandoned(cut, stage.case) == oracle.ended(stage.case, quiet=False) == ()
