"""``cutpoint cut``: take a cut now."""

from __future__ import annotations

import click

from cutpoint.errors import CutAbandoned, CutpointError
from cutpoint_coordinator.commands.options import SECONDS, ask, coordinator_option, json_option


@click.command()
@click.option("--no-wait", is_flag=True, help="Return as soon as the cut has its number.")
@click.option(
    "--timeout",
    "timeout_seconds",
    type=SECONDS,
    metavar="SECONDS",
    default=60.0,
    show_default=True,
    help="How long to wait for its end.",
)
@coordinator_option
@json_option
def cut(no_wait: bool, timeout_seconds: float, coordinator_url: str, as_json: bool) -> None:
    """Take a cut now, and wait until it is published or abandoned."""
    from cutpoint_coordinator.commands.printing import duration, print_json, print_line, several, size

    answer = ask(coordinator_url, lambda client: client.cut(wait=not no_wait, timeout_seconds=timeout_seconds))
    if as_json:
        print_json(answer)
    if answer.state == "abandoned":
        raise CutAbandoned(
            f"cut {answer.cut} was abandoned: {answer.reason}; nothing was lost, and the next cut has a new number; "
            "correct what is named here and take another"
        )
    if answer.state == "asked":
        raise CutpointError(
            f"no cut has begun within {timeout_seconds:g} s; it may still begin; "
            "see `cutpoint topology` for what it waits for"
        )
    if answer.state == "open" and not no_wait:
        waiting = "; ".join(answer.waits_for) or "its end"
        raise CutpointError(
            f"cut {answer.cut} has not ended within {timeout_seconds:g} s and goes on; it waits for {waiting}; "
            f"see `cutpoint topology`"
        )
    if as_json:
        return
    if answer.point is None:
        print_line(f"cut {answer.cut} was begun")
        return
    point = answer.point
    print_line(
        f"cut {answer.cut} is published: {several(len(point.members), 'process', 'processes')}, "
        f"{several(point.in_flight, 'message')} in flight, {size(point.bytes)}, "
        f"in {duration(point.duration_seconds)} (longest stall {duration(point.stall_seconds)})"
    )
