"""How commands print: JSON for programs, tables and short lines for people. Standard output only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import click
import msgspec
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

PIPED_WIDTH = 160
"""How wide a table may be, in characters, when nobody knows how wide the reader's screen is."""

_UNITS = ("KiB", "MiB", "GiB", "TiB")


def print_json(value: msgspec.Struct) -> None:
    """Print ``value`` as indented JSON."""
    click.echo(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def print_line(text: str) -> None:
    """Print one line, as it is."""
    click.echo(text)


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table; a column whose name ends with ``#`` holds numbers and is set to the right."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=PIPED_WIDTH)
    table = Table(box=box.SIMPLE, pad_edge=False)
    for column in columns:
        right = column.endswith("#")
        table.add_column(column.removesuffix("#"), justify="right" if right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(str(cell)) for cell in row))
    with console.capture() as capture:
        console.print(Text(title, style="bold"), soft_wrap=True)  # whatever the table's width
        console.print(table)
    click.echo("\n".join(line.rstrip() for line in capture.get().splitlines()))


def size(count: int) -> str:
    """A number of bytes, for people."""
    if count < 1024:
        return f"{count} B"
    amount = count / 1024
    for unit in _UNITS[:-1]:
        if amount < 1024:
            return f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} {_UNITS[-1]}"


def duration(seconds: float) -> str:
    """A length of time, for people."""
    return f"{seconds * 1000:.1f} ms" if seconds < 1 else f"{seconds:.2f} s"


def several(count: int, one: str, more: str = "") -> str:
    """``1 process``, ``2 processes``."""
    return f"{count} {one if count == 1 else more or one + 's'}"


def behind(points: int, length: int, seconds: float | None) -> str:
    """How far a replica is behind: recovery points, bytes, and seconds if they are known."""
    if not points:
        return "in step"
    lag = f"{several(points, 'recovery point')} and {size(length)} behind"
    return lag if seconds is None else f"{lag}, {seconds:.0f} s"
