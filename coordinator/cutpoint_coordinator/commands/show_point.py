"""``cutpoint show N``: one recovery point in full."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cutpoint_coordinator.commands.options import (
    NUMBER,
    ask,
    coordinator_option,
    json_option,
    keys_option,
    store_option,
)

if TYPE_CHECKING:
    from cutpoint.catalog.details import PointDetail, StateDetail
    from cutpoint.store import Manifest
    from cutpoint.store.keys import KeyRing
    from cutpoint_coordinator.answers import PointDetailAnswer

ANCESTORS = 10
"""How many ancestors are named."""


@click.command()
@click.argument("number", type=NUMBER, metavar="N")
@store_option
@coordinator_option
@keys_option
@json_option
def show(number: int, store_url: str | None, coordinator_url: str, keys: KeyRing | None, as_json: bool) -> None:
    """Tell recovery point N in full: parts, states, runs, channels, what was in flight, what it descends from."""
    from cutpoint_coordinator.commands.printing import print_json

    if store_url is not None:
        from cutpoint_coordinator.offline import open_store, show_point

        answer = show_point(open_store(store_url), number, keys)
    else:
        answer = ask(coordinator_url, lambda client: client.point(number))
    if as_json:
        print_json(answer)
    else:
        _print(answer)


def _print(answer: PointDetailAnswer) -> None:
    import msgspec

    from cutpoint.store import Manifest
    from cutpoint_coordinator.commands.printing import duration, print_line, size

    point = answer.point
    manifest = msgspec.convert(answer.manifest, Manifest)
    parent = f"after recovery point {point.parent}" if point.parent else "the first"
    print_line(f"Recovery point {point.cut} of computation {manifest.computation}, {parent}")
    print_line(f"  created      {point.created}, incarnation {point.incarnation}")
    print_line(f"  took         {duration(point.duration_seconds)}, longest stall {duration(point.stall_seconds)}")
    print_line(
        f"  holds        {size(point.bytes)}, {size(point.fresh_bytes)} of it fresh, {point.in_flight} in flight"
    )
    print_line(f"  manifest     {point.manifest}")
    if answer.detail is not None and answer.detail.lineage:
        print_line(f"  descends     from {_ancestors(answer.detail.lineage)}")
    if point.labels or point.pinned:
        print_line(f"  kept as      {', '.join((*point.labels, *(['pinned'] if point.pinned else [])))}")
    if point.damaged:
        print_line(f"  damaged      {point.damaged}")
    _print_parts(manifest)
    if answer.detail is not None:
        _print_states(answer.detail)
    _print_channels(manifest)
    for outside in manifest.boundary:
        print_line(f"Outside the cut: {outside}")


def _ancestors(lineage: tuple[int, ...]) -> str:
    more = len(lineage) - ANCESTORS
    named = ", ".join(map(str, lineage[:ANCESTORS]))
    return f"{named} and {more} more" if more > 0 else named


def _print_parts(manifest: Manifest) -> None:
    from cutpoint_coordinator.commands.printing import duration, print_table, size

    print_table(
        "Parts",
        ("process", "states#", "size#", "fresh#", "packs#", "in flight#", "stall#", "object"),
        [
            (
                part.process,
                len(part.states),
                size(part.bytes),
                size(part.fresh_bytes),
                len(part.packs),
                part.in_flight_messages,
                duration(part.stall_seconds),
                part.object,
            )
            for part in manifest.parts
        ],
    )


def _print_states(detail: PointDetail) -> None:
    from cutpoint_coordinator.commands.printing import print_line, print_table, size

    print_table(
        "States: what they hold, and how it is stored",
        ("state", "kind", "format", "entries#", "runs", "size#", "stored#", "fresh#", "packs#"),
        [
            (
                f"{part.process}/{state.name}",
                f"{state.kind} v{state.version}",
                state.format,
                state.entries if state.kind == "table" else "",
                _runs(state),
                size(state.raw_bytes),
                size(state.stored_bytes),
                size(state.fresh_bytes),
                state.packs,
            )
            for part in detail.parts
            for state in part.states
        ],
    )
    for part in detail.parts:
        if part.complaint:
            print_line(f"{part.process}: {part.complaint}")


def _runs(state: StateDetail) -> str:
    """``base 1000 + 3 + 12``: how many keys each run of a table sets or removes."""
    if state.kind != "table":
        return ""
    deltas = [str(run.entries) for run in state.runs[1:]]
    if len(deltas) > 4:
        deltas = [f"{len(deltas)} deltas"]
    return " + ".join((f"base {state.runs[0].entries}", *deltas))


def _print_channels(manifest: Manifest) -> None:
    from cutpoint_coordinator.checking import certificate_of
    from cutpoint_coordinator.commands.printing import print_table

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
            for channel in certificate_of(manifest).channels
        ],
    )
