"""All states and all orders of small configurations, counted: no violation in any of them."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Hashable

import pytest

from cutpoint.errors import ConfigurationError
from cutpoint_simulations.world.search import CONFIGURATIONS, Coverage, Payments, explore
from cutpoint_simulations.world.search.exploration import Search
from cutpoint_simulations.world.search.fingerprint import fingerprint
from cutpoint_simulations.world.topology import Edge, Topology

PAIR = CONFIGURATIONS["pair-1"]
QUIET = dataclasses.replace(PAIR, name="quiet", payments=())

COVERED = {
    "pair-1": "160 states and 2,015 passed through, 438 transitions, 16,482 interleavings, 9 endings, "
    "25 recovery points, 753 local steps",
    "pair-2": "2,947 states and 41,683 passed through, 10,172 transitions, 50,056,521,754 interleavings, 36 endings, "
    "225 recovery points, 6,987 local steps",
    "pair-crash": "316 states and 1,611 passed through, 653 transitions, 12,528 interleavings, 47 endings, "
    "7 recovery points, 952 local steps",
    "ring-2": "2,454 states and 10,893 passed through, 5,451 transitions, 46,655,155 interleavings, 173 endings, "
    "27 recovery points, 5,281 local steps",
    "ring-3": "28,100 states and 123,747 passed through, 64,008 transitions, 23,385,801,881,581 interleavings, "
    "1,050 endings, 128 recovery points, 22,938 local steps",
}
"""Pinned: another number means that the protocol can do more, or less, than it could."""

IN_FULL = {
    "pair-1": "79,168 states, 310,536 transitions, 258,212,966,615,849,240 interleavings, 25 endings, "
    "25 recovery points, 4,731 local steps",
    "pair-crash": "350,101 states, 1,633,742 transitions, 1,492,774,660,373,868,951,981 interleavings, 114 endings, "
    "7 recovery points, 8,142 local steps",
}


def test_every_configuration_is_pinned() -> None:
    assert list(COVERED) == list(CONFIGURATIONS)


@functools.cache
def searched(name: str, *, reduced: bool) -> tuple[Coverage, frozenset[Hashable]]:
    """What a search of this configuration covers, and the recovery points that are published in it."""
    search = Search(CONFIGURATIONS[name], reduced=reduced)
    search.run()
    disks = search.space.places.disks.things
    points = [tuple(fingerprint(disks[number]) for number in recorded) for recorded in search.points]
    return search.coverage(), frozenset(points)


@pytest.mark.parametrize("name", COVERED)
def test_every_order_of_a_configuration_is_explored_and_nothing_is_wrong(
    name: str, record_count: Callable[[str, object], None]
) -> None:
    coverage, _ = searched(name, reduced=True)
    record_count(f"exhaustive: {name}", coverage)
    assert str(coverage) == f"{name} (reduced search): {COVERED[name]}: no violation"


@pytest.mark.parametrize("name", IN_FULL)
def test_the_full_search_says_how_many_orders_there_are_and_the_reduced_one_publishes_the_same(
    name: str, record_count: Callable[[str, object], None]
) -> None:
    coverage, points = searched(name, reduced=False)
    record_count(f"exhaustive: {name} in full", coverage)
    assert str(coverage) == f"{name} (full search): {IN_FULL[name]}: no violation"
    assert searched(name, reduced=True)[1] == points


def test_a_search_tells_how_far_it_is_and_stops_where_it_is_told_to() -> None:
    told: list[int] = []
    coverage = explore(PAIR, reduced=False, states_max=5000, progress=told.append)
    assert told == sorted(told)
    assert told[0] >= 1000
    assert (coverage.complete, coverage.interleavings) == (False, 0)
    assert coverage.states >= 5000
    assert "(full search, not complete)" in str(coverage)


def test_without_payments_there_is_one_recovery_point_and_one_end() -> None:
    coverage = explore(QUIET, reduced=False)
    assert (coverage.points, coverage.endings, coverage.finding) == (1, 1, None)


def test_a_reduced_search_of_lines_without_order_is_refused() -> None:
    unordered = dataclasses.replace(PAIR, topology=Topology(names=("p0", "p1"), edges=(Edge("p0", "p1", False),)))
    with pytest.raises(ConfigurationError, match="nothing was explored; search it in full"):
        explore(unordered)
    assert explore(unordered, reduced=False, states_max=2000).finding is None


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"crashes": 2, "recovery_point": True}, "one crash at most"),
        ({"crashes": 1}, "there must be a recovery point to go back to"),
        ({"payments": (Payments(payer="p0", session=0, count=10),)}, "9 payments at most"),
        ({"payments": (Payments(payer="p2", session=0, count=1),)}, "p2 has no session 0 to pay over"),
        ({"payments": (Payments(payer="p0", session=1, count=1),)}, "p0 has no session 1 to pay over"),
    ],
)
def test_a_configuration_is_checked_when_it_is_built(changes: dict[str, object], complaint: str) -> None:
    with pytest.raises(ConfigurationError, match=complaint):
        dataclasses.replace(PAIR, **changes)  # type: ignore[arg-type]
