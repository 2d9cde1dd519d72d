"""``cutpoint points``: list the recovery points."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cutpoint_coordinator.commands.options import ask, coordinator_option, json_option, keys_option, store_option

if TYPE_CHECKING:
    from cutpoint.store.keys import KeyRing
    from cutpoint_coordinator.answers import PointAnswer


@click.command()
@store_option
@coordinator_option
@keys_option
@json_option
def points(store_url: str | None, coordinator_url: str, keys: KeyRing | None, as_json: bool) -> None:
    """List the recovery points: what each holds and costs, its labels, and whether it is pinned."""
    from cutpoint_coordinator.commands.printing import duration, print_json, print_line, print_table, size

    if store_url is not None:
        from cutpoint_coordinator.offline import list_points, open_store

        answer = list_points(open_store(store_url), keys)
    else:
        answer = ask(coordinator_url, lambda client: client.points())
    if as_json:
        print_json(answer)
    elif not answer.points:
        print_line("There are no recovery points yet; `cutpoint cut` takes one.")
    else:
        columns = ("cut#", "created", "incarnation#", "parent#", "processes#", "in flight#", "size#", "fresh#")
        print_table(
            "Recovery points",
            (*columns, "took#", "stall#", "labels", ""),
            [
                (
                    point.cut,
                    point.created,
                    point.incarnation,
                    point.parent or "-",
                    len(point.members),
                    point.in_flight,
                    size(point.bytes),
                    size(point.fresh_bytes),
                    duration(point.duration_seconds),
                    duration(point.stall_seconds),
                    ", ".join(point.labels),
                    _remarks(point),
                )
                for point in answer.points
            ],
        )


def _remarks(point: PointAnswer) -> str:
    remarks = ["pinned"] if point.pinned else []
    remarks += [f"damaged: {point.damaged}"] if point.damaged else []
    return "; ".join((*remarks, *point.complaints))
