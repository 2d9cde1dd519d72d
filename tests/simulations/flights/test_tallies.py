from __future__ import annotations

from cutpoint_simulations.flights.reading import JANUARY, read_flights
from cutpoint_simulations.flights.regions import REGIONS, region_of
from cutpoint_simulations.flights.tallies import Difference, Tallies, answer, compare, merge
from tests.simulations.flights.flight_files import january


def test_the_answer_counts_each_flight_once_in_each_tally() -> None:
    flights = january(1000)
    tallies = answer(flights)
    assert sum(tallies.departed.values()) == 1000
    assert tallies.departed == tallies.arrived == tallies.confirmed
    assert sum(tallies.miles.values()) == sum(flight.distance_miles for flight in flights)
    assert tallies.departed["EWR-IAH"] == sum(1 for f in flights if (f.origin, f.dest) == ("EWR", "IAH"))


def test_an_aircraft_that_landed_in_two_regions_has_its_miles_added_up() -> None:
    east, west = Tallies(arrived={"JFK-BOS": 1}, miles={"N1": 187}), Tallies(arrived={"JFK-LAX": 2}, miles={"N1": 4950})
    assert merge([west, east]) == Tallies(arrived={"JFK-BOS": 1, "JFK-LAX": 2}, miles={"N1": 5137})


def test_what_is_lost_and_what_is_doubled_do_not_cancel() -> None:
    expected = Tallies(departed={"A-B": 3, "A-C": 1}, miles={"N1": 10})
    counted = Tallies(departed={"A-B": 1, "A-C": 2, "A-D": 1}, miles={"N1": 10})
    comparison = compare(counted, expected)
    assert comparison.differences["departed"] == Difference(lost=2, doubled=2)
    assert comparison.differences["miles"] == Difference(lost=0, doubled=0)
    assert (comparison.lost, comparison.doubled, comparison.exact) == (2, 2, False)


def test_one_mile_too_many_is_not_exact() -> None:
    expected = answer(january(10))
    tail = next(iter(expected.miles))
    counted = Tallies(
        departed=expected.departed,
        arrived=expected.arrived,
        confirmed=expected.confirmed,
        miles={**expected.miles, tail: expected.miles[tail] + 1},
    )
    assert compare(expected, expected).exact
    assert (compare(counted, expected).exact, compare(counted, expected).doubled) == (False, 1)


def test_the_four_regions_of_january_are_about_equally_busy() -> None:
    flights = read_flights(JANUARY)
    busy = {region: sum(1 for f in flights if region_of(f.dest) == region) for region in REGIONS}
    assert busy == {"east": 6587, "heartland": 6439, "south": 6960, "west": 6412}


def test_an_unknown_airport_has_the_same_region_in_every_process() -> None:
    assert {airport: region_of(airport) for airport in ("ZZZ", "QQ1", "XYZ", "AAA")} == {
        "ZZZ": "east",
        "QQ1": "south",
        "XYZ": "heartland",
        "AAA": "west",
    }
