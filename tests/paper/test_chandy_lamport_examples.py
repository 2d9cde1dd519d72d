"""The examples that the paper draws: the single token (2.1, 3.1), and the two processes of which it is not determined
which acts first (2.2, 4)."""

from __future__ import annotations

import itertools

import pytest

from tests.paper.chronicle import Chronicle, pair
from tests.paper.model import GlobalState, end, states

TOUR = ("p sends", "p's arrives", "q takes", "q sends", "q's arrives", "p takes")


def go(one: Chronicle, step: str) -> None:
    """One step of the token's tour: p, the channel to q, q, the channel to p, p."""
    match step:
        case "p sends" | "q sends":
            one.pay(step[0], "k1")
        case "p's arrives" | "q's arrives":
            one.carry("k1", step[0])
        case _:
            one.take(step[0], "k1")


def tokens(state: GlobalState) -> list[str]:
    """Where the token is: it was p's at first. Two names: there are two; none: it is lost."""
    p, q = state.processes["p"], state.processes["q"]
    places = ["p"] * (1 + len(p.received) - len(p.sent)) + ["q"] * (len(q.received) - len(q.sent))
    return places + [f"from {channel.sender}" for channel, held in state.channels.items() for _ in held]


@pytest.mark.parametrize(("steps", "place"), [(0, "p"), (1, "from p"), (3, "q"), (4, "from q"), (6, "p")])
def test_a_cut_of_the_single_token_system_at_rest_records_where_the_token_is(steps: int, place: str) -> None:
    """Section 2.1: its global states are: in p, in the channel to q, in q, in the channel to p."""
    one = pair()
    for step in TOUR[:steps]:
        go(one, step)
    cut = one.open_cut()
    one.hear("p")
    one.hear("q")
    one.rest()
    assert tokens(one.recorded(cut)) == [place]


@pytest.mark.parametrize(("p_hears", "q_hears"), list(itertools.product(range(len(TOUR) + 1), repeat=2)))
def test_there_is_one_token_in_every_cut_whenever_each_process_records(p_hears: int, q_hears: int) -> None:
    """Section 3.1: recording p before and the channel after the token was sent would show two; the converse, none."""
    one = pair()
    cut = one.open_cut()
    for index in range(len(TOUR) + 1):
        if index == p_hears:
            one.hear("p")
        if index == q_hears:
            one.hear("q")
        if index < len(TOUR):
            go(one, TOUR[index])
    one.rest()
    assert len(tokens(one.recorded(cut))) == 1


def test_two_tokens_would_show_if_a_channel_were_recorded_at_another_moment_than_its_sender() -> None:
    """Section 3.1: what the algorithm is for. The same computation, its parts put together regardless of markers."""
    one = pair()
    go(one, "p sends")
    before, after = states(one.initial, one.events)
    careless = GlobalState(processes=before.processes, channels=after.channels)
    assert tokens(careless) == ["p", "from p"]
    careless = GlobalState(processes=after.processes, channels=before.channels)
    assert tokens(careless) == []


def test_the_two_processes_of_which_it_is_not_determined_who_acts_first_record_a_state_that_never_was() -> None:
    """Sections 2.2 and 4: p records in A and sends M; q, in D since it has sent M', records when the marker comes.

    S* is p in A, q in D, M' in the channel to p and the other empty. It was none of S0 to S3, and yet it is reached
    from S0 by the event of q, and leads to S3 by the two events of p.
    """
    one = pair()
    one.deaf = ("q",)
    cut = one.open_cut()
    one.hear("p")
    one.pay("p", "k1", 1)
    one.pay("q", "k1", 2)
    one.carry("k1", "q")
    one.take("p", "k1")
    one.carry("k1", "p")
    computation = tuple(one.events)
    assert [(event.process, event.kind) for event in computation] == [("p", "sends"), ("q", "sends"), ("p", "receives")]
    assert one.cuts[cut].recorded == {"p": 0, "q": 3}
    one.deaf = ()
    one.rest()
    recorded = one.recorded(cut)
    p, q = recorded.processes["p"], recorded.processes["q"]
    assert (sorted(p.sent), sorted(p.received)) == ([], [])
    assert (sorted(q.sent), sorted(q.received)) == (["m2:2"], [])
    assert recorded.channels == {one.channel("k1", "q"): ("m2:2",)}
    assert recorded not in states(one.initial, computation)
    e0, e1, e2 = computation
    assert end(one.initial, (e1,)) == recorded
    assert end(recorded, (e0, e2)) == end(one.initial, computation)


def test_either_process_may_act_first_from_the_same_global_state() -> None:
    """Section 2.2: in S0 both may send; the computations differ, and a cut of either is a state of its own."""
    recorded = []
    for first, second in (("p", "q"), ("q", "p")):
        one = pair()
        one.pay(first, "k1")
        cut = one.open_cut()
        one.hear(first)
        one.hear(second)
        one.pay(second, "k1")
        one.rest()
        recorded.append(one.recorded(cut))
    assert recorded[0] != recorded[1]
    assert [len(state.channels) for state in recorded] == [1, 1]
