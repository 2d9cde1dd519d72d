"""``cutpoint verify [N]``: whether recovery points can be restored, quickly or to the last byte."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cutpoint.errors import Damaged
from cutpoint_coordinator.commands.options import (
    NUMBER,
    ask,
    coordinator_option,
    json_option,
    keys_option,
    store_option,
)

if TYPE_CHECKING:
    from cutpoint.store.keys import KeyRing
    from cutpoint_coordinator.upkeep import VerificationAnswer


@click.command()
@click.argument("number", type=NUMBER, metavar="[N]", required=False)
@click.option(
    "--full/--quick",
    "full",
    default=True,
    show_default=True,
    help="Read every byte and check the certificates, or only the manifests and what is there (with --store).",
)
@store_option
@coordinator_option
@keys_option
@json_option
def verify(
    number: int | None, full: bool, store_url: str | None, coordinator_url: str, keys: KeyRing | None, as_json: bool
) -> None:
    """Say whether recovery point N can be restored, or which of them all, and what hinders the others."""
    from cutpoint_coordinator.commands.printing import print_json, print_line, several
    from cutpoint_coordinator.upkeep import answered

    if store_url is None:
        if not full:
            raise click.UsageError("--quick looks into a store itself: name it with --store")
        answer = answered(ask(coordinator_url, lambda client: client.verify(number)))
    else:
        answer = _verify_store(store_url, number, full, keys)
    if as_json:
        print_json(answer)
    elif not answer.points:
        print_line("There are no recovery points yet; `cutpoint cut` takes one.")
    else:
        _print(answer)
    damaged = [point for point in answer.points if not point.sound]
    if damaged:
        first = f"cut {damaged[0].cut}: {damaged[0].complaints[0]}"
        sound = [str(point.cut) for point in answer.points if point.sound]
        left = f"cut {sound[-1]} is the last sound one" if sound else "none of those that were looked at is sound"
        raise Damaged(
            f"{several(len(damaged), 'recovery point')} of {len(answer.points)} cannot be restored; {first}; {left}; "
            "a recovery falls back by itself, and `cutpoint recover N` names one"
        )


def _verify_store(url: str, number: int | None, full: bool, keys: KeyRing | None) -> VerificationAnswer:
    from cutpoint.names import CutNumber
    from cutpoint_coordinator.commands.progress import bytes_bar
    from cutpoint_coordinator.offline import open_store
    from cutpoint_coordinator.upkeep import verify_store

    cuts = None if number is None else (CutNumber(number),)
    with bytes_bar("verifying") as progress:
        return verify_store(open_store(url), cuts, full=full, keys=keys, progress=progress)


def _print(answer: VerificationAnswer) -> None:
    from cutpoint_coordinator.commands.printing import print_line, print_table, several, size

    print_table(
        "Read back" if answer.full else "Looked for",
        ("cut#", "objects#", "size#", ""),
        [
            (point.cut, point.objects, size(point.bytes), "; ".join(point.complaints) or "sound")
            for point in answer.points
        ],
    )
    for each in answer.damaged:
        print_line(f"object {each.object} {each.what}: needed by {', '.join(map(str, each.cuts))}")
    if answer.sealed:
        print_line(
            f"{several(answer.sealed, 'part')} could not be looked into without their key; their bytes are sound"
        )
