"""In which order an agent asks its coordinators."""

from __future__ import annotations

from cutpoint_agents.rota import Rota

A, B, C = "http://a:7420", "http://b:7420", "http://c:7420"


def test_all_are_asked_in_turn_and_then_it_pauses() -> None:
    rota = Rota([A, B, C])
    turns = [(rota.next(), rota.turn_over()) for _ in range(6)]
    assert turns == [(A, False), (B, False), (C, True), (A, False), (B, False), (C, True)]


def test_the_one_that_is_named_is_asked_next_and_the_others_after_it() -> None:
    rota = Rota([A, B, C])
    assert rota.next() == A
    rota.named(A, C + "/")
    assert [rota.next(), rota.next(), rota.next()] == [C, A, B]


def test_a_leader_that_was_named_and_is_silent_is_told_to_the_next_one_until_it_answers() -> None:
    rota = Rota([A, B, C])
    rota.next()
    rota.named(A, B)
    assert (rota.next(), rota.unreached) == (B, "")
    rota.silent(B)
    assert (rota.next(), rota.unreached) == (C, B)
    rota.named(C, B)
    assert (rota.next(), rota.unreached) == (A, B)
    rota.next()
    rota.found(B)
    assert rota.unreached == ""


def test_who_is_named_and_not_among_ours_is_never_asked_and_told_once_all_of_ours_were() -> None:
    rota = Rota([A, B])
    seen = []
    for _ in range(4):
        url = rota.next()
        rota.named(url, "http://elsewhere:1")
        seen.append((url, rota.unreached))
    assert seen == [(A, ""), (B, ""), (A, "http://elsewhere:1"), (B, "http://elsewhere:1")]


def test_two_that_name_each_other_do_not_keep_it_from_pausing() -> None:
    rota = Rota([A, B])
    pauses = 0
    for _ in range(20):
        url = rota.next()
        rota.named(url, B if url == A else A)
        pauses += rota.turn_over()
    assert pauses >= 3


def test_after_a_good_connection_the_next_one_in_turn_is_asked() -> None:
    rota = Rota([A, B, C])
    rota.next()
    rota.found(A)
    assert (rota.next(), rota.turn_over()) == (B, False)
