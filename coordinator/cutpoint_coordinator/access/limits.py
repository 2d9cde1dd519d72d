"""How often somebody may ask: a bucket of allowances that fills again with time, one for each caller.

Memory is bounded: who has not been seen for longest is forgotten first, and begins again with a full bucket.
"""

from __future__ import annotations

import asyncio
import math
from collections import OrderedDict

BUCKETS_MAX = 10_000
"""How many callers are remembered."""


class Limit:
    """``per_second`` allowances come in a second; at most ``burst`` are saved up. Times are the event loop's."""

    def __init__(self, *, per_second: float, burst: float) -> None:
        self._per_second = per_second
        self._burst = burst
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, caller: str) -> float:
        """Use one allowance of ``caller``. 0 if there was one, else in how many seconds there is one again."""
        now = asyncio.get_running_loop().time()
        left, at = self._buckets.pop(caller, (self._burst, now))
        left = min(self._burst, left + (now - at) * self._per_second)
        missing = 1.0 - left
        self._buckets[caller] = (left - 1.0 if missing <= 0 else left, now)
        while len(self._buckets) > BUCKETS_MAX:
            self._buckets.popitem(last=False)
        return 0.0 if missing <= 0 else missing / self._per_second

    @property
    def remembered(self) -> int:
        """How many callers have a bucket."""
        return len(self._buckets)


def retry_after(seconds: float) -> str:
    """``seconds`` as the header ``Retry-After`` says it."""
    return str(max(1, math.ceil(seconds)))
