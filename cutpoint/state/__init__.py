"""What a service keeps: tables, values and hooks, recorded in one step and restored in one step.

`States` is the whole of a process's state. Everything here is synchronous and belongs to one thread; nothing is
written anywhere (see `cutpoint.store` for that).
"""

from __future__ import annotations

from cutpoint.state.batches import apply_batch, chunked, decode_batches, encode_batch
from cutpoint.state.capture import BATCH_ENTRIES, Batch, TableCapture
from cutpoint.state.declared import Migrations, StoredLike, StoredTable
from cutpoint.state.formats import FORMATS, Format, format_named
from cutpoint.state.hooks import BuiltIn, Derived, Hooks
from cutpoint.state.merging import Changes
from cutpoint.state.recorded import CapturedState, CapturedTable, Recorded, RecordedState
from cutpoint.state.states import Restoration, States
from cutpoint.state.table import FOLD_ENTRIES, Table, TableStatistics
from cutpoint.state.value import Value

__all__ = [
    "BATCH_ENTRIES",
    "FOLD_ENTRIES",
    "FORMATS",
    "Batch",
    "BuiltIn",
    "CapturedState",
    "CapturedTable",
    "Changes",
    "Derived",
    "Format",
    "Hooks",
    "Migrations",
    "Recorded",
    "RecordedState",
    "Restoration",
    "States",
    "StoredLike",
    "StoredTable",
    "Table",
    "TableCapture",
    "TableStatistics",
    "Value",
    "apply_batch",
    "chunked",
    "decode_batches",
    "encode_batch",
    "format_named",
]
