"""Pieces of bytes in one piece, while the interpreter is free for other threads.

A join of megabytes holds the interpreter's lock for milliseconds, most of them to map fresh memory, and so long no
event loop of the process moves. Where the system has files in memory, the kernel puts the pieces together instead.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence

JOINED_BYTES_MAX = 256 * 1024
"""What is not longer is joined as usual."""

_PIECES_AT_ONCE = 512


def joined(pieces: Sequence[bytes]) -> bytes:
    """``pieces``, one behind the other."""
    length = sum(map(len, pieces))
    if length > JOINED_BYTES_MAX and hasattr(os, "memfd_create"):
        with contextlib.suppress(OSError):
            whole = _by_the_kernel(pieces, length)
            if len(whole) == length:
                return whole
    return b"".join(pieces)


def _by_the_kernel(pieces: Sequence[bytes], length: int) -> bytes:
    """``pieces`` in one, or something shorter if the kernel did not take or give all of it."""
    file = os.memfd_create("joined")
    try:
        for start in range(0, len(pieces), _PIECES_AT_ONCE):
            some = pieces[start : start + _PIECES_AT_ONCE]
            if os.writev(file, some) != sum(map(len, some)):
                return b""
        return os.pread(file, length, 0)
    finally:
        os.close(file)
