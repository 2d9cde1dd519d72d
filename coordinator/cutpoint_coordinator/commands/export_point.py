"""``cutpoint export N FILE``: one recovery point as one file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from cutpoint_coordinator.commands.options import NUMBER, coordinator_option, json_option, keys_option, store_option

if TYPE_CHECKING:
    from cutpoint.store.keys import KeyRing


class ExportAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What was written."""

    cut: int
    computation: str
    file: str
    objects: int
    bytes: int


@click.command()
@click.argument("number", type=NUMBER, metavar="N")
@click.argument("path", type=click.Path(path_type=Path), metavar="FILE")
@store_option
@coordinator_option
@keys_option
@json_option
def export(
    number: int, path: Path, store_url: str | None, coordinator_url: str, keys: KeyRing | None, as_json: bool
) -> None:
    """Write recovery point N, with all that it needs, to a new FILE that `cutpoint import` takes in elsewhere."""
    from cutpoint.catalog.exporting import export_point
    from cutpoint.names import CutNumber
    from cutpoint_coordinator.commands.printing import print_json, print_line, several, size
    from cutpoint_coordinator.commands.progress import bytes_bar
    from cutpoint_coordinator.commands.stores import chosen_store

    backend = chosen_store(store_url, coordinator_url)
    with bytes_bar("exporting") as progress:
        index = export_point(backend, CutNumber(number), path, keys=keys, progress=progress)
    answer = ExportAnswer(
        cut=number,
        computation=index.computation,
        file=str(path),
        objects=len(index.objects),
        bytes=path.stat().st_size,
    )
    if as_json:
        print_json(answer)
    else:
        print_line(
            f"{path}: recovery point {number} of computation {answer.computation}, "
            f"{several(answer.objects, 'object')}, {size(answer.bytes)}"
        )
