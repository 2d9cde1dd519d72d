"""How a policy writes lengths of time and sizes: ``"90s"``, ``"1h30m"``, ``"64MiB"``, or a plain number."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Final

_TIME: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d)")
_SIZE: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?([KMGT]i?B|B)")

SECONDS: Final[Mapping[str, float]] = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
BYTES: Final[Mapping[str, int]] = {
    **{unit + "iB": 1024 ** (power + 1) for power, unit in enumerate("KMGT")},
    **{unit + "B": 1000 ** (power + 1) for power, unit in enumerate("KMGT")},
    "B": 1,
}


def seconds_of(text: str) -> float | None:
    """``"1h30m"`` as a number of seconds: units from the longest to the shortest, each once; None for other texts."""
    found = _TIME.findall(text)
    units = [list(SECONDS).index(unit) for _, unit in found]
    if not found or "".join(number + unit for number, unit in found) != text or units != sorted(set(units)):
        return None
    total = math.fsum(float(number) * SECONDS[unit] for number, unit in found)
    return total if math.isfinite(total) else None


def duration_text(seconds: float) -> str:
    """The shortest text that `seconds_of` reads back as ``seconds``; a number with ``s`` where units do not fit."""
    for unit, length in SECONDS.items():
        count = round(seconds / length)
        if count and seconds_of(text := f"{count}{unit}") == seconds:
            return text
    shorter = (f"{seconds:.{digits}f}s" for digits in range(25))
    return next((text for text in shorter if seconds_of(text) == seconds), f"{seconds:.25f}s")


def bytes_of(text: str) -> int | None:
    """``"64MiB"`` as a number of bytes; None for other texts and for a part of a byte."""
    if (found := _SIZE.fullmatch(text)) is None:
        return None
    size = float(found[1]) * BYTES[found[2]]
    return int(size) if math.isfinite(size) and size == int(size) else None


def size_text(count: int) -> str:
    """The shortest text that `bytes_of` reads back as ``count``."""
    texts = [f"{count // length}{unit}" for unit, length in BYTES.items() if count and count % length == 0]
    return min(texts, key=len, default=f"{count}B")
