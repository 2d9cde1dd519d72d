"""What a run shows of itself: a live table on a terminal, plain lines anywhere else."""

from __future__ import annotations

import time
from collections import deque
from typing import Protocol

import msgspec
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from cutpoint_coordinator.answers import PointAnswer

PLAIN_SECONDS = 1.0
POINTS_SHOWN = 6
EVENTS_SHOWN = 12


class View(msgspec.Struct, frozen=True, kw_only=True):
    """Where the run stands. ``recovering`` are killed processes that do not serve yet."""

    flights: int
    departed: int
    landed: int
    confirmed: int
    points: int
    incarnation: int
    recovering: tuple[str, ...]


class Progress(Protocol):
    """Somewhere to show a run."""

    def tell(self, text: str) -> None:
        """Something happened."""

    def published(self, point: PointAnswer) -> None:
        """There is a new recovery point."""

    def show(self, view: View) -> None:
        """The run stands here now."""

    def close(self) -> None:
        """Show nothing more."""


def progress_on(console: Console) -> Progress:
    """The right kind for ``console``."""
    return LiveProgress(console) if console.is_terminal else PlainProgress(console)


def point_text(point: PointAnswer) -> str:
    """One recovery point in a line."""
    return (
        f"cut {point.cut} published: {point.in_flight} messages in flight, {1000 * point.duration_seconds:.0f} ms, "
        f"longest stall {1000 * point.stall_seconds:.1f} ms"
    )


class PlainProgress:
    """One line for each thing that happens, and one a second."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._began = time.monotonic()
        self._shown_at = 0.0

    def tell(self, text: str) -> None:
        """Print it with the time since the beginning."""
        line = f"{time.monotonic() - self._began:7.2f}  {text}"
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)

    def published(self, point: PointAnswer) -> None:
        """Print it."""
        self.tell(point_text(point))

    def show(self, view: View) -> None:
        """Print a line once a second."""
        if time.monotonic() - self._shown_at < PLAIN_SECONDS:
            return
        self._shown_at = time.monotonic()
        waits = f", waiting for {', '.join(view.recovering)}" if view.recovering else ""
        self.tell(
            f"{view.departed} of {view.flights} flights departed, {view.landed} landed, "
            f"{view.confirmed} confirmed{waits}"
        )

    def close(self) -> None:
        """Nothing is open."""


class LiveProgress:
    """A table that stays in place: the flights, the latest recovery points, and what happened."""

    def __init__(self, console: Console) -> None:
        self._began = time.monotonic()
        self._events: deque[str] = deque(maxlen=EVENTS_SHOWN)
        self._points: deque[PointAnswer] = deque(maxlen=POINTS_SHOWN)
        self._view: View | None = None
        self._live = Live(self._picture(), console=console, refresh_per_second=8, transient=False)
        self._live.start()

    def tell(self, text: str) -> None:
        """Keep it among the latest events."""
        self._events.append(f"{time.monotonic() - self._began:6.1f} s  {text}")
        self._live.update(self._picture())

    def published(self, point: PointAnswer) -> None:
        """Keep it among the latest recovery points."""
        self._points.append(point)

    def show(self, view: View) -> None:
        """Draw the flights anew."""
        self._view = view
        self._live.update(self._picture())

    def close(self) -> None:
        """Leave the last picture on the screen."""
        self._live.stop()

    def _picture(self) -> RenderableType:
        parts: list[RenderableType] = [Text(f"cutpoint demo   {time.monotonic() - self._began:.1f} s", style="bold")]
        if self._view is not None:
            parts.append(_flights(self._view))
        if self._points:
            parts.append(_points(self._points))
        parts += [Text(event, style=_style(event), overflow="ellipsis", no_wrap=True) for event in self._events]
        return Group(*parts)


def _flights(view: View) -> Table:
    table = Table.grid(padding=(0, 2))
    for name, count in (("departed", view.departed), ("landed", view.landed), ("confirmed", view.confirmed)):
        table.add_row(name, ProgressBar(total=view.flights, completed=count, width=40), f"{count} of {view.flights}")
    waits = f"waiting for {', '.join(view.recovering)}" if view.recovering else "all serve"
    table.add_row("incarnation", str(view.incarnation) if view.incarnation else "-", waits)
    return table


def _points(points: deque[PointAnswer]) -> Table:
    table = Table(title=None, box=None, padding=(0, 2))
    for heading in ("cut", "in flight", "duration", "longest stall"):
        table.add_column(heading, justify="right")
    for point in points:
        stall, duration = 1000 * point.stall_seconds, 1000 * point.duration_seconds
        table.add_row(str(point.cut), str(point.in_flight), f"{duration:.0f} ms", f"{stall:.1f} ms")
    return table


def _style(event: str) -> str:
    if "kill -9" in event or "ended by itself" in event:
        return "red"
    return "green" if "serves again" in event else "yellow" if "abandoned" in event else ""
