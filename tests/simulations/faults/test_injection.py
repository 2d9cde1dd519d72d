"""What faults do to a cluster, and that healing ends every one of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
from aiohttp import web

from cutpoint.errors import ConfigurationError
from cutpoint_simulations.cluster import Cluster
from cutpoint_simulations.faults import KINDS, Fault, Injection, Places, apply
from cutpoint_simulations.loop import Host, Simulation


class Beat:
    """A program that counts tenths of seconds, each life anew."""

    def __init__(self) -> None:
        self.count = 0

    async def __call__(self) -> None:
        self.count = 0
        while True:
            await asyncio.sleep(0.1)
            self.count += 1


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """Two programs and a coordinator, started a second ago."""
    with Simulation(1) as simulation:
        cluster = Cluster(simulation)
        for name in ("a", "b"):
            cluster.program(name, Beat())
        cluster.start()
        simulation.run(until=1.0)
        yield cluster


def fault(kind: str, **fields: float | str) -> Fault:
    return Fault(kind=kind, at=0, **{"target": "a", "other": "b", "seconds": 0.5, **fields})  # type: ignore[arg-type]


def let_pass(cluster: Cluster, seconds: float) -> None:
    simulation = cluster.simulation
    simulation.run(until=simulation.agenda.now + seconds)


def host(cluster: Cluster, name: str = "a") -> Host:
    return cluster.simulation.hosts[name]


@pytest.mark.parametrize("kind", ["kill", "vanish"])
def test_a_killed_process_is_away_for_as_long_as_the_fault_lasts(cluster: Cluster, kind: str) -> None:
    Injection(cluster).begin(fault(kind, seconds=2.0))
    let_pass(cluster, 1.9)
    assert (host(cluster).alive, host(cluster).reachable) == (False, kind == "kill")
    let_pass(cluster, 0.2)
    assert (host(cluster).alive, host(cluster).life, host(cluster).reachable) == (True, 2, True)


def test_a_terminated_process_ends_in_its_own_way_and_comes_back(cluster: Cluster) -> None:
    Injection(cluster).begin(fault("terminate", target="coordinator"))
    let_pass(cluster, 5.0)
    assert host(cluster, "coordinator").statuses == [0]
    assert host(cluster, "coordinator").alive


def test_a_service_that_is_told_to_end_while_it_starts_ends_at_once() -> None:
    async def wait(app: web.Application) -> AsyncIterator[None]:
        await asyncio.sleep(60.0)
        yield

    def create_app() -> web.Application:
        app = web.Application()
        app.cleanup_ctx.append(wait)
        return app

    with Simulation(1) as simulation:
        cluster = Cluster(simulation)
        cluster.service("a", create_app)
        cluster.start()
        let_pass(cluster, 1.0)
        Injection(cluster).begin(fault("terminate"))
        let_pass(cluster, 0.5)
        assert (host(cluster).statuses, host(cluster).life) == ([0], 2)


def test_a_paused_process_does_nothing_and_goes_on(cluster: Cluster) -> None:
    beat = host(cluster).main
    assert isinstance(beat, Beat)
    Injection(cluster).begin(fault("pause", seconds=1.0))
    before = beat.count
    let_pass(cluster, 0.9)
    assert beat.count == before
    let_pass(cluster, 0.5)
    assert beat.count > before
    assert host(cluster).life == 1


def test_a_machine_without_power_has_no_process_and_has_lost_what_was_not_flushed(cluster: Cluster) -> None:
    disk = cluster.simulation.disk("machine")
    Injection(cluster).begin(fault("power", target="machine", seconds=1.0))
    let_pass(cluster, 0.9)
    assert [host(cluster, name).alive for name in ("a", "b", "coordinator", "operator")] == [False, False, False, True]
    assert disk.crashes == 1
    let_pass(cluster, 0.2)
    assert all(host(cluster, name).alive for name in ("a", "b", "coordinator"))


def test_power_fails_at_the_operation_that_was_meant(cluster: Cluster) -> None:
    disk = cluster.simulation.disk("machine")
    Injection(cluster).begin(fault("torn-write", target="machine", amount=2, seconds=60.0))
    before = disk.operations
    writes = cluster.simulation.host("writer")
    writes.start(lambda: _write(10))
    let_pass(cluster, 0.01)
    assert (disk.operations - before, disk.crashes, writes.alive) == (2, 1, False)


def test_whoever_is_in_the_middle_of_writing_is_killed_and_nobody_else(cluster: Cluster) -> None:
    Injection(cluster).begin(fault("kill-in-write", target="machine", amount=3, seconds=60.0))
    writes = cluster.simulation.host("writer")
    writes.start(lambda: _write(10))
    let_pass(cluster, 0.1)
    assert (writes.alive, host(cluster).life, cluster.simulation.disk("machine").crashes) == (False, 1, 0)


async def _write(times: int) -> None:
    for number in range(times):
        with open(f"/simulated/f{number}", "wb") as file:
            file.write(b"x")


@pytest.mark.parametrize(("kind", "number"), [("full-disk", 28), ("disk-error", 5)])
def test_a_disk_fails_for_a_while(cluster: Cluster, kind: str, number: int) -> None:
    Injection(cluster).begin(fault(kind, target="machine", seconds=1.0, amount=0))
    failed: list[int | None] = []

    async def write() -> None:
        try:
            await _write(1)
        except OSError as error:
            failed.append(error.errno)

    for _ in range(2):
        writes = cluster.simulation.hosts.get("writer") or cluster.simulation.host("writer")
        writes.start(write)
        let_pass(cluster, 1.1)
    assert failed == [number]


def test_clocks_are_wrong_for_a_while(cluster: Cluster) -> None:
    clock = host(cluster).clock
    injection = Injection(cluster)
    injection.begin(fault("skew", amount=-3600))
    injection.begin(fault("drift", amount=2))
    assert (clock.skew_seconds, clock.rate) == (-3600, 2)
    beat = host(cluster).main
    assert isinstance(beat, Beat)
    before = beat.count
    let_pass(cluster, 0.45)
    assert beat.count - before in (8, 9)
    let_pass(cluster, 0.1)
    assert (clock.skew_seconds, clock.rate) == (0, 1)


def test_a_partition_holds_all_links_between_its_groups(cluster: Cluster) -> None:
    network = cluster.simulation.network
    Injection(cluster).begin(fault("partition", target="a", other="b,coordinator"))
    pairs = [("a", "b"), ("b", "a"), ("a", "coordinator"), ("coordinator", "a")]
    assert [network.link(*pair).holding for pair in (*pairs, ("b", "coordinator"))] == [1, 1, 1, 1, 0]
    Injection(cluster).begin(fault("one-way-partition"))
    assert [network.link(*pair).holding for pair in pairs[:2]] == [2, 1]
    let_pass(cluster, 0.6)
    assert [network.link(*pair).holding for pair in pairs] == [0, 0, 0, 0]


def test_the_registry_is_away_for_whom_it_was_meant(cluster: Cluster) -> None:
    injection, registry = Injection(cluster), cluster.registry
    injection.begin(fault("registry-outage", target="coordinator"))
    assert (registry.answers("coordinator"), registry.answers("another")) == (False, True)
    injection.begin(fault("registry-outage", target=""))
    assert not registry.answers("another")
    let_pass(cluster, 0.6)
    assert registry.answers("coordinator")


@pytest.mark.parametrize("kind", KINDS)
def test_healing_ends_every_kind(cluster: Cluster, kind: str) -> None:
    injection = Injection(cluster)
    drawn = KINDS[kind].draw(cluster.simulation.chance, Places.of(cluster))
    injection.begin(drawn)
    let_pass(cluster, 0.001)
    injection.heal()
    let_pass(cluster, 1.0)
    simulation, registry = cluster.simulation, cluster.registry
    hosts = [*cluster.services.values(), *cluster.coordinators.values()]
    names = [each.name for each in hosts]
    links = [simulation.network.link(one, other) for one in names for other in names]
    assert all(each.alive and not each.paused for each in hosts)
    assert {(each.clock.skew_seconds, each.clock.rate) for each in hosts} == {(0.0, 1.0)}
    assert {(link.holding, link.slowness) for link in links} == {(0, 1.0)}
    assert (registry.answers("coordinator"), registry.losing) == (True, [])
    assert (registry.dropping, registry.delaying) == ([], [])
    assert simulation.disk("machine").before_operation is None
    assert not simulation.disk("machine").failing
    assert injection.begun == {kind: 1}


def test_delays_of_one_link_do_not_add_up_and_the_longest_counts(cluster: Cluster) -> None:
    injection, link = Injection(cluster), cluster.simulation.network.link("a", "b")
    alone = []
    for amount in (0.3, 0.132):
        injection.begin(fault("delay", amount=amount, seconds=0.1))
        alone.append(link.slowness)
        let_pass(cluster, 0.2)
    injection.begin(fault("delay", amount=0.3, seconds=0.5))
    injection.begin(fault("delay", target="b", other="a", amount=0.132, seconds=1.0))
    assert link.slowness == alone[0]
    let_pass(cluster, 0.6)
    assert link.slowness == alone[1]


def test_the_end_of_one_fault_is_not_the_end_of_another_that_stands(cluster: Cluster) -> None:
    injection, host = Injection(cluster), cluster.services["a"]
    link, disk = cluster.simulation.network.link("a", "b"), cluster.simulation.disk("machine")
    for seconds in (0.5, 1.5):
        injection.begin(fault("delay", other="b", amount=0.1, seconds=seconds))
        injection.begin(fault("drift", amount=2.0, seconds=seconds))
        injection.begin(fault("lost-answers", amount=0.5, seconds=seconds))
    injection.begin(fault("full-disk", target="machine", amount=0.0, seconds=0.5))
    injection.begin(fault("disk-error", target="machine", amount=3.0, seconds=1.5))
    let_pass(cluster, 1.0)
    assert link.slowness > 1
    assert host.clock.rate == 2.0
    assert cluster.registry.losing == [0.5]
    assert disk.failing
    let_pass(cluster, 1.0)
    assert (link.slowness, host.clock.rate) == (1.0, 1.0)
    assert (cluster.registry.losing, cluster.simulation.disk("machine").failing) == ([], False)


def test_what_is_planned_for_after_the_healing_does_not_happen(cluster: Cluster) -> None:
    injection = apply((fault("kill"), Fault(kind="kill", at=3.0, target="b", seconds=0.1)), cluster)
    let_pass(cluster, 0.01)
    assert not host(cluster).alive
    injection.heal()
    let_pass(cluster, 5.0)
    assert (host(cluster).life, host(cluster, "b").life) == (2, 1)


def test_a_fault_of_somebody_unknown_is_refused(cluster: Cluster) -> None:
    with pytest.raises(ConfigurationError, match="no host is called 'nobody'"):
        Injection(cluster).begin(fault("kill", target="nobody"))
