"""What is wrong with a declared policy: where, what, and what to write instead."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from cutpoint.errors import ConfigurationError


class Mistake(msgspec.Struct, frozen=True, kw_only=True):
    """One mistake. ``where``: ``policy.toml:12``, or the key where there are no lines; ``line`` 0: there are none."""

    where: str
    line: int
    what: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}; {self.remedy}"


class PolicyMistakes(ConfigurationError):
    """A policy cannot be meant as it is written. Nothing was changed. ``mistakes`` are in the order of their lines."""

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("\n".join(map(str, self.mistakes)))
