"""How far many runs have come, on the terminal that the errors go to; nothing where there is none.

No thread draws it: a thread would read the clocks of whatever is being simulated.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


@contextlib.contextmanager
def progress_bar(count: int, things: str) -> Iterator[Callable[[bool], None]]:
    """Say of each thing that is done whether it went wrong. The bar is gone when the context ends."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    shown = console.is_terminal
    with Progress(*columns, console=console, transient=True, auto_refresh=False, disable=not shown) as bar:
        task = bar.add_task(things, total=count)
        wrong = 0

        def advance(failed: bool) -> None:
            nonlocal wrong
            wrong += failed
            bar.update(task, advance=1, description=f"{things}, {wrong} wrong" if wrong else things)
            bar.refresh()

        yield advance
