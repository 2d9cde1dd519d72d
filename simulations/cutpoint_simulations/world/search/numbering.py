"""Small numbers for equal things, and for what lines hold: a state of the world becomes a tuple of numbers."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

T = TypeVar("T")

NOTHING = 0
"""The number of an empty line."""


class Numbers(Generic[T]):
    """Gives equal things one number, in the order in which they come. ``things`` are the first of each."""

    def __init__(self) -> None:
        self.things: list[T] = []
        self._numbers: dict[Hashable, int] = {}

    def of(self, value: Hashable, thing: T) -> int:
        """The number of ``thing``, which equals whatever else has this ``value``."""
        number = self._numbers.setdefault(value, len(self.things))
        if number == len(self.things):
            self.things.append(thing)
        return number


class Lines:
    """The contents of lines as numbers. ``contents`` are the numbers of what is on each."""

    def __init__(self) -> None:
        self.contents: list[tuple[int, ...]] = [()]
        self._numbers: dict[tuple[int, ...], int] = {(): NOTHING}
        self._longer: dict[tuple[int, tuple[int, ...]], int] = {}
        self._shorter: dict[tuple[int, int], int] = {}

    def append(self, line: int, more: tuple[int, ...]) -> int:
        """The line with ``more`` at its end."""
        key = (line, more)
        found = self._longer.get(key)
        if found is None:
            found = self._longer[key] = self._number(self.contents[line] + more)
        return found

    def without(self, line: int, index: int) -> int:
        """The line without what is at ``index``."""
        key = (line, index)
        found = self._shorter.get(key)
        if found is None:
            content = self.contents[line]
            found = self._shorter[key] = self._number(content[:index] + content[index + 1 :])
        return found

    def _number(self, content: tuple[int, ...]) -> int:
        number = self._numbers.setdefault(content, len(self.contents))
        if number == len(self.contents):
            self.contents.append(content)
        return number
