"""What happens to a machine and its disk: power, full disks, errors, and deaths in the middle of writing."""

from __future__ import annotations

import errno
import random
from collections.abc import Callable

from cutpoint_simulations.cluster import Cluster
from cutpoint_simulations.faults.fault import End, Fault, Kind, Places, short_time
from cutpoint_simulations.faults.processes import down
from cutpoint_simulations.loop import Host, current

OPERATIONS_MOST = 120
"""About as many changes of the disk as the writing of four recovery points takes."""


def _power(fault: Fault, cluster: Cluster) -> End:
    """All that runs on the machine is gone; it starts again when the power is back."""
    ends: list[End] = []
    for host in _on(cluster, fault.target):
        if (end := down(host, lambda host=host: host.kill("its machine loses power", power=True))) is not None:  # type: ignore[misc]
            ends.append(end)
    cluster.simulation.lose_power(fault.target)

    def end_all() -> None:
        for end in ends:
            end()

    return end_all


def _disk_fails(code: int) -> Callable[[Fault, Cluster], End]:
    def begin(fault: Fault, cluster: Cluster) -> End:
        disk = cluster.simulation.disk(fault.target)
        failure = disk.fail_after(int(fault.amount), code)
        return lambda: disk.heal(failure)

    return begin


def _at_operation(
    fault: Fault,
    cluster: Cluster,
    happen: Callable[[], None],
    counts: Callable[[str, str], bool] = lambda operation, path: True,
) -> End | None:
    """``happen`` just before the disk's operation after ``amount`` others; one such fault at a time for one disk.

    ``counts`` says of an operation and its path whether it is one of them.
    """
    disk = cluster.simulation.disk(fault.target)
    if disk.before_operation is not None:
        return None
    left = int(fault.amount)

    def before(operation: str, path: str) -> None:
        nonlocal left
        left -= counts(operation, path)
        if left < 0:
            disk.before_operation = None
            happen()

    disk.before_operation = before

    def end() -> None:
        if disk.before_operation is before:
            disk.before_operation = None

    return end


def _torn_write(fault: Fault, cluster: Cluster) -> End | None:
    return _at_operation(fault, cluster, lambda: cluster.simulation.lose_power(fault.target))


def _kill_in_write(fault: Fault, cluster: Cluster) -> End | None:
    return _at_operation(fault, cluster, _kill_current)


def _kill_at_object(fault: Fault, cluster: Cluster) -> End | None:
    def counts(operation: str, path: str) -> bool:
        return operation == "fsync" and f"/{fault.other}" in path

    return _at_operation(fault, cluster, _kill_current, counts)


def _kill_current() -> None:
    if current.host is not None:
        current.host.kill("kill -9 in the middle of writing")


def _draw_object(chance: random.Random, places: Places) -> Fault:
    folder, most = chance.choice((("manifests", 4), ("packs", 40), ("marks", 4)))
    return Fault(
        kind="kill-at-object",
        target=chance.choice(places.machines),
        other=folder,
        seconds=short_time(chance) + 0.5,
        amount=chance.randrange(most),
    )


def _on(cluster: Cluster, machine: str) -> list[Host]:
    return [host for host in cluster.simulation.hosts.values() if host.machine == machine]


def _drawn(kind: str, *, operations: int) -> Callable[[random.Random, Places], Fault]:
    def draw(chance: random.Random, places: Places) -> Fault:
        amount = chance.randrange(operations) if operations else 0
        return Fault(
            kind=kind, at=0, target=chance.choice(places.machines), seconds=short_time(chance) + 0.3, amount=amount
        )

    return draw


KINDS = (
    Kind(
        name="power",
        about="a machine loses power: its processes are gone, writes that were not synced are lost or torn",
        words="{target} loses power, back after {seconds:g} s",
        draw=_drawn("power", operations=0),
        begin=_power,
    ),
    Kind(
        name="torn-write",
        about="a machine loses power in the middle of writing a part or a manifest",
        words="{target} loses power at the disk's operation {amount:g} from now, if it comes within {seconds:g} s",
        draw=_drawn("torn-write", operations=OPERATIONS_MOST),
        begin=_torn_write,
        share=2.0,
    ),
    Kind(
        name="kill-in-write",
        about="kill -9 of whoever is in the middle of writing a part or a manifest",
        words="kill -9 of who asks for operation {amount:g} of the disk of {target}, if it comes within {seconds:g} s",
        draw=_drawn("kill-in-write", operations=OPERATIONS_MOST),
        begin=_kill_in_write,
        share=2.0,
    ),
    Kind(
        name="kill-at-object",
        about="kill -9 of whoever has made an object's name, before that is durable and anybody is told",
        words="kill -9 of who makes the name after {amount:g} others in {other} of {target}, if within {seconds:g} s",
        draw=_draw_object,
        begin=_kill_at_object,
        share=2.0,
    ),
    Kind(
        name="full-disk",
        about="a disk has no room left for a while",
        words="the disk of {target} is full after {amount:g} more operations, for {seconds:g} s",
        draw=_drawn("full-disk", operations=10),
        begin=_disk_fails(errno.ENOSPC),
    ),
    Kind(
        name="disk-error",
        about="a disk fails to write and to flush for a while",
        words="the disk of {target} fails after {amount:g} more operations, for {seconds:g} s",
        draw=_drawn("disk-error", operations=10),
        begin=_disk_fails(errno.EIO),
    ),
)
