"""What was counted, what should have been counted, and the difference.

There are four tallies. ``departed``, ``arrived`` and ``confirmed`` count flights by route (``origin-dest``);
``miles`` adds up the distances that each aircraft flew. The answer comes from the file alone, by a loop that shares
nothing with the services.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

import msgspec

from cutpoint_simulations.flights.reading import Flight

Tally = dict[str, int]


class Tallies(msgspec.Struct, frozen=True, kw_only=True):
    """The four tallies; a key that was never counted is absent."""

    departed: Tally = {}
    arrived: Tally = {}
    confirmed: Tally = {}
    miles: Tally = {}


NAMES = Tallies.__struct_fields__


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """How far one tally is from the answer: the sum over its keys of what is missing, and of what is too much."""

    lost: int
    doubled: int


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """Every tally compared. The unit is one flight for the first three and one mile for ``miles``."""

    differences: dict[str, Difference]

    @property
    def lost(self) -> int:
        """The sum over all keys of all tallies of how much less was counted than the file says."""
        return sum(difference.lost for difference in self.differences.values())

    @property
    def doubled(self) -> int:
        """The sum over all keys of all tallies of how much more was counted than the file says."""
        return sum(difference.doubled for difference in self.differences.values())

    @property
    def exact(self) -> bool:
        """Whether every key of every tally is what the file says."""
        return self.lost == 0 and self.doubled == 0


def answer(flights: Iterable[Flight]) -> Tallies:
    """The tallies as the file has them: each flight departed, arrived and was confirmed once."""
    routes: Counter[str] = Counter()
    miles: Counter[str] = Counter()
    for flight in flights:
        routes[flight.route] += 1
        miles[flight.tailnum] += flight.distance_miles
    return Tallies(departed=dict(routes), arrived=dict(routes), confirmed=dict(routes), miles=dict(miles))


def merge(shares: Iterable[Tallies]) -> Tallies:
    """Add up what several services counted, keys in order."""
    kept = tuple(shares)
    return Tallies(**{name: _added(getattr(share, name) for share in kept) for name in NAMES})


def compare(counted: Tallies, expected: Tallies) -> Comparison:
    """How ``counted`` differs from ``expected``."""
    return Comparison(
        differences={name: _difference(getattr(counted, name), getattr(expected, name)) for name in NAMES}
    )


def _added(tallies: Iterable[Mapping[str, int]]) -> Tally:
    total: Counter[str] = Counter()
    for tally in tallies:
        total.update(tally)
    return dict(sorted(total.items()))


def _difference(counted: Tally, expected: Tally) -> Difference:
    keys = {**expected, **counted}
    surplus = [counted.get(key, 0) - expected.get(key, 0) for key in keys]
    return Difference(lost=-sum(n for n in surplus if n < 0), doubled=sum(n for n in surplus if n > 0))
