"""``cutpoint points``: list the recovery points."""

from __future__ import annotations

import click

from cutpoint_coordinator.commands.options import ask, coordinator_option, json_option, store_option


@click.command()
@store_option
@coordinator_option
@json_option
def points(store_url: str | None, coordinator_url: str, as_json: bool) -> None:
    """List the recovery points."""
    from cutpoint_coordinator.commands.printing import duration, print_json, print_line, print_table, size

    if store_url is not None:
        from cutpoint_coordinator.offline import list_points, open_store

        answer = list_points(open_store(store_url))
    else:
        answer = ask(coordinator_url, lambda client: client.points())
    if as_json:
        print_json(answer)
    elif not answer.points:
        print_line("There are no recovery points yet; `cutpoint cut` takes one.")
    else:
        print_table(
            "Recovery points",
            ("cut#", "created", "incarnation#", "parent#", "processes#", "in flight#", "size#", "took#", "stall#", ""),
            [
                (
                    point.cut,
                    point.created,
                    point.incarnation,
                    point.parent or "-",
                    len(point.members),
                    point.in_flight,
                    size(point.bytes),
                    duration(point.duration_seconds),
                    duration(point.stall_seconds),
                    f"damaged: {point.damaged}" if point.damaged else "",
                )
                for point in answer.points
            ],
        )
