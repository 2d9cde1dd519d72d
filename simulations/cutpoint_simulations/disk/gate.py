"""What every operation that changes a disk passes: does the simulator want to crash it here, does it fail?"""

from __future__ import annotations

import dataclasses
import errno
import os
from collections.abc import Callable

_TAKES_SPACE = ("create", "link", "mkdir", "rename", "truncate", "write")
_FULL = (errno.ENOSPC, errno.EDQUOT)


class Stopped(BaseException):
    """The program that asked is dead and must not go on: no ``except Exception`` and no ``finally`` gets past this."""


@dataclasses.dataclass(kw_only=True)
class Life:
    """One more after each death of a program."""

    number: int = 1


@dataclasses.dataclass(kw_only=True)
class Gate:
    """``operations`` counts those that change or flush something; ``before`` is called with each one's name and path.

    ``caller`` is the life of whose program asks. Those after the first ``fails_from`` fail with ``fails_with``.
    """

    operations: int = 0
    before: Callable[[str, str], None] | None = None
    caller: Life = dataclasses.field(default_factory=Life)
    fails_from: int | None = None
    fails_with: int = 0

    def admit(self, operation: str, path: str) -> None:
        """An operation that would otherwise succeed: raises `Stopped`, or the `OSError` that was asked for."""
        if self.before is not None:
            caller = self.caller
            number = caller.number
            self.before(operation, path)
            if caller.number != number:
                raise Stopped
        self.operations += 1
        if self.fails(operation):
            raise OSError(self.fails_with, os.strerror(self.fails_with), path)

    def fails(self, operation: str) -> bool:
        """Whether this operation fails, at the present count; a full disk only refuses what takes space."""
        failing = self.fails_from is not None and self.operations > self.fails_from
        return failing and (self.fails_with not in _FULL or operation in _TAKES_SPACE)

    @property
    def full(self) -> bool:
        """Whether the disk has no room left."""
        return self.fails_with in _FULL and self.fails("write")

    def take_last_room(self) -> bool:
        """Whether the next operation would be the first for which there is no room; then there is some for it yet."""
        if self.fails_from != self.operations or self.fails_with not in _FULL:
            return False
        self.fails_from += 1
        return True
