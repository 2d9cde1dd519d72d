"""What the network does: slowness, links that hold everything back, partitions, connections that are reset.

TCP neither reorders nor doubles the bytes of a connection that stands, and so nothing here does; that a message comes
twice or in another order is what `cutpoint_simulations.world` is for. What reaches a service late, after a reconnect,
or never, comes from these.
"""

from __future__ import annotations

import random
from itertools import product

from cutpoint_simulations.cluster import Cluster
from cutpoint_simulations.faults.fault import End, Fault, Kind, Places, find_host, group, short_time


def _two(chance: random.Random, places: Places) -> tuple[str, str]:
    one, other = chance.sample(places.hosts, 2)
    return one, other


def _two_or_more(places: Places) -> bool:
    return len(places.hosts) >= 2


def _draw_delay(chance: random.Random, places: Places) -> Fault:
    one, other = _two(chance, places)
    amount = round(10 ** chance.uniform(-2.5, 0), 3)
    return Fault(kind="delay", at=0, target=one, other=other, seconds=short_time(chance), amount=amount)


def _delay(fault: Fault, cluster: Cluster) -> End:
    """``amount``: about how many seconds whatever is sent meanwhile is under way, whatever else slows it down."""
    network = cluster.simulation.network
    links = [network.link(*pair) for pair in ((fault.target, fault.other), (fault.other, fault.target))]
    slower = [fault.amount / (link.latency_seconds + link.jitter_seconds / 4) for link in links]
    for link, times in zip(links, slower, strict=True):
        link.slowed.append(times)

    def end() -> None:
        for link, times in zip(links, slower, strict=True):
            link.slowed.remove(times)

    return end


def _draw_hold(chance: random.Random, places: Places) -> Fault:
    one, other = _two(chance, places)
    return Fault(kind="hold", at=0, target=one, other=other, seconds=short_time(chance))


def _hold(fault: Fault, cluster: Cluster) -> End:
    return _hold_all(cluster, ((fault.target, fault.other),))


def _draw_partition(kind: str, chance: random.Random, places: Places) -> Fault:
    names = list(places.hosts)
    chance.shuffle(names)
    size = chance.randrange(1, len(names))
    one, other = ",".join(sorted(names[:size])), ",".join(sorted(names[size:]))
    return Fault(kind=kind, at=0, target=one, other=other, seconds=short_time(chance))


def _partition(fault: Fault, cluster: Cluster) -> End:
    pairs = tuple(product(group(fault.target), group(fault.other)))
    return _hold_all(cluster, (*pairs, *((other, one) for one, other in pairs)))


def _partition_one_way(fault: Fault, cluster: Cluster) -> End:
    return _hold_all(cluster, tuple(product(group(fault.target), group(fault.other))))


def _hold_all(cluster: Cluster, pairs: tuple[tuple[str, str], ...]) -> End:
    network = cluster.simulation.network
    for source, target in pairs:
        find_host(cluster, source)
        find_host(cluster, target)
        network.hold(source, target)

    def end() -> None:
        for source, target in pairs:
            network.release(source, target)

    return end


def _draw_drop(chance: random.Random, places: Places) -> Fault:
    one, other = _two(chance, places)
    return Fault(kind="drop", at=0, target=one, other=other, amount=round(chance.random(), 3))


def _drop(fault: Fault, cluster: Cluster) -> None:
    """``amount`` from 0 to 1 says which of the connections that there are; 1: every one."""
    network = cluster.simulation.network
    streams = (*network.connections(fault.target, fault.other), *network.connections(fault.other, fault.target))
    if fault.amount < 1:
        at = int(fault.amount * len(streams))
        streams = streams[at : at + 1]
    for stream in streams:
        network.reset(stream)


KINDS = (
    Kind(
        name="delay",
        about="whatever travels between two hosts takes longer",
        words="between {target} and {other} everything takes {amount:g} s, for {seconds:g} s",
        draw=_draw_delay,
        begin=_delay,
        possible=_two_or_more,
    ),
    Kind(
        name="hold",
        about="one host's bytes to another are held back, in order, and then released",
        words="nothing from {target} reaches {other} for {seconds:g} s",
        draw=_draw_hold,
        begin=_hold,
        possible=_two_or_more,
    ),
    Kind(
        name="partition",
        about="two groups of hosts cannot reach each other",
        words="{target} and {other} cannot reach each other for {seconds:g} s",
        draw=lambda chance, places: _draw_partition("partition", chance, places),
        begin=_partition,
        possible=_two_or_more,
    ),
    Kind(
        name="one-way-partition",
        about="one group of hosts cannot reach another one, which can reach it",
        words="{target} cannot reach {other} for {seconds:g} s",
        draw=lambda chance, places: _draw_partition("one-way-partition", chance, places),
        begin=_partition_one_way,
        possible=_two_or_more,
    ),
    Kind(
        name="drop",
        about="a connection is reset, what was under way on it is lost",
        words="a connection between {target} and {other} is reset",
        draw=_draw_drop,
        begin=_drop,
        possible=_two_or_more,
        share=2.0,
    ),
)
