"""What a run of the demo found out, as the JSON that ``--report`` writes.

The field names of `Report` are the keys of the file. Other programs read them: fields are only ever added.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from cutpoint_simulations.files import write_whole
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


def write_report(path: Path, report: Report) -> None:
    """Write the report as JSON for people and programs."""
    write_whole(path, msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n")
