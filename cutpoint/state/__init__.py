"""What a service keeps: tables, values and hooks, recorded in one step and restored in one step.

`States` is the whole of a process's state. Everything here is synchronous and belongs to one thread; nothing is
written anywhere (see `cutpoint.store` for that).
"""

from __future__ import annotations

from cutpoint.state.declared import CapturedState, Migrations, StoredLike
from cutpoint.state.formats import FORMATS, Format, format_named
from cutpoint.state.hooks import BuiltIn, Derived, Hooks
from cutpoint.state.states import Restoration, States
from cutpoint.state.table import Table
from cutpoint.state.value import Value

__all__ = [
    "FORMATS",
    "BuiltIn",
    "CapturedState",
    "Derived",
    "Format",
    "Hooks",
    "Migrations",
    "Restoration",
    "States",
    "StoredLike",
    "Table",
    "Value",
    "format_named",
]
