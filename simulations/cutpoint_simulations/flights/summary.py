"""What a run found out, as tables for people."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.table import Table

from cutpoint_simulations.flights.report import Report
from cutpoint_simulations.flights.tallies import NAMES, Comparison


def print_summary(
    console: Console, report: Report, comparison: Comparison, report_path: Path | None, svg_path: Path | None
) -> None:
    """Print the tallies, the recoveries, the abandoned cuts, and ``exact``."""
    console.print(_tallies(report, comparison))
    if report.recoveries:
        console.print(_recoveries(report))
    for row in report.abandoned:
        console.print(f"cut {row.cut} was abandoned: {row.reason}", markup=False, highlight=False, soft_wrap=True)
    points = report.recovery_points
    if points:
        durations = sorted(1000 * point.duration_seconds for point in points)
        _say(console, f"{len(points)} recovery points, {len(report.abandoned)} abandoned cuts")
        _say(
            console,
            f"in flight at a cut: {sum(point.in_flight for point in points) // len(points)} messages on average",
        )
        _say(
            console, f"duration of a cut: median {durations[len(durations) // 2]:.0f} ms, worst {durations[-1]:.0f} ms"
        )
        _say(console, f"longest stall of an event loop: {1000 * max(point.stall_seconds for point in points):.1f} ms")
    for what, path in (("report", report_path), ("one cut as a picture", svg_path)):
        if path is not None:
            _say(console, f"{what}: {path}")
    _say(console, f"{report.flights} flights in {report.wall_seconds:.1f} s")
    _say(console, f"lost: {report.lost}, doubled: {report.doubled}")
    _say(console, f"exact: {'true' if report.exact else 'false'}")


def _say(console: Console, text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)


def _tallies(report: Report, comparison: Comparison) -> Table:
    table = Table(title="Every tally against the file", title_justify="left")
    table.add_column("tally")
    for heading in ("keys", "counted", "lost", "doubled"):
        table.add_column(heading, justify="right")
    for name in NAMES:
        tally, difference = getattr(report, name), comparison.differences[name]
        cells = (len(tally), sum(tally.values()), difference.lost, difference.doubled)
        table.add_row(name, *(str(cell) for cell in cells))
    return table


def _recoveries(report: Report) -> Table:
    table = Table(title="Killed and recovered", title_justify="left")
    table.add_column("killed")
    table.add_column("back to cut", justify="right")
    table.add_column("seconds until it served again", justify="right")
    for row in report.recoveries:
        table.add_row(row.killed, "-" if row.cut is None else str(row.cut), f"{row.seconds:.2f}")
    return table
