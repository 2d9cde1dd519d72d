from __future__ import annotations

import random

import pytest

from cutpoint.state.plain import encode_plain
from cutpoint_agents.pending import Key, Pending, parse_entries


def key(*arguments: object) -> Key:
    return "expire", encode_plain(arguments)


def fired(pending: Pending) -> list[tuple[Key, float]]:
    """All timers in the order in which they come first."""
    order = []
    while (first := pending.first()) is not None:
        order.append(first)
        assert pending.drop(first[0])
    return order


def test_the_earliest_comes_first_and_of_equals_the_one_that_was_set_first() -> None:
    pending = Pending()
    for name, due in (("a", 5.0), ("b", 3.0), ("c", 5.0), ("d", 3.0)):
        pending.put(key(name), due)
    pending.put(key("a"), 5.0)
    assert fired(pending) == [(key("b"), 3.0), (key("d"), 3.0), (key("c"), 5.0), (key("a"), 5.0)]


def test_setting_again_replaces_and_dropping_removes() -> None:
    pending = Pending()
    pending.put(key(1), 1.0)
    pending.put(key(1), 9.0)
    pending.put(key(2), 2.0)
    assert (pending.due(key(1)), pending.due(key(2)), pending.due(key(3))) == (9.0, 2.0, None)
    assert (pending.drop(key(2)), pending.drop(key(2))) == (True, False)
    assert pending.first() == (key(1), 9.0)


def test_it_is_a_sorted_list_whatever_is_set_and_dropped() -> None:
    chance, pending, model = random.Random(5), Pending(), dict[Key, float]()
    for _ in range(3000):
        one = key(chance.randrange(40))
        if chance.random() < 0.7:
            model.pop(one, None)
            model[one] = float(chance.randrange(30))
            pending.put(one, model[one])
        else:
            assert pending.drop(one) == (model.pop(one, None) is not None)
        assert pending.first() == min(model.items(), key=lambda item: item[1], default=None)
        assert pending.entries() == tuple(model.items())
        assert len(pending) == len(model)
    assert len(pending._heap) < 200, "what was replaced is not kept"
    assert fired(pending) == sorted(model.items(), key=lambda item: item[1])


def test_what_was_recorded_is_read_in_its_order() -> None:
    content = [["b", encode_plain((2,)), 5.0], ["a", encode_plain(()), 4.0]]
    assert list(parse_entries(content).items()) == [(("b", encode_plain((2,))), 5.0), (("a", encode_plain(())), 4.0)]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ({}, "it is no list of timers"),
        ([["a", b"\x01"]], "it holds what is no timer"),
        ([["a", encode_plain(()), 4]], "it holds what is no timer"),
        ([["a", encode_plain([1]), 4.0]], "the arguments of a timer 'a' are no tuple"),
        ([["a", encode_plain(()), float("nan")]], "nan is not a moment"),
        ([["a", encode_plain(()), 4.0]] * 2, "a timer 'a' is in it twice"),
    ],
)
def test_what_was_not_recorded_by_an_agent_is_refused(content: object, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        parse_entries(content)
