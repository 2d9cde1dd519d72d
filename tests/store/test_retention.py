from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cutpoint.errors import ConfigurationError
from cutpoint.names import CutNumber
from cutpoint.store.retention import Plan, Point, Policy, plan_retention

START = datetime(2026, 1, 1, tzinfo=UTC)
EXAMPLE = "last 10, hourly 24, daily 7, weekly 4, label release*"

counts = st.integers(0, 4)
policies = st.builds(
    Policy,
    last=counts,
    hourly=counts,
    daily=counts,
    weekly=counts,
    monthly=counts,
    yearly=counts,
    labels=st.lists(st.sampled_from(["release*", "a", "?", "[ab]"]), max_size=2, unique=True).map(tuple),
)
ages = st.integers(0, 3 * 365 * 24 * 60).map(lambda minutes: timedelta(minutes=minutes))


@st.composite
def histories(draw: st.DrawFn, *, odd: bool = True) -> tuple[Point, ...]:
    """Points in order of time, some of them odd."""
    gaps = draw(st.lists(st.integers(1, 60 * 24 * 20), max_size=25))
    points, at = [], START
    for number, gap in enumerate(gaps, 1):
        at += timedelta(minutes=gap)
        point = Point(
            cut=CutNumber(number),
            created=at,
            labels=draw(st.sampled_from([(), (), (), ("release-1",), ("a", "b")])),
            pinned=draw(st.integers(0, 9)) == 0,
        )
        kind = draw(st.integers(0, 9)) if odd else 9
        if kind == 0:
            point = replace(point, created=None, complaint="it is torn")
        elif kind == 1:
            point = replace(point, condemned=True)
        points.append(point)
    return tuple(points)


protections = st.dictionaries(st.integers(1, 30).map(CutNumber), st.just("the running computation descends from it"))


def kept_of(points: tuple[Point, ...], plan: Plan) -> tuple[Point, ...]:
    return tuple(point for point in points if point.cut in plan.kept)


@given(histories(), policies, protections)
def test_every_point_has_one_verdict_and_what_stays_has_a_reason(
    points: tuple[Point, ...], policy: Policy, protected: dict[CutNumber, str]
) -> None:
    plan = plan_retention(points, policy, protected)
    assert [verdict.cut for verdict in plan.verdicts] == [point.cut for point in points]
    assert sorted((*plan.kept, *plan.dropped)) == [point.cut for point in points]
    assert all(verdict.reasons for verdict in plan.verdicts if verdict.keep)


@given(histories(), policies, protections)
def test_planning_again_over_what_was_kept_drops_nothing(
    points: tuple[Point, ...], policy: Policy, protected: dict[CutNumber, str]
) -> None:
    plan = plan_retention(points, policy, protected)
    assert plan_retention(kept_of(points, plan), policy, protected).dropped == ()


@given(histories(), policies, protections)
def test_what_is_last_pinned_protected_or_unreadable_stays_whatever_the_policy(
    points: tuple[Point, ...], policy: Policy, protected: dict[CutNumber, str]
) -> None:
    kept = set(plan_retention(points, policy, protected).kept)
    for point in points:
        if point.pinned or point.complaint or point.cut in protected:
            assert point.cut in kept
    if points:
        assert points[-1].cut in kept
    if readable := [point.cut for point in points if not point.complaint]:
        assert readable[-1] in kept


@given(histories(), policies, policies, protections)
def test_a_policy_that_asks_for_more_keeps_at_least_as_much(
    points: tuple[Point, ...], policy: Policy, other: Policy, protected: dict[CutNumber, str]
) -> None:
    more = Policy(
        last=max(policy.last, other.last),
        hourly=max(policy.hourly, other.hourly),
        daily=max(policy.daily, other.daily),
        weekly=max(policy.weekly, other.weekly),
        monthly=max(policy.monthly, other.monthly),
        yearly=max(policy.yearly, other.yearly),
        labels=(*policy.labels, *other.labels),
    )
    assert more.includes(policy)
    assert set(plan_retention(points, more, protected).kept) >= set(plan_retention(points, policy, protected).kept)


@given(histories(), policies, st.integers(0, 25))
def test_a_point_that_was_dropped_stays_dropped_when_newer_ones_come(
    points: tuple[Point, ...], policy: Policy, length: int
) -> None:
    before = plan_retention(points[:length], policy)
    assert set(before.dropped) <= set(plan_retention(points, policy).dropped)


@given(histories(odd=False), st.integers(1, 5))
def test_last_keeps_so_many(points: tuple[Point, ...], last: int) -> None:
    plain = tuple(replace(point, pinned=False) for point in points)
    assert plan_retention(plain, Policy(last=last)).kept == tuple(point.cut for point in plain[-last:])


def at(*moments: str) -> tuple[Point, ...]:
    return tuple(
        Point(cut=CutNumber(number), created=datetime.fromisoformat(moment).replace(tzinfo=UTC))
        for number, moment in enumerate(moments, 1)
    )


