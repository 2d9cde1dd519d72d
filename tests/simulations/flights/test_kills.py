from __future__ import annotations

from pathlib import Path

import pytest

from cutpoint.errors import ConfigurationError
from cutpoint_simulations.flights.children import PythonChild
from cutpoint_simulations.flights.kills import DEFAULT_KILLS, Kill, Schedule, parse_kills


def test_kills_come_in_the_order_of_their_recovery_points() -> None:
    kills = parse_kills(("etcd@12", "origin@2", "coordinator@7", "destination@2"))
    assert [str(kill) for kill in kills] == ["origin@2", "destination@2", "coordinator@7", "etcd@12"]


def test_the_default_kills_one_process_of_every_kind() -> None:
    assert sorted(kill.kind for kill in parse_kills(DEFAULT_KILLS)) == ["coordinator", "destination", "etcd", "origin"]


def test_none_means_no_kills_and_goes_with_nothing_else() -> None:
    assert parse_kills(("none",)) == ()
    with pytest.raises(ConfigurationError, match="--kill none excludes"):
        parse_kills(("none", "origin@2"))


@pytest.mark.parametrize(
    "text", ["origin", "origin@", "origin@0", "origin@-1", "origin@two", "pilot@2", "@2", "origin@²"]
)
def test_anything_else_is_refused_by_name(text: str) -> None:
    with pytest.raises(ConfigurationError, match="is not KIND@K; nothing was started"):
        parse_kills((text,))


def test_a_kill_is_due_once_and_not_before_its_recovery_point() -> None:
    schedule = Schedule(parse_kills(("origin@2", "etcd@3")), seed=0)
    assert [schedule.due(points) for points in (0, 1, 2, 2, 9, 9)] == [
        None,
        None,
        Kill(kind="origin", after=2),
        None,
        Kill(kind="etcd", after=3),
        None,
    ]
    assert schedule.ahead == []


def test_the_seed_alone_chooses_the_victims(tmp_path: Path) -> None:
    children = [PythonChild(name=n, kind="origin", arguments=(), log=tmp_path / n) for n in ("EWR", "JFK", "LGA")]

    def victims(seed: int) -> list[str]:
        schedule = Schedule((), seed=seed)
        return [schedule.choose(list(children)).name for _ in range(20)]

    assert victims(1) == victims(1)
    assert victims(1) != victims(2)
