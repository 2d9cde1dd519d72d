"""Plans of faults: drawn from a seed, and as values."""

from __future__ import annotations

import random

import msgspec
import pytest

from cutpoint.errors import ConfigurationError
from cutpoint_simulations.faults import KINDS, Fault, Places, Plan, draw, tell

SECONDS = 4.0
PLACES = Places(services=("a", "b", "c"), coordinators=("c1", "c2"), machines=("machine",))


def drawn(seed: int, **wishes: tuple[str, ...]) -> Plan:
    return draw(random.Random(seed), PLACES, SECONDS, **wishes)


def test_a_seed_draws_the_same_plan_again() -> None:
    assert [drawn(seed) for seed in range(50)] == [drawn(seed) for seed in range(50)]


def test_some_plans_are_calm_some_have_one_kind_and_some_have_many() -> None:
    variety = [len({fault.kind for fault in drawn(seed)}) for seed in range(300)]
    assert 5 <= variety.count(0) <= 40
    assert variety.count(1) >= 80
    assert max(variety) >= 5


def test_every_kind_is_drawn() -> None:
    assert {fault.kind for seed in range(1000) for fault in drawn(seed)} == set(KINDS)


def test_faults_begin_within_the_time_and_in_order() -> None:
    for seed in range(200):
        beginnings = [fault.at for fault in drawn(seed)]
        assert beginnings == sorted(beginnings)
        assert all(0 < at <= SECONDS for at in beginnings)


def test_a_plan_has_only_the_kinds_that_were_asked_for_and_is_never_calm() -> None:
    plans = [drawn(seed, kinds=("kill", "skew")) for seed in range(100)]
    assert all(plans)
    assert {fault.kind for plan in plans for fault in plan} == {"kill", "skew"}
    assert drawn(1, kinds=()) == ()


def test_what_has_no_place_is_not_drawn() -> None:
    lonely = Places(services=("a",), coordinators=("coordinator",), machines=("machine",))
    kinds = {fault.kind for seed in range(500) for fault in draw(random.Random(seed), lonely, SECONDS)}
    assert "pause-leader" not in kinds
    assert draw(random.Random(1), lonely, SECONDS, kinds=("pause-leader",)) == ()


def test_an_unknown_kind_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(ConfigurationError, match=r"'rain'.*choose from delay, hold, "):
        drawn(1, kinds=("rain",))


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_survives_json_and_is_told_in_one_line(kind: str) -> None:
    for seed in range(10):
        plan = drawn(seed, kinds=(kind,))
        assert msgspec.json.decode(msgspec.json.encode(plan), type=tuple[Fault, ...]) == plan
        assert len(tell(plan).splitlines()) == len(plan)
