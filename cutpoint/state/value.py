"""One object of a process, recorded in every cut.

Like a table, a `Value` stays the same object for the life of the process; a restore replaces what it holds.
"""

from __future__ import annotations

from typing import ClassVar, Generic, TypeVar

T = TypeVar("T")


class Value(Generic[T]):
    """Holds one object under ``.value``, read and assigned like any attribute."""

    kind: ClassVar[str] = "value"
    __slots__ = ("value",)

    def __init__(self, initial: T) -> None:
        self.value = initial

    def __repr__(self) -> str:
        return f"Value({self.value!r})"

    def content(self) -> T:
        """The object itself, to be encoded before anything else runs. Not for changing."""
        return self.value

    def replace(self, value: T) -> None:
        """Hold ``value`` from now on. Cannot fail."""
        self.value = value
