"""Anything may happen, in any order; then everything heals, and the computation must come back to work."""

from __future__ import annotations

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cutpoint.names import CutNumber, Incarnation, Life, ProcessName
from cutpoint.protocol import coordinator_effects as ask
from cutpoint.protocol import coordinator_events as was
from cutpoint.protocol.coordination import Coordination, Policy
from cutpoint.protocol.ledger import from_records, to_records
from cutpoint.protocol.messages import Join, Leave, PartCaptured, Ready, Unfit
from tests.protocol.coordination_world import World

CHOICES = st.lists(st.integers(min_value=0, max_value=1 << 20), max_size=150)


def drive(world: World, choices: list[int]) -> None:
    for choice in choices:
        actions = world.actions()
        actions[choice % len(actions)]()


def drive_by_chance(world: World, seed: int, *, steps: int, faults: float) -> None:
    """A long run: most steps go forward, a share of them anywhere."""
    chance = random.Random(seed)
    for _ in range(steps):
        actions = world.actions() if chance.random() < faults else world.forward() or world.actions()
        chance.choice(actions)()


def progress(world: World) -> None:
    """After the faults: an operator's one decision at most, then a cut that everybody takes part in."""
    world.heal()
    if world.rig.core.statistics().hold:
        world.ask_recovery(0)
        world.heal()
    status = world.rig.core.statistics()
    assert status.recovery is None, status.recovery
    assert status.cut is None, status.cut
    assert status.hindrance == "", status
    assert all(member.running for member in status.members if member.state != "released"), status.members
    before = status.last_cut
    world.ask_cut()
    world.heal()
    after = world.rig.core.statistics()
    assert after.base == after.last_cut > before
    assert world.rig.oracles.unanswered() == ()


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(CHOICES)
def test_whatever_happens_nothing_unsafe_is_said_and_work_goes_on_afterwards(choices: list[int]) -> None:
    world = World("a", "b", "c")
    drive(world, choices)
    progress(world)


@pytest.mark.parametrize("faults", [0.05, 0.2, 0.5])
def test_long_runs_are_safe_and_come_back_to_work(faults: float) -> None:
    published = recovered = 0
    for seed in range(50):
        world = World("a", "b", "c")
        drive_by_chance(world, seed, steps=200, faults=faults)
        progress(world)
        published += len(world.rig.ledger().points)
        recovered += len(world.rig.ledger().recoveries)
    assert published > 50
    assert recovered > 50


@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow])
@given(CHOICES)
def test_whatever_happens_the_ledger_is_what_the_registry_holds(choices: list[int]) -> None:
    world = World("a", "b", policy=Policy(automatic_recovery=False))
    drive(world, choices)
    world.heal()
    assert to_records(from_records(world.rig.registry, computation="test")) == to_records(world.rig.core.ledger)


@settings(max_examples=200)
@given(st.data())
def test_no_event_in_any_order_raises(data: st.DataObject) -> None:
    world = World("a", "b")
    drive(world, data.draw(CHOICES))
    numbers = st.integers(min_value=-3, max_value=9)
    connections = st.integers(min_value=0, max_value=9)
    for _ in range(data.draw(st.integers(min_value=1, max_value=12))):
        number, connection = data.draw(numbers), data.draw(connections)
        events = strange_events(world, number, connection)
        world.rig.core.step(data.draw(st.sampled_from(events)))
        world.rig.core.check()


def strange_events(world: World, number: int, connection: int) -> list[was.Event]:
    now, cut, incarnation = world.rig.now(), CutNumber(number), Incarnation(number)
    join = Join(
        version=1, process=ProcessName("a"), life=Life("x"), incarnation=incarnation, cut=cut, prepared=incarnation
    )
    words = (
        join,
        Leave(),
        PartCaptured(cut=cut),
        Ready(incarnation=incarnation),
        Unfit(incarnation=incarnation, reason=""),
        Unfit(incarnation=incarnation, reason="", damaged=False),
    )
    return [
        was.Event(now=-1.0),
        was.LedgerLoaded(now=now, ledger=world.rig.ledger()),
        was.LedgerWritten(now=now, request=f"leader1-{number}"),
        was.AgentLost(now=now, connection=connection),
        was.AgentConnected(now=now, connection=connection + 1000, join=join),
        *(was.AgentSaid(now=now, connection=connection, message=word) for word in words),
        was.DeadlinePassed(now=now, cut=cut),
        was.CutRetryDue(now=now),
        was.RecoveryOverdue(now=now, incarnation=incarnation),
        was.PartsChecked(now=now, cut=cut, complaints=()),
        was.ManifestWritten(now=now, cut=cut, digest="?", bytes=1, created="?"),
        was.ManifestFailed(now=now, cut=cut, reason="?"),
        was.ManifestFound(now=now, cut=cut, point=None),
        was.RecoveryRequested(now=now, request="strange", target=cut),
        was.ReleaseRequested(now=now, request="strange release", process=ProcessName("abcd"[number % 4])),
    ]


def test_the_same_events_give_the_same_effects() -> None:
    def story() -> list[object]:
        world = World("a", "b", "c")
        drive(world, [(index * 7919) % 104729 for index in range(400)])
        return list(world.rig.story)

    assert story() == story()


def test_a_core_without_a_ledger_decides_nothing() -> None:
    core = Coordination(leader="x", store="file:///x")
    assert core.step(was.IntervalElapsed(now=0.0)) == ()
    assert core.step(was.CutRequested(now=0.0, request="ask")) == ()
    assert core.statistics().ignored == 1
    assert not [effect for effect in core.step(was.CutRetryDue(now=1.0)) if isinstance(effect, ask.WriteLedger)]
