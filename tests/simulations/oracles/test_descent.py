"""Whether the processes of an incarnation go on from one recovery point."""

from __future__ import annotations

from cutpoint_simulations.chronicle import Chronicle, Observation
from cutpoint_simulations.chronicle.observations import Restored
from cutpoint_simulations.oracles import Descent
from tests.simulations.oracles.story import Stage, history, recorded, staged, till, vault


def restored(process: str, cut: int, incarnation: int = 2) -> Observation:
    return Restored(1.0, process, cut, incarnation, ())


def recovered(*restores: Observation) -> Stage:
    """Cut 1 is published, and this was done about it."""
    stage = staged()
    stage.publish(till(), vault())
    for restore in restores:
        stage.chronicle.hear(restore)
    return stage


def test_a_recovery_of_all_to_one_recovery_point_is_sound() -> None:
    stage = recovered(restored("till", 1), restored("vault", 1), restored("till", 0, 3), restored("vault", 0, 3))
    assert Descent().ended(stage.case, quiet=False) == ()


def test_two_processes_that_go_back_to_different_cuts_are_named() -> None:
    stage, oracle = recovered(restored("till", 1), restored("vault", 0)), Descent()
    (violation,) = oracle.ended(stage.case, quiet=False)
    assert violation.process == "vault"
    assert violation.complaint == "in incarnation 2 till goes on from cut 1 and vault from cut 0"
    assert oracle.ended(stage.case, quiet=False) == ()


def test_a_cut_that_was_never_published_is_nothing_to_go_back_to() -> None:
    stage = staged()
    stage.chronicle.hear(restored("till", 1))
    (violation,) = Descent().ended(stage.case, quiet=False)
    assert (violation.cut, violation.complaint) == (1, "till went back to it, and it was never published")


def test_a_cut_that_the_process_never_recorded_is_nothing_to_go_back_to() -> None:
    stage = staged([observation for observation in history() if observation not in recorded("till")])
    stage.publish(till(), vault())
    stage.chronicle.hear(restored("till", 1))
    (violation,) = Descent().ended(stage.case, quiet=False)
    assert violation.complaint == "till went back to it and had never recorded it"


def test_who_was_no_member_begins_anew() -> None:
    assert Descent().ended(recovered(restored("newcomer", 1)).case, quiet=False) == ()


def test_a_cut_that_was_given_may_be_gone_back_to() -> None:
    stage = Stage(chronicle=Chronicle([*history(), restored("till", 7), restored("vault", 7)], given=[7]))
    assert Descent().ended(stage.case, quiet=False) == ()
