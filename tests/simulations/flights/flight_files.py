"""Flights for tests: the first ones of January, and a month that nobody ever flew."""

from __future__ import annotations

import csv
import random
from collections.abc import Iterable
from pathlib import Path

import msgspec

from cutpoint_simulations.flights.reading import COLUMNS, JANUARY, Flight, read_flights


def january(count: int) -> tuple[Flight, ...]:
    """The first flights of the file that is shipped."""
    return read_flights(JANUARY)[:count]


def invented(count: int, *, origins: tuple[str, ...] = ("EWR", "BOS"), seed: int = 1) -> tuple[Flight, ...]:
    """A February with other origins and airports that no region lists."""
    chance = random.Random(seed)
    airports = ("ATL", "LAX", "ORD", "ZZZ", "QQ1", "XYZ", "DEN", "MIA")
    return tuple(
        Flight(
            departure=f"2014-02-{1 + 27 * number // count:02}T{chance.randrange(24):02}:{chance.randrange(60):02}",
            carrier=chance.choice(("AA", "UA", "9E")),
            flight=str(chance.randrange(1, 9999)),
            tailnum=f"N{chance.randrange(100, 150)}X",
            origin=chance.choice(origins),
            dest=chance.choice(airports),
            air_minutes=chance.randrange(30, 400),
            distance_miles=chance.randrange(90, 3000),
        )
        for number in range(count)
    )


def write_flights(path: Path, flights: Iterable[Flight]) -> Path:
    """Write a file as a user would."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows(msgspec.structs.astuple(flight) for flight in flights)
    return path
