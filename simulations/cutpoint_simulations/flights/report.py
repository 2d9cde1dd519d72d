"""What a run of the demo found out, as the JSON that ``--report`` writes.

The field names of `Report` are the keys of the file. Other programs read them: fields are only ever added.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path

import msgspec

from cutpoint.errors import ConfigurationError, CutpointError
from cutpoint_simulations.flights.tallies import Tally


class PointRow(msgspec.Struct, frozen=True, kw_only=True):
    """One recovery point. ``in_flight`` counts messages; ``stall_seconds``: the longest that a loop stood still."""

    cut: int
    in_flight: int
    duration_seconds: float
    stall_seconds: float


class AbandonedRow(msgspec.Struct, frozen=True, kw_only=True):
    """One cut that ended without a recovery point, and why."""

    cut: int
    reason: str


class RecoveryRow(msgspec.Struct, frozen=True, kw_only=True):
    """One killed process. ``cut`` is what the computation went back to, null where nothing had to go back.

    ``seconds``: from the kill until the process served again. For a service that means restored and answering, for
    the coordinator and etcd that the next recovery point was published.
    """

    killed: str
    cut: int | None
    seconds: float


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The whole run. ``lost`` and ``doubled`` are defined in `cutpoint_simulations.flights.tallies`."""

    flights: int
    exact: bool
    lost: int
    doubled: int
    departed: Tally
    arrived: Tally
    confirmed: Tally
    miles: Tally
    recovery_points: tuple[PointRow, ...]
    abandoned: tuple[AbandonedRow, ...]
    recoveries: tuple[RecoveryRow, ...]
    wall_seconds: float


def check_writable(path: Path, option: str) -> None:
    """Raise `ConfigurationError` if ``path`` cannot be written: better now than at the end of the run."""
    try:
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, "it is a folder")
        aside = _aside(path)
        aside.touch()
        aside.unlink()
    except OSError as error:
        raise ConfigurationError(
            f"{option} {path} cannot be written ({error.strerror}); nothing was started; name another file"
        ) from error


def write_whole(path: Path, data: bytes) -> None:
    """Write ``data`` aside and rename, so that nobody ever reads half of it. Raises `CutpointError`."""
    aside = _aside(path)
    try:
        with aside.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    except OSError as error:
        aside.unlink(missing_ok=True)
        raise CutpointError(
            f"{path} could not be written ({error.strerror}); what was there before is unchanged"
        ) from error


def _aside(path: Path) -> Path:
    return path.with_name(f".{path.name}.aside")


def write_report(path: Path, report: Report) -> None:
    """Write the report as JSON for people and programs."""
    write_whole(path, msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n")
