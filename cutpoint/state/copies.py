"""Values as they are now, safe from changes in place. What cannot change is not copied."""

from __future__ import annotations

import copy
import datetime
import decimal
import uuid
from dataclasses import dataclass
from types import NoneType
from typing import Any

UNCHANGING = frozenset(
    (
        *(NoneType, bool, int, float, complex, str, bytes, decimal.Decimal, uuid.UUID),
        *(datetime.datetime, datetime.date, datetime.time, datetime.timedelta, datetime.timezone),
    )
)
"""Types whose values nobody can change."""


@dataclass(frozen=True, kw_only=True)
class NotCopied:
    """In the place of a copy that could not be made. ``reason``: what was raised."""

    reason: str


def isolated(value: Any) -> Any:
    """``value`` or a copy of it, whichever later changes in place cannot reach; or `NotCopied`. Raises nothing."""
    kind = type(value)
    if kind in UNCHANGING:
        return value
    if kind is dict and UNCHANGING.issuperset(map(type, value.values())):
        return value.copy()
    if kind is list and UNCHANGING.issuperset(map(type, value)):
        return value.copy()
    if kind is tuple and UNCHANGING.issuperset(map(type, value)):
        return value
    try:
        return copy.deepcopy(value)
    except Exception as error:  # the value's own code
        return NotCopied(reason=f"{type(error).__name__}: {error}")
