"""``cutpoint import FILE --store URL``: a recovery point out of a file, into a store."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from cutpoint_coordinator.commands.options import json_option, keys_option

if TYPE_CHECKING:
    from cutpoint.store.keys import KeyRing


class ImportAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What was done. ``already``: it was there; ``marks``: ``taken``, ``none``, or ``kept``: the store has its own."""

    cut: int
    computation: str
    store: str
    packs: int
    written: int
    written_bytes: int
    marks: str
    already: bool


@click.command(name="import")
@click.argument("path", type=click.Path(path_type=Path), metavar="FILE")
@click.option("--store", "store_url", metavar="URL", required=True, help="The store that takes it in; made if need be.")
@click.option("--ahead", is_flag=True, help="Take it in although the store's computation is not that far: none runs.")
@keys_option
@json_option
def import_(path: Path, store_url: str, ahead: bool, keys: KeyRing | None, as_json: bool) -> None:
    """Check FILE, which `cutpoint export` wrote, completely, and bring its recovery point into a store."""
    from cutpoint.catalog.archive import Archive
    from cutpoint.catalog.importing import import_point
    from cutpoint.store import open_backend
    from cutpoint_coordinator.checking import recheck_manifest
    from cutpoint_coordinator.commands.printing import print_json, print_line, several, size
    from cutpoint_coordinator.commands.progress import bytes_bar

    backend = open_backend(store_url)
    with Archive(path) as archive, bytes_bar("importing") as progress:
        done = import_point(archive, backend, recheck=recheck_manifest, keys=keys, ahead=ahead, progress=progress)
    if as_json:
        print_json(
            ImportAnswer(
                cut=done.cut,
                computation=done.computation,
                store=backend.url,
                packs=done.packs,
                written=done.written,
                written_bytes=done.written_bytes,
                marks=done.marks,
                already=done.already,
            )
        )
        return
    was = "was there already" if done.already else "is there now"
    print_line(
        f"recovery point {done.cut} of computation {done.computation} {was}, in {backend.url}: "
        f"{done.written} of {several(done.packs, 'pack')} written, {size(done.written_bytes)}"
    )
    if done.marks == "kept":
        print_line("its labels and pins were not taken: the store has others of this recovery point")
