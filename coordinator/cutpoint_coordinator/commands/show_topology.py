"""``cutpoint topology``: the processes and the channels between them, and what goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cutpoint_coordinator.commands.options import ask, coordinator_option, json_option

if TYPE_CHECKING:
    from cutpoint_coordinator.answers import CollectionStatus, ReplicaStatus, TopologyAnswer

NOTICES = 10
"""How many of the last notices are printed."""


@click.command()
@coordinator_option
@json_option
def topology(coordinator_url: str, as_json: bool) -> None:
    """List the processes and the channels between them, and what goes on."""
    from cutpoint_coordinator.commands.printing import print_json

    answer = ask(coordinator_url, lambda client: client.topology())
    if as_json:
        print_json(answer)
    else:
        _print(answer)


def _print(answer: TopologyAnswer) -> None:
    from cutpoint_coordinator.commands.printing import print_line, print_table

    point = f"recovery point {answer.base}" if answer.base else "the beginning"
    print_line(f"Computation {answer.computation}, incarnation {answer.incarnation}, running on from {point}")
    print_line(f"  coordinator  {answer.coordinator} at {answer.address}")
    print_line(f"  store        {answer.store}")
    if answer.collection is not None and answer.collection.policy:
        print_line(f"  keeps        {answer.collection.policy}; {_last(answer.collection)}")
    if answer.replica is not None:
        print_line(f"  replica      {answer.replica.url}: {_lag(answer.replica)}")
    if answer.open_cut is not None:
        waiting = "; ".join(answer.open_cut.waits_for) or "its end"
        print_line(f"  open cut     {answer.open_cut.cut}, waiting for {waiting}")
    if answer.recovery is not None:
        under_way = answer.recovery
        waiting = "; ".join(under_way.waits_for) or "its end"
        target = f"recovery point {under_way.target}" if under_way.target else "the beginning"
        print_line(f"  recovery     to {target} ({under_way.reason}), {under_way.phase}, waiting for {waiting}")
    if answer.hold:
        print_line(f"  waits        {answer.hold}")
    if answer.hindrance and answer.recovery is None:
        print_line(f"  no cut now   {answer.hindrance}")
    owned = any(member.owner for member in answer.members)
    print_table(
        "Processes",
        ("process", "state", "connection", *(("owner",) if owned else ()), ""),
        [
            (
                member.process,
                member.state,
                "connected" if member.connected else "not connected",
                *((member.owner,) if owned else ()),
                "running" if member.running else member.waits_for,
            )
            for member in answer.members
        ],
    )
    if answer.as_of:
        print_table(
            f"Channels, as of recovery point {answer.as_of}",
            ("channel", "order", "sent#", "received#", "in flight#", ""),
            [
                (c.channel, "fifo" if c.fifo else "any", c.sent, c.received, c.in_flight, "closed" if c.closed else "")
                for c in answer.channels
            ],
        )
    for outside in answer.boundary:
        print_line(f"Outside the cut: {outside}")
    print_table("What happened last", ("at", "what"), [(n.at, n.text) for n in answer.notices[-NOTICES:]])


def _last(collection: CollectionStatus) -> str:
    """How the last collection went, for people."""
    from cutpoint_coordinator.commands.printing import several, size

    if collection.running:
        return "collecting"
    if collection.last is None:
        return "not collected yet"
    last = collection.last
    if last.failed:
        return f"the collection at {last.at} failed: {last.failed}"
    gone = f"{several(len(last.dropped), 'recovery point')}, {several(last.packs, 'pack')}, {size(last.bytes_freed)}"
    return f"collected at {last.at}: {gone}"


def _lag(replica: ReplicaStatus) -> str:
    """How far a replica is behind, and what hinders it, for people."""
    from cutpoint_coordinator.commands.printing import behind

    lag = behind(replica.lag_points, replica.lag_bytes, replica.lag_seconds)
    return "; ".join((lag, *((replica.failure,) if replica.failure else replica.complaints[:1])))
