from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cutpoint_simulations.chronicle.observations import Adopted, Named, Observation, Restored, Sent, Taken
from cutpoint_simulations.replay.divergence import Divergence, compare, in_short, told
from cutpoint_simulations.replay.future import Future, Seen
from cutpoint_simulations.replay.messages import Messages
from cutpoint_simulations.trace import Trace

NAMES: tuple[Observation, ...] = (
    Named(0.0, "anna", "k1", "anna~bank:pay", "bank"),
    Named(0.0, "boris", "k2", "boris~bank:pay", "bank"),
    Named(0.0, "bank", "k3", "anna~bank:pay", "anna"),
    Named(0.0, "bank", "k4", "boris~bank:pay", "boris"),
)
FROM_ANNA = Taken(1.0, "bank", "k3", 1, "5")
FROM_BORIS = Taken(1.5, "bank", "k4", 1, "7")
BACK = Sent(2.0, "bank", "k3", 1, "first")


def seen(seed: int, states: dict[str, dict[str, Any]], observations: Sequence[Observation]) -> Seen:
    messages = Messages()
    for observation in (*NAMES, *observations):
        messages.hear(observation)
    future = Future(
        seed=seed, trace="", end="", at_rest=True, complaint="", seconds=2.0, messages=2, cuts=1, newcomers=()
    )
    drawn = Trace(title="", seed=seed, unit="s", processes=(), entries=())
    return Seen(future=future, states=states, messages=messages, drawn=drawn)


def found(first: Seen, second: Seen) -> Divergence:
    return compare(first, second)


def test_two_equal_futures_do_not_part() -> None:
    one = seen(1, {"bank": {"won": "anna"}}, (FROM_ANNA, FROM_BORIS, BACK))
    other = seen(2, {"bank": {"won": "anna"}}, (FROM_ANNA, FROM_BORIS, BACK))
    divergence = found(one, other)
    assert divergence == Divergence(seeds=(1, 2), differing=0, differences=(), orders=(), message=None)
    assert told(divergence) == ["Their messages agree in everything that is compared."]
    assert in_short(divergence) == "they said the same"


def test_another_order_at_a_process_that_ends_the_same_is_nobody_s_business() -> None:
    one = seen(1, {}, (FROM_ANNA, FROM_BORIS))
    other = seen(2, {}, (FROM_BORIS, FROM_ANNA))
    assert found(one, other).first is None


def test_the_first_other_order_comes_before_what_was_said_because_of_it() -> None:
    one = seen(1, {"bank": {"won": "anna"}}, (FROM_ANNA, FROM_BORIS, BACK))
    other = seen(2, {"bank": {"won": "boris"}}, (FROM_BORIS, FROM_ANNA, BACK._replace(payload="second", at=3.0)))
    assert told(found(one, other)) == [
        "Seeds 1 and 2 end differently, in 1 place:",
        "  bank, won: 'anna' under seed 1, 'boris' under seed 2",
        "First divergence: the 1st message that bank took",
        "  seed 1       1.000 s  message 1 of anna->bank:pay, 5",
        "  seed 2       1.500 s  message 1 of boris->bank:pay, 7",
        "Then: what bank sent as message 1 of bank->anna:pay",
        "  seed 1       2.000 s  first",
        "  seed 2       3.000 s  second",
    ]
    assert in_short(found(one, other)) == (
        "first divergence: the 1st message that bank took, message 1 of anna->bank:pay, 5 under seed 1 at 1.000 s, "
        "message 1 of boris->bank:pay, 7 under seed 2 at 1.500 s"
    )


def test_a_message_that_only_one_of_them_sent_is_told_with_nothing_at_the_other() -> None:
    one = seen(1, {}, (FROM_ANNA, BACK))
    other = seen(2, {}, (FROM_ANNA,))
    assert told(found(one, other)) == [
        "First divergence: what bank sent as message 1 of bank->anna:pay",
        "  seed 1       2.000 s  first",
        "  seed 2                nothing",
    ]


def test_a_message_that_says_something_else_comes_before_one_that_is_missing() -> None:
    one = seen(1, {}, (Sent(1.0, "anna", "k1", 1, "5"), BACK))
    other = seen(2, {}, (BACK._replace(payload="second"),))
    message = found(one, other).message
    assert message is not None
    assert message.channel == "bank->anna:pay"


def test_the_earliest_other_message_of_all_channels_is_told() -> None:
    late = Sent(9.0, "anna", "k1", 1, "5")
    one = seen(1, {}, (late, BACK))
    other = seen(2, {}, (late._replace(payload="6"), BACK._replace(payload="second")))
    message = found(one, other).message
    assert message is not None
    assert message.channel == "bank->anna:pay"


def test_what_a_restore_undid_is_not_compared_and_numbers_go_on_from_the_recovery_point() -> None:
    messages = Messages()
    for observation in (
        Sent(0.1, "anna", "old", 1, "undone"),
        Restored(0.2, "anna", 3, 2, ()),
        Sent(0.3, "anna", "new", 1, "before the name"),
        Adopted(0.4, "anna", "new", "dormant", 41),
        Named(0.4, "anna", "new", "anna~bank:pay", "bank"),
        Sent(0.5, "anna", "new", 43, "after it"),
    ):
        messages.hear(observation)
    (channel,) = messages.sent().values()
    assert [(passage.number, passage.payload) for passage in channel] == [(42, "before the name"), (43, "after it")]
