"""The demo's computation, recorded in the simulator: every tally is exact in every future."""

from __future__ import annotations

import functools

import pytest

from cutpoint_simulations.cluster import Cluster
from cutpoint_simulations.flights import replaying
from cutpoint_simulations.flights.reading import JANUARY, Flight, read_flights
from cutpoint_simulations.flights.replaying import wrong_tallies
from cutpoint_simulations.flights.tallies import answer
from cutpoint_simulations.replay.final_states import digest_of_states
from cutpoint_simulations.replay.future import Question, see, see_closely
from cutpoint_simulations.replay.point import RecordedPoint, open_point
from tests.simulations.replay.recordings import record

FLIGHTS = 1500
QUESTION = Question(app="cutpoint_simulations.flights.replaying")


@pytest.fixture(scope="module")
def flights() -> tuple[Flight, ...]:
    return read_flights(JANUARY)[:FLIGHTS]


@pytest.fixture(scope="module")
def point(flights: tuple[Flight, ...], tmp_path_factory: pytest.TempPathFactory) -> RecordedPoint:
    declare = functools.partial(replaying.declare, flights=flights)
    store = record(declare, tmp_path_factory.mktemp("flights"), seconds=0.6, interval_seconds=0.3)
    return open_point(str(store), 1)


def test_every_tally_is_exact_in_every_future(point: RecordedPoint, flights: tuple[Flight, ...]) -> None:
    assert point.in_flight > 100
    declare = functools.partial(replaying.declare, flights=flights)
    futures = [see(point, declare, QUESTION, seed) for seed in range(1, 4)]
    assert [(future.complaint, future.at_rest) for future in futures] == [("", True)] * 3
    assert len({future.end for future in futures}) == 1
    assert len({future.trace for future in futures}) == 3


def test_looking_closely_changes_nothing(point: RecordedPoint, flights: tuple[Flight, ...]) -> None:
    declare = functools.partial(replaying.declare, flights=flights)
    future, seen = see(point, declare, QUESTION, 3), see_closely(point, declare, QUESTION, 3)
    assert seen.future == future
    assert digest_of_states(seen.states) == future.end


def test_a_tally_that_is_not_the_answer_is_the_complaint(point: RecordedPoint, flights: tuple[Flight, ...]) -> None:
    def declare(cluster: Cluster) -> None:
        replaying.declare(cluster, flights)
        cluster.finals.clear()
        expected = answer((*flights, flights[0]))
        cluster.finally_("tallies", functools.partial(wrong_tallies, expected=expected))

    future = see(point, declare, Question(app="too many", until=8.0), 1)
    miles = flights[0].distance_miles
    assert future.complaint.endswith(
        "tallies: departed: 1 lost, 0 doubled; arrived: 1 lost, 0 doubled; confirmed: 1 lost, 0 doubled; "
        f"miles: {miles} lost, 0 doubled"
    )
