"""``cutpoint show N``: one recovery point in full."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cutpoint_coordinator.commands.options import NUMBER, ask, coordinator_option, json_option, store_option

if TYPE_CHECKING:
    from cutpoint_coordinator.answers import PointDetailAnswer


@click.command()
@click.argument("number", type=NUMBER, metavar="N")
@store_option
@coordinator_option
@json_option
def show(number: int, store_url: str | None, coordinator_url: str, as_json: bool) -> None:
    """Tell recovery point N in full: parts, channels, what was in flight."""
    from cutpoint_coordinator.commands.printing import print_json

    if store_url is not None:
        from cutpoint_coordinator.offline import open_store, show_point

        answer = show_point(open_store(store_url), number)
    else:
        answer = ask(coordinator_url, lambda client: client.point(number))
    if as_json:
        print_json(answer)
    else:
        _print(answer)


def _print(answer: PointDetailAnswer) -> None:
    import msgspec

    from cutpoint.store import Manifest
    from cutpoint_coordinator.checking import certificate_of
    from cutpoint_coordinator.commands.printing import duration, print_line, print_table, size

    point = answer.point
    manifest = msgspec.convert(answer.manifest, Manifest)
    certificate = certificate_of(manifest)
    parent = f"after recovery point {point.parent}" if point.parent else "the first"
    print_line(f"Recovery point {point.cut} of computation {manifest.computation}, {parent}")
    print_line(f"  created      {point.created}, incarnation {point.incarnation}")
    print_line(f"  took         {duration(point.duration_seconds)}, longest stall {duration(point.stall_seconds)}")
    print_line(f"  holds        {size(point.bytes)}, {point.in_flight} in flight")
    print_line(f"  manifest     {point.manifest}")
    if point.damaged:
        print_line(f"  damaged      {point.damaged}")
    print_table(
        "Parts",
        ("process", "states", "size#", "in flight#", "stall#", "object"),
        [
            (
                part.process,
                ", ".join(f"{state.name} v{state.version}" for state in part.states) or "-",
                size(part.bytes),
                part.in_flight_messages,
                duration(part.stall_seconds),
                part.object,
            )
            for part in manifest.parts
        ],
    )
    print_table(
        "Channels: sent = received + in flight",
        ("channel", "order", "sent#", "received#", "by receiver#", "by sender#", ""),
        [
            (
                channel.channel,
                "fifo" if channel.fifo else "any",
                channel.sent,
                channel.received,
                channel.in_flight_by_receiver,
                channel.in_flight_by_sender,
                "closed" if channel.closed else "",
            )
            for channel in certificate.channels
        ],
    )
    for outside in manifest.boundary:
        print_line(f"Outside the cut: {outside}")
