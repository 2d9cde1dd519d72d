"""Memory between runs. What a run leaves free lies scattered over the heap of the C library, which keeps it.

Nothing of a run is held on to, and yet a process that makes thousands of them grows: glibc gives back what is free only
when it is asked to. Elsewhere nobody is asked.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable


def give_back() -> None:
    """Return to the system what is free. Takes a few milliseconds."""
    trim = _trim()
    if trim is not None:
        trim(0)


@functools.cache
def _trim() -> Callable[[int], int] | None:
    try:
        return ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError):  # not glibc
        return None
