"""Whether each message that counts was taken once, in order, as it was sent."""

from __future__ import annotations

import pytest

from cutpoint_simulations.chronicle import Observation
from cutpoint_simulations.chronicle.observations import Admitted, Began, Named, Over, Sent, Taken
from cutpoint_simulations.oracles import ExactlyOnce, under_way
from tests.simulations.oracles.story import (
    CHANNEL,
    KEY,
    Stage,
    aftermath,
    began,
    history,
    restored,
    sent,
    staged,
    taken,
)

BOTH_CLOSED = [Over(0.0, "vault", KEY, ""), Over(0.0, "till", KEY, "")]


@pytest.mark.parametrize("quiet", [False, True])
def test_a_history_in_which_everything_arrives_is_sound(quiet: bool) -> None:
    stage = staged([*history(), *aftermath(), *BOTH_CLOSED])
    assert ExactlyOnce().ended(stage.case, quiet=quiet) == ()


@pytest.mark.parametrize(
    ("observations", "says"),
    [
        ([*sent(1, 2), *taken(1, 2, 2)], "message 2 was taken twice"),
        ([*sent(1, 2, 3), *taken(1, 3)], "message 3 was taken after 1"),
        ([*sent(1, 2), *taken(2, 1)], "message 2 was taken after 0"),
        ([*sent(1), *taken(1, 2)], "message 2 was taken, and only 1 were sent"),
        ([*sent(1), Taken(0.0, "vault", KEY, 1, "one")], "message 1 was sent as '1' and taken as 'one'"),
        ([*sent(1, 2), *taken(1), *BOTH_CLOSED], "both ends have closed it, and 2 of 2 were never taken by vault"),
    ],
    ids=["twice", "gap", "order", "from nowhere", "payload", "closed"],
)
def test_what_went_wrong_with_a_message_is_named_once(observations: list[Observation], says: str) -> None:
    stage = staged([*began(), *observations])
    (violation,) = ExactlyOnce().ended(stage.case, quiet=False)
    assert (violation.oracle, violation.process, violation.channel) == ("exactly once", "vault", CHANNEL)
    assert violation.complaint == f"{CHANNEL}: {says}"


def test_a_message_under_way_matters_only_when_all_is_quiet() -> None:
    stage = staged([*began(), *sent(1, 2), *taken(1)])
    assert ExactlyOnce().ended(stage.case, quiet=False) == ()
    (violation,) = ExactlyOnce().ended(stage.case, quiet=True)
    assert violation.complaint == f"{CHANNEL}: all is quiet, and 2 of 2 were never taken by vault"


@pytest.mark.parametrize(
    ("observations", "waits"),
    [
        ([*began(), *sent(1, 2), *taken(1, 2)], False),
        ([*began(), *sent(1, 2), *taken(1)], True),
        ([*began(), *sent(1), Over(0.0, "vault", KEY, "the till does not know this session")], False),
        ([Began(0.0, "till", "life"), Admitted(0.0, "till", 1), *sent(1)], True),
        ([Began(0.0, "till", "life"), Admitted(0.0, "till", 1), *sent(1), Over(0.0, "till", KEY, "nobody")], False),
    ],
    ids=["taken", "not taken", "broken", "before anybody has answered", "given up"],
)
def test_what_is_sent_and_may_still_be_taken_is_under_way(observations: list[Observation], waits: bool) -> None:
    assert under_way(staged(observations).case) is waits


def test_a_channel_that_keeps_no_order_may_overtake_and_not_repeat() -> None:
    loose = [o._replace(fifo=False) if isinstance(o, Named) else o for o in began()]
    assert ExactlyOnce().ended(staged([*loose, *sent(1, 2), *taken(2, 1)]).case, quiet=True) == ()
    (violation,) = ExactlyOnce().ended(staged([*loose, *sent(1, 2), *taken(2, 1, 2)]).case, quiet=True)
    assert violation.complaint == f"{CHANNEL}: message 2 was taken twice"


def back(*afterwards: Observation) -> Stage:
    """Both had gone on, sent and taken more, and have gone back to cut 1."""
    undone = [*aftermath(), *sent(5, 6), *taken(5)]
    return staged([*history(), *undone, *restored("till"), *restored("vault"), *afterwards])


def again(*numbers: int, payload: str = "") -> list[Observation]:
    """The vault takes after the recovery."""
    return [Taken(2.0, "vault", "vault's end", number, payload or str(number)) for number in numbers]


def test_what_a_recovery_has_undone_does_not_count() -> None:
    anew = Sent(2.0, "till", "till's end", 5, "five")
    assert ExactlyOnce().ended(back(*again(3, 4), anew, *again(5, payload="five")).case, quiet=True) == ()


def test_what_was_taken_before_the_cut_may_not_be_taken_again_after_a_recovery() -> None:
    (violation,) = ExactlyOnce().ended(back(*again(2, 3, 4)).case, quiet=False)
    assert violation.complaint == f"{CHANNEL}: message 2 was taken twice"


def test_a_message_that_a_recovery_has_undone_may_not_arrive() -> None:
    (violation,) = ExactlyOnce().ended(back(*again(3, 4, 5)).case, quiet=False)
    assert violation.complaint == f"{CHANNEL}: message 5 was taken, and only 4 were sent"


def test_an_in_flight_message_that_is_not_delivered_again_is_missed() -> None:
    (violation,) = ExactlyOnce().ended(back(*again(4)).case, quiet=False)
    assert violation.complaint == f"{CHANNEL}: message 4 was taken after 2"


def test_a_process_of_a_lower_incarnation_is_not_compared() -> None:
    stage = staged([*history(), *aftermath(), *sent(5), *taken(5), Admitted(0.0, "till", 2)])
    assert ExactlyOnce().ended(stage.case, quiet=True) == ()


def test_who_does_not_run_is_not_judged() -> None:
    stage = staged([*began(), *sent(1), *taken(1, 1)])
    stage.phases["vault"] = "dead"
    assert ExactlyOnce().ended(stage.case, quiet=True) == ()
