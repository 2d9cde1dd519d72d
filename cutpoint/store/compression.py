"""Zstandard, level 1: bytes to fewer bytes and back, never to more than were there before.

Whoever expands says how many bytes must come out; nothing beyond that is produced, whatever the frame claims, and
no frame is given a window larger than the longest chunk. Both directions release the interpreter while they work.
"""

from __future__ import annotations

import sys

if sys.version_info >= (3, 14):
    from compression.zstd import DecompressionParameter, ZstdCompressor, ZstdDecompressor, ZstdError
else:
    from backports.zstd import DecompressionParameter, ZstdCompressor, ZstdDecompressor, ZstdError

LEVEL = 1
_WINDOW_LOG_MAX = 22
_LIMITS: dict[int, int] = {DecompressionParameter.window_log_max: _WINDOW_LOG_MAX}


class Compressor:
    """A reusable context, for one thread at a time."""

    def __init__(self) -> None:
        self._context = ZstdCompressor(level=LEVEL)

    def compress(self, raw: bytes | memoryview) -> bytes:
        """One frame that `expand` makes ``raw`` of."""
        return self._context.compress(raw, ZstdCompressor.FLUSH_FRAME)


def expand(frame: bytes | memoryview, raw_bytes: int) -> bytes:
    """The exactly ``raw_bytes`` bytes that ``frame`` was made of. Raises `ValueError` for any other frame."""
    found = _expanded(frame, raw_bytes)
    if len(found) != raw_bytes:
        raise ValueError(f"it expands to {len(found)} bytes, {raw_bytes} were written")
    return found


def expand_at_most(frame: bytes | memoryview, raw_bytes_max: int) -> bytes:
    """What ``frame`` was made of. Raises `ValueError` if that is more than ``raw_bytes_max``, or no whole frame."""
    return _expanded(frame, raw_bytes_max)


def _expanded(frame: bytes | memoryview, raw_bytes_max: int) -> bytes:
    """What comes out, at most ``raw_bytes_max``. One byte more is asked for, to see that there is none."""
    decompressor = ZstdDecompressor(options=_LIMITS)
    try:
        found = decompressor.decompress(frame, raw_bytes_max + 1)
    except ZstdError as error:
        raise ValueError(f"it cannot be expanded: {error}") from error
    if len(found) > raw_bytes_max:
        raise ValueError(f"it expands to more than {raw_bytes_max} bytes")
    if not decompressor.eof or decompressor.unused_data:
        raise ValueError("it is cut short, or more follows")
    return found
