"""Sets of message numbers: a prefix 1..p without gaps, and what came early on a channel that is not FIFO."""

from __future__ import annotations

from collections.abc import Iterable

from cutpoint.protocol.messages import Ranges


class NumberSet:
    """A growing set of numbers from 1. On a FIFO channel only ``prefix`` is ever used."""

    __slots__ = ("_early", "prefix")

    def __init__(self, prefix: int = 0) -> None:
        self.prefix = prefix
        self._early: set[int] = set()

    @classmethod
    def from_ranges(cls, ranges: Ranges) -> NumberSet:
        """The set that `ranges` would describe."""
        numbers = cls()
        for low, high in ranges:
            if low == numbers.prefix + 1:
                numbers.prefix = high
            else:
                numbers.update(range(low, high + 1))
        return numbers

    def __contains__(self, number: int) -> bool:
        return number <= self.prefix or number in self._early

    def __len__(self) -> int:
        return self.prefix + len(self._early)

    @property
    def highest(self) -> int:
        """The highest number in the set, 0 if it is empty."""
        return max(self._early, default=self.prefix)

    def add(self, number: int) -> None:
        """Add one number."""
        if number == self.prefix + 1:
            self.prefix = number
            while self.prefix + 1 in self._early:
                self.prefix += 1
                self._early.remove(self.prefix)
        elif number > self.prefix:
            self._early.add(number)

    def update(self, numbers: Iterable[int]) -> None:
        """Add several numbers."""
        for number in numbers:
            self.add(number)

    def ranges(self) -> Ranges:
        """The set as ascending inclusive ranges that never touch."""
        return ranges_of(sorted(self._early), prefix=self.prefix)


def ranges_of(numbers: Iterable[int], *, prefix: int = 0) -> Ranges:
    """Ascending ``numbers``, after ``1..prefix``, as ranges."""
    found: list[tuple[int, int]] = [(1, prefix)] if prefix else []
    for number in numbers:
        if found and found[-1][1] == number - 1:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    return tuple(found)
