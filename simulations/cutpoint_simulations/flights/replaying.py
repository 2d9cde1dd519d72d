"""The demo's computation for the simulator: ``--app cutpoint_simulations.flights.replaying:services``.

The services are those of the demo, and so are the flights. Regions land as fast as they can, for virtual time is free.
At the end every tally has to be what the file says.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

from cutpoint_simulations.cluster import Cluster, Recorded
from cutpoint_simulations.flights import destination, origin
from cutpoint_simulations.flights.reading import JANUARY, Flight, origins_of, read_flights
from cutpoint_simulations.flights.regions import REGIONS
from cutpoint_simulations.flights.tallies import NAMES, Tallies, answer, compare, merge

LANDINGS = 1_000_000.0
"""Flights that a region lands in a second."""


def services(cluster: Cluster) -> None:
    """What ``cutpoint demo`` runs, with the flights that it flies unless it is given others."""
    declare(cluster, _january())


def declare(cluster: Cluster, flights: Sequence[Flight]) -> None:
    """The four regions, and the airports that ``flights`` leave from."""
    coordinators = cluster.coordinator_urls
    for name in REGIONS:
        make = functools.partial(destination.create_app, name=name, landings=LANDINGS, coordinator=coordinators)
        cluster.service(name, make)
    destinations = {name: cluster.url(name) for name in REGIONS}
    for name in origins_of(tuple(flights)):
        make = functools.partial(
            origin.create_app,
            name=name,
            flights=tuple(flight for flight in flights if flight.origin == name),
            destinations=destinations,
            coordinator=coordinators,
        )
        cluster.service(name, make)
    cluster.finally_("tallies", functools.partial(wrong_tallies, expected=answer(flights)))


def wrong_tallies(recorded: Recorded, expected: Tallies) -> str | None:
    """How the tallies in a recovery point differ from the answer, None if they do not."""
    shares = [Tallies(**{name: states.get(name, {}) for name in NAMES}) for states in recorded.states.values()]
    comparison = compare(merge(shares), expected)
    if comparison.exact:
        return None
    wrong = [
        f"{name}: {difference.lost} lost, {difference.doubled} doubled"
        for name, difference in comparison.differences.items()
        if difference.lost or difference.doubled
    ]
    return "; ".join(wrong)


@functools.cache
def _january() -> tuple[Flight, ...]:
    return read_flights(JANUARY)
