from __future__ import annotations

import functools

import hypothesis
import pytest
from hypothesis import find, given
from hypothesis import strategies as st

from cutpoint.errors import ConfigurationError
from cutpoint_simulations.cluster import Cluster
from cutpoint_simulations.faults import KINDS, Plan
from cutpoint_simulations.kit import (
    Edge,
    Fault,
    Places,
    Scenario,
    Send,
    SimulationFailed,
    Topology,
    Traffic,
    check,
    faults,
    schedules,
    seeds,
    single_faults,
    topologies,
    traffic,
    workloads,
)
from cutpoint_simulations.kit.strategies import places_of
from cutpoint_simulations.loop import Simulation
from cutpoint_simulations.loop.substitution import SUBSTITUTED
from cutpoint_simulations.runs.trial import Trial
from tests.simulations.kit.shops import declare, flawed

PLACES = Places(services=("till", "purse"), coordinators=("coordinator",), machines=("machine",))
THREE = Places(services=("till", "purse"), coordinators=("one", "two", "three"), machines=("a", "b"))
FOLDERS = ("manifests", "packs", "marks")
SMALL = hypothesis.settings(max_examples=3)


def one_of(strategy: st.SearchStrategy[Fault]) -> Fault:
    """The first one that it gives."""
    at_once = hypothesis.settings(phases=[hypothesis.Phase.generate], database=None)
    return find(strategy, lambda _: True, settings=at_once)


@given(plan=faults(THREE, seconds=2.0, most=4))
def test_plans_are_in_order_within_their_time_and_of_every_place(plan: Plan) -> None:
    assert len(plan) <= 4
    assert [fault.at for fault in plan] == sorted(fault.at for fault in plan)
    assert all(0.1 <= fault.at <= 2.0 for fault in plan)
    for fault in plan:
        named = [name for names in (fault.target, fault.other) for name in names.split(",") if name]
        folders = FOLDERS if fault.kind == "kill-at-object" else ()
        assert set(named) <= {*THREE.hosts, *THREE.machines, "leader", *folders}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_drawn_by_its_name_and_can_happen(kind: str) -> None:
    fault = one_of(single_faults(THREE, kinds=[kind]))
    assert fault.kind == kind
    with Trial(0, Scenario(name="shops", declare=declare, coordinators=3)) as trial:
        places = Places.of(trial.cluster)
        trial.begin()
        trial.let_pass(0.2)
        trial.strike(one_of(single_faults(places, kinds=[kind])))
        trial.let_pass(0.1)
        assert trial.violations == ()


def test_kinds_for_which_there_is_no_place_are_left_out() -> None:
    assert find(faults(PLACES, kinds=["pause-leader"]), lambda _: True) == ()


def test_a_kind_that_there_is_not_is_refused_at_once() -> None:
    with pytest.raises(ConfigurationError, match="no kind of faults called 'kil'"):
        faults(PLACES, kinds=["kil"])


def test_places_are_those_of_the_services_that_are_declared() -> None:
    assert places_of(declare) == PLACES
    assert places_of(Scenario(name="shops", declare=declare, coordinators=2)).coordinators == (
        "coordinator1",
        "coordinator2",
    )


@given(scenario=schedules(declare, seconds_most=1.0, coordinators_most=2))
@hypothesis.settings(max_examples=20)
def test_schedules_are_scenarios_of_the_services(scenario: Scenario) -> None:
    assert scenario.declare is declare
    assert 0.5 <= scenario.seconds <= 1.0
    assert scenario.coordinators in (1, 2)
    assert scenario.weather is not None


@given(topology=topologies(), data=st.data())
def test_workloads_use_the_channels_of_their_topology(topology: Topology, data: st.DataObject) -> None:
    channels = {(edge.opener, edge.acceptor) for edge in topology.edges}
    assert len(channels) == len(topology.edges)
    assert {(send.sender, send.receiver) for send in data.draw(workloads(topology))} <= channels


def test_a_workload_without_its_channel_is_refused() -> None:
    topology = Topology(names=("a", "b"), edges=(Edge("a", "b"),))
    with pytest.raises(ValueError, match="b opens no channel to a"):
        Traffic(topology=topology, workload=(Send(sender="b", receiver="a"),))


@given(seed=seeds(), computation=traffic(services_most=3, sends_most=6), data=st.data())
@SMALL
def test_any_traffic_is_sound_under_drawn_schedules_and_faults(
    seed: int, computation: Traffic, data: st.DataObject
) -> None:
    scenario = data.draw(schedules(computation, seconds_most=1.5))
    assert check(seed, scenario, plan=data.draw(faults(scenario, seconds=1.0))).counts.published > 0


def test_what_a_workload_says_arrives() -> None:
    topology = Topology(names=("a", "b", "c"), edges=(Edge("a", "b"), Edge("b", "c"), Edge("a", "c")))
    sends = tuple(Send(sender=name, receiver="c", amount=7, pause_seconds=0.1) for name in ("a", "b", "a"))
    scenario = Scenario(name="traffic", declare=Traffic(topology=topology, workload=sends))
    with Trial(3, scenario) as trial:
        trial.begin()
        trial.let_pass(0.2)
        trial.finish()
        assert trial.violations == ()
        assert trial.cluster.finals.keys() == {"everything has arrived"}


def goes_wrong(scenario: Scenario, plan: Plan) -> bool:
    """Before anything is healed."""
    with Trial(1, scenario) as trial:
        trial.begin(plan)
        return trial.let_pass(scenario.seconds)


def test_a_bug_that_needs_a_kill_shrinks_to_one_kill() -> None:
    scenario = Scenario(name="shops", declare=flawed("outside"), seconds=1.0, interval_seconds=0.2)
    with SUBSTITUTED:
        plan = find(
            faults(scenario, kinds=("kill", "delay"), seconds=0.8, most=3),
            functools.cache(functools.partial(goes_wrong, scenario)),
            settings=hypothesis.settings(max_examples=100, database=None, derandomize=True),
        )
    assert [fault.kind for fault in plan] == ["kill"]
    assert plan[0].seconds == 0.02
    with pytest.raises(SimulationFailed, match="numbers have no gap"):
        check(1, scenario, plan=plan)


def test_a_fault_is_printed_as_it_is_written() -> None:
    assert repr(Fault(kind="kill", target="purse", seconds=0.5)) == "Fault(kind='kill', target='purse', seconds=0.5)"


def test_traffic_declares_the_services_of_its_topology() -> None:
    with Simulation(0) as simulation:
        cluster = Cluster(simulation)
        Traffic(topology=Topology(names=("a", "b")), workload=())(cluster)
        assert tuple(cluster.services) == ("a", "b")
