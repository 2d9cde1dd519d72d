"""How far a replay has come, on the terminal that the errors go to; nothing where there is none.

No thread draws it: a thread would read the clocks of whatever is being simulated.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from cutpoint_simulations.replay.future import Future


@contextlib.contextmanager
def progress_of(count: int) -> Iterator[Callable[[Future], None]]:
    """Call what this gives with each future; the bar is gone when the context ends."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    shown = console.is_terminal
    with Progress(*columns, console=console, transient=True, auto_refresh=False, disable=not shown) as bar:
        task = bar.add_task("futures", total=count)
        wrong = 0

        def advance(future: Future) -> None:
            nonlocal wrong
            wrong += bool(future.complaint)
            bar.update(task, advance=1, description=f"futures, {wrong} wrong" if wrong else "futures")
            bar.refresh()

        yield advance
