"""Without a safeguard an exhaustive search finds the violation, full or reduced, and the shortest way to it."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable

import pytest

from cutpoint_simulations.world.healing import Orderly, heal
from cutpoint_simulations.world.oracle import Oracle
from cutpoint_simulations.world.search import CONFIGURATIONS, Configuration, Finding, explore
from cutpoint_simulations.world.search.exploration import Search
from tests.ablations import safeguards_out as out

PAIR, CRASH = CONFIGURATIONS["pair-1"], CONFIGURATIONS["pair-crash"]
TWO_CUTS = dataclasses.replace(PAIR, name="two-cuts", payments=(), cuts=2, deadlines=1)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Case:
    """A safeguard taken out, where that is noticed, by which complaint, and after how many steps at the least."""

    ablate: Callable[[pytest.MonkeyPatch], None]
    configuration: Configuration
    complaint: str
    steps: int


CASES = (
    Case(
        ablate=out.no_recording_of_what_arrives_late,
        configuration=PAIR,
        complaint="sound: .* lost: 1 of 1 sent by p. are in no part",
        steps=17,
    ),
    Case(
        ablate=out.no_recording_of_what_never_left,
        configuration=PAIR,
        complaint="sound: .* the part of p. holds 0 in-flight messages",
        steps=15,
    ),
    Case(
        ablate=out.an_await_in_the_record_block,
        configuration=PAIR,
        complaint="in-flight: .* sent and not received",
        steps=17,
    ),
    Case(
        ablate=out.published_before_durable,
        configuration=PAIR,
        complaint="told: .* takes it for a recovery point",
        steps=10,
    ),
    Case(
        ablate=out.members_are_those_who_answered,
        configuration=CRASH,
        complaint="sound: .* is not a member of the cut",
        steps=10,
    ),
    Case(
        ablate=out.number_reused_after_abandon,
        configuration=TWO_CUTS,
        complaint="NoProgress: ",
        steps=13,
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.ablate.__name__)
def test_without_a_safeguard_the_shortest_way_to_a_violation_is_found(
    case: Case, monkeypatch: pytest.MonkeyPatch, record_count: Callable[[str, object], None]
) -> None:
    case.ablate(monkeypatch)
    coverage = explore(case.configuration)
    finding = coverage.finding
    assert finding is not None, "nobody noticed"
    record_count(f"exhaustive, without the safeguard: {case.ablate.__name__}", finding)
    assert re.search(case.complaint, finding.complaint)
    assert len(finding.path) == case.steps
    assert str(finding).count("\n") == case.steps
    assert str(finding) in str(coverage)
    assert re.search(case.complaint, complaint_in_the_real_world(case.configuration, finding))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.ablate.__name__)
def test_without_a_safeguard_the_reduced_search_notices_by_itself(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    case.ablate(monkeypatch)
    search = Search(case.configuration, reduced=True)
    search.run()
    finding = search.coverage().finding
    assert finding is not None, "nobody noticed"
    assert re.search(case.complaint, finding.complaint)
    assert len(finding.path) >= case.steps


@pytest.mark.parametrize("configuration", [PAIR, CRASH, TWO_CUTS], ids=lambda configuration: configuration.name)
def test_with_all_safeguards_there_is_nothing_to_find(configuration: Configuration) -> None:
    coverage = explore(configuration)
    assert (coverage.complete, coverage.finding) == (True, None)


def complaint_in_the_real_world(configuration: Configuration, finding: Finding) -> str:
    """What the oracle says of a world that takes these steps; at the end progress is demanded."""
    world = configuration.established()
    oracle = Oracle(world)

    def apply(action: object) -> None:
        world.apply(action)  # type: ignore[arg-type]
        oracle.judge()

    try:
        for action in finding.path:
            apply(action)
        heal(world, Orderly(), apply)
    except AssertionError as failure:
        return f"{type(failure).__name__}: {failure}"
    return ""
