"""One run of the demo from its options to its exit status: check, run, compare, report, draw, tidy up."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import signal
import tempfile
import time
from pathlib import Path

import msgspec
from rich.console import Console

from cutpoint.errors import CutpointError
from cutpoint_simulations.files import check_writable, write_whole
from cutpoint_simulations.flights.drawing import draw
from cutpoint_simulations.flights.kills import Kill
from cutpoint_simulations.flights.picture import Picture, read_picture
from cutpoint_simulations.flights.progress import progress_on
from cutpoint_simulations.flights.reading import Flight, origins_of, read_flights
from cutpoint_simulations.flights.report import PointRow, Report, write_report
from cutpoint_simulations.flights.stage import DemoSettings, Stage, use_directory
from cutpoint_simulations.flights.summary import print_summary
from cutpoint_simulations.flights.supervisor import STUCK_SECONDS, Ended, Supervisor
from cutpoint_simulations.flights.tallies import Comparison, answer, compare

DONE = 0
FAILED = 1
SVG_NAME = "cut.svg"


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """The command line, as it was given."""

    flights: Path
    report: Path | None
    svg: Path | None
    kills: tuple[Kill, ...]
    seed: int
    landings: float
    uncoordinated: bool
    directory: Path | None


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What one run found out."""

    report: Report
    comparison: Comparison
    ended: Ended
    picture: Picture | None


def demonstrate(options: Options, console: Console) -> int:
    """Run the demo and return its exit status. Raises `CutpointError`, and then the working folder is kept."""
    flights = read_flights(options.flights)
    for path, option in ((options.report, "--report"), (options.svg, "--svg")):
        if path is not None:
            check_writable(path, option)
    directory, temporary = _working_directory(options.directory)
    success = False
    try:
        finding = _run(options, flights, directory, console)
        if options.report is not None:
            write_report(options.report, finding.report)
        svg = _draw(finding.picture, options, directory)
        print_summary(console, finding.report, finding.comparison, options.report, svg)
        complaint = _complaint(finding, options, len(flights))
        if complaint:
            raise CutpointError(complaint)
        success = True
        return DONE
    except BaseException:
        console.print(f"logs, registry and store are kept in {directory}", highlight=False, soft_wrap=True)
        raise
    finally:
        if success and temporary:
            _tidy(directory)


def _working_directory(given: Path | None) -> tuple[Path, bool]:
    """The folder to work in, and whether it is ours to remove."""
    if given is not None:
        return use_directory(given), False
    return Path(tempfile.mkdtemp(prefix="cutpoint-demo-")).resolve(), True


def _run(options: Options, flights: tuple[Flight, ...], directory: Path, console: Console) -> Finding:
    settings = DemoSettings(
        flights=options.flights,
        directory=directory,
        landings=options.landings,
        kills=options.kills,
        seed=options.seed,
        uncoordinated=options.uncoordinated,
    )
    stage = Stage(settings, origins_of(flights))
    began = time.monotonic()
    progress = progress_on(console)
    try:
        supervisor = Supervisor(settings, flights, stage, progress)
        ended = asyncio.run(_until_terminated(supervisor))
    finally:
        progress.close()
    comparison = compare(ended.tallies, answer(flights))
    points, abandoned = supervisor.story()
    report = Report(
        flights=len(flights),
        exact=comparison.exact,
        lost=comparison.lost,
        doubled=comparison.doubled,
        departed=ended.tallies.departed,
        arrived=ended.tallies.arrived,
        confirmed=ended.tallies.confirmed,
        miles=ended.tallies.miles,
        recovery_points=points,
        abandoned=abandoned,
        recoveries=ended.recoveries,
        wall_seconds=round(time.monotonic() - began, 3),
    )
    cut = _typical(points)
    picture = read_picture(stage.store, cut, stage.origins, stage.regions) if cut is not None else None
    return Finding(report=report, comparison=comparison, ended=ended, picture=picture)


async def _until_terminated(supervisor: Supervisor) -> Ended:
    """Run; SIGTERM ends the run as Ctrl-C does, with all children stopped. Raises `KeyboardInterrupt` then."""
    running = asyncio.ensure_future(supervisor.run())
    terminated = asyncio.Event()

    def terminate() -> None:
        terminated.set()
        running.cancel()

    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, terminate)
    try:
        return await running
    except asyncio.CancelledError:
        if terminated.is_set():
            raise KeyboardInterrupt from None
        raise


def _typical(points: tuple[PointRow, ...]) -> int | None:
    """The cut to draw: of those with messages in flight, the one with the median number of them."""
    busy = sorted((point.in_flight, point.cut) for point in points if point.in_flight)
    return busy[len(busy) // 2][1] if busy else None


def _complaint(finding: Finding, options: Options, flights: int) -> str:
    """Why the run is a failure, empty if it is none."""
    report, ended = finding.report, finding.ended
    if ended.stuck and not options.uncoordinated:
        return (
            f"nothing was counted for {STUCK_SECONDS:g} s although flights were missing: this is a fault of Cutpoint "
            "or of this machine; the last lines of the logs say what was waited for"
        )
    if ended.unreached:
        return (
            f"{', '.join(ended.unreached)} was never reached: the {flights} flights were over after "
            f"{len(report.recovery_points)} recovery points; give --kill a lower number, or fewer --landings"
        )
    if options.uncoordinated or report.exact:
        return ""
    return (
        f"{report.lost} were lost and {report.doubled} counted twice: this is a fault of Cutpoint; "
        "keep the folder and report it"
    )


def _draw(picture: Picture | None, options: Options, directory: Path) -> Path | None:
    """Draw one cut where it was asked for, else beside the report, else in the working folder."""
    if picture is None:
        return None
    beside = options.report.with_name(f"{options.report.stem}-{SVG_NAME}") if options.report is not None else None
    path = options.svg or beside or directory / SVG_NAME
    write_whole(path, draw(picture).encode())
    return path


def _tidy(directory: Path) -> None:
    """Remove everything from our own temporary folder but a drawing that was put there."""
    for child in directory.iterdir():
        if child.is_dir():
            shutil.rmtree(child)
        elif child.name != SVG_NAME:
            child.unlink()
    with contextlib.suppress(OSError):
        directory.rmdir()
