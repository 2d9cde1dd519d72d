"""Sets of message numbers as ranges, and the question whether every number of a channel is accounted for once.

The work is proportional to the number of ranges, never to the number of messages. Nothing here knows what a
channel is; `cutpoint.protocol.consistency` does.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence as Series

from cutpoint.protocol.messages import Ranges


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Account:
    """Which of the numbers 1 to ``sent`` nobody has, which more than one has, and which lie beyond ``sent``."""

    lost: Ranges
    doubled: Ranges
    beyond: Ranges

    @property
    def balanced(self) -> bool:
        """Every number from 1 to ``sent`` is held exactly once, and no other number is held."""
        return not (self.lost or self.doubled or self.beyond)


def account(holdings: Series[Ranges], sent: int) -> Account:
    """Set the numbers 1 to ``sent`` against what several holders say that they hold. The ranges are well-formed."""
    lost: list[tuple[int, int]] = []
    doubled: list[tuple[int, int]] = []
    beyond: list[tuple[int, int]] = []
    awaited = 1
    for low, high in sorted(held for ranges in holdings for held in ranges):
        if high > sent:
            beyond.append((max(low, sent + 1), high))
        last = min(high, sent)
        if low > last:
            continue
        if low > awaited:
            lost.append((awaited, low - 1))
        elif low < awaited:
            doubled.append((low, min(last, awaited - 1)))
        awaited = max(awaited, last + 1)
    if awaited <= sent:
        lost.append((awaited, sent))
    return Account(lost=tuple(lost), doubled=tuple(doubled), beyond=tuple(beyond))


def is_well_formed(ranges: Ranges) -> bool:
    """Whether the ranges are ascending, never touch and hold positive numbers only."""
    end = -1
    for low, high in ranges:
        if low > high or low < 1 or low <= end + 1:
            return False
        end = high
    return True


def count(ranges: Ranges) -> int:
    """How many numbers the ranges hold."""
    return sum(high - low + 1 for low, high in ranges)


def prefix(ranges: Ranges) -> int:
    """The highest number up to which nothing is missing: 0 if 1 is not held."""
    return ranges[0][1] if ranges and ranges[0][0] == 1 else 0


def holds(ranges: Ranges, number: int) -> bool:
    """Whether ``number`` is in the ranges."""
    return any(low <= number <= high for low, high in ranges)


def span(first: int, last: int) -> Ranges:
    """The numbers ``first`` to ``last``; none if ``last`` is below ``first``."""
    return ((first, last),) if first <= last else ()


def text(ranges: Ranges) -> str:
    """As an operator reads it: ``4`` or ``4-7, 9``; ``none`` when empty."""
    return ", ".join(f"{low}-{high}" if high > low else f"{low}" for low, high in ranges) or "none"
