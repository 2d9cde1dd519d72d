"""``cutpoint verify [N]``: read recovery points back, every byte."""

from __future__ import annotations

import click

from cutpoint.errors import Damaged
from cutpoint_coordinator.commands.options import NUMBER, ask, coordinator_option, json_option, store_option


@click.command()
@click.argument("number", type=NUMBER, metavar="[N]", required=False)
@store_option
@coordinator_option
@json_option
def verify(number: int | None, store_url: str | None, coordinator_url: str, as_json: bool) -> None:
    """Read recovery point N back, or all of them, and check every digest and certificate."""
    from cutpoint_coordinator.commands.printing import print_json, print_line, print_table, several, size

    if store_url is not None:
        from cutpoint_coordinator.offline import open_store, verify_store

        answer = verify_store(open_store(store_url), number)
    else:
        answer = ask(coordinator_url, lambda client: client.verify(number))
    if as_json:
        print_json(answer)
    elif not answer.points:
        print_line("There are no recovery points yet; `cutpoint cut` takes one.")
    else:
        print_table(
            "Read back",
            ("cut#", "parts#", "read#", ""),
            [
                (point.cut, point.parts, size(point.bytes_read), "; ".join(point.complaints) or "sound")
                for point in answer.points
            ],
        )
    damaged = [point for point in answer.points if not point.sound]
    if damaged:
        first = f"cut {damaged[0].cut}: {damaged[0].complaints[0]}"
        sound = [str(point.cut) for point in answer.points if point.sound]
        left = f"cut {sound[-1]} is the last sound one" if sound else "none of those that were read is sound"
        raise Damaged(
            f"{several(len(damaged), 'recovery point')} of {len(answer.points)} cannot be restored; {first}; {left}; "
            "a recovery falls back by itself, and `cutpoint recover N` names one"
        )