@pytest.mark.parametrize(
    ("policy", "kept"),
    [
        ("last 2", (6, 7)),
        ("hourly 2", (6, 7)),
        ("hourly 3", (5, 6, 7)),
        ("daily 2", (4, 7)),
        ("daily 9", (1, 2, 3, 4, 7)),
        ("weekly 2", (3, 7)),
        ("monthly 2", (2, 7)),
        ("yearly 5", (1, 7)),
        ("daily 2, yearly 2", (1, 4, 7)),
    ],
)
def test_each_rule_keeps_the_newest_of_each_of_the_last_that_have_any(policy: str, kept: tuple[int, ...]) -> None:
    points = at(
        "2025-12-31T23:00",
        "2026-01-30T10:00",
        "2026-02-01T23:59",  # a Sunday
        "2026-02-02T00:00",  # a Monday
        "2026-02-03T10:10",
        "2026-02-03T11:00",
        "2026-02-03T12:01",
    )
    assert plan_retention(points, Policy.parse(policy)).kept == kept


def test_every_reason_is_told() -> None:
    points = (
        replace(at("2026-01-01T00:00")[0], labels=("release-1", "old"), pinned=True),
        replace(at("2026-01-01T00:00", "2026-01-01T00:10")[1], created=None, complaint="object x is torn"),
        at("2026-01-01T00:00", "2026-01-01T00:10", "2026-01-01T00:20")[2],
    )
    plan = plan_retention(points, Policy.parse("last 2, daily 1, label rel*"), {CutNumber(1): "it is recovered to"})
    assert [verdict.reasons for verdict in plan.verdicts] == [
        ("pinned", "it is recovered to", "last 2", "label release-1"),
        ("it cannot be read: object x is torn",),
        ("the last published", "last 1", "daily 1"),
    ]


def test_a_point_that_was_being_dropped_goes_unless_it_must_stay() -> None:
    points = tuple(replace(point, condemned=True) for point in at("2026-01-01T00:00", "2026-01-02T00:00"))
    points = (*points, *at("2026-01-01", "2026-01-02", "2026-01-03")[2:])
    plan = plan_retention(points, Policy(last=9), {CutNumber(2): "it is recovered to"})
    assert plan.dropped == (1,)
    assert plan.verdicts[0].reasons == ("a collection had begun to drop it",)


def test_a_manifest_that_is_no_recovery_point_goes_and_no_rule_counts_it() -> None:
    points = at("2026-01-01T00:00", "2026-01-02T00:00", "2026-01-03T00:00", "2026-01-04T00:00")
    void = {2: "its cut was abandoned", 4: "its cut was abandoned"}
    points = tuple(replace(point, void=void.get(point.cut, ""), pinned=point.cut == 2) for point in points)
    plan = plan_retention(points, Policy(last=1))
    assert [(verdict.cut, verdict.reasons) for verdict in plan.verdicts if verdict.keep] == [
        (2, ("pinned",)),
        (3, ("the last published", "last 1")),
    ]
    assert plan.verdicts[3].reasons == ("its cut was abandoned",)


def test_times_with_other_zones_are_compared_in_utc() -> None:
    points = (
        Point(cut=CutNumber(1), created=datetime.fromisoformat("2026-01-01T23:30:00-02:00")),
        Point(cut=CutNumber(2), created=datetime.fromisoformat("2026-01-02T01:40:00+00:00")),
    )
    assert plan_retention(points, Policy(daily=5)).kept == (2,)


@given(policies.filter(str))
def test_a_policy_is_read_back_from_its_text(policy: Policy) -> None:
    assert Policy.parse(str(policy)) == policy


def test_the_example_is_understood() -> None:
    assert Policy.parse(EXAMPLE) == Policy(last=10, hourly=24, daily=7, weekly=4, labels=("release*",))
    assert str(Policy.parse(" LAST 10 ,  label b, label a,label b ")) == "last 10, label b, label a"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "a rule is empty"),
        ("last 3,", "a rule is empty"),
        ("lsat 3", "there is no rule 'lsat', there are last, hourly,"),
        ("last", "'last' needs a number from 1 to 1000000, and has nothing"),
        ("last 0", "'last' needs a number from 1 to 1000000, and has '0'"),
        ("daily -1", "and has '-1'"),
        ("daily seven", "and has 'seven'"),
        ("last 3 daily 4", "and has '3 daily 4'"),
        ("last 3, last 4", "'last' is in it twice"),
        ("label", "'label' needs a label or a pattern"),
        ("label a b", "no label is like 'a b'"),
        ("last ٣", "and has '٣'"),
    ],
)
def test_a_policy_that_says_nothing_is_refused_with_what_is_wrong(text: str, complaint: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Policy.parse(text)
    assert complaint in str(caught.value)
    assert "nothing was deleted; write something like 'last 10, hourly 24" in str(caught.value)
    assert str(caught.value).isprintable()


def test_counts_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="daily -1 is not between 0 and"):
        Policy(daily=-1)
