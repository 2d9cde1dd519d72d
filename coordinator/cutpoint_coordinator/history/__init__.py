"""How cuts went, kept in the registry: one record a cut, one an hour, written with the cut's end and bounded."""

from cutpoint_coordinator.history.kept import History
from cutpoint_coordinator.history.records import CutRecord, HourRecord

__all__ = ["CutRecord", "History", "HourRecord"]
