"""What may be written for a key of a policy: each kind reads a value, or says what is wrong and what to write."""

from __future__ import annotations

import dataclasses
import json
import math
from abc import ABC, abstractmethod
from typing import Any

from cutpoint.errors import ConfigurationError
from cutpoint.policy.quantities import bytes_of, duration_text, seconds_of, size_text
from cutpoint.store import retention
from cutpoint.wire.checks import NUMBER_MAX, TEXT_MAX, one_line

SECONDS_MAX = 1_000_000.0


class Wrong(Exception):
    """A value that cannot be meant. ``item``: which of a list's, if it is one of them."""

    def __init__(self, what: str, remedy: str, item: int | None = None) -> None:
        super().__init__(what)
        self.what, self.remedy, self.item = what, remedy, item


class Kind(ABC):
    """What is written for a key, and what it means."""

    @abstractmethod
    def read(self, value: Any) -> Any:
        """What ``value`` means. Raises `Wrong`."""

    def write(self, meant: Any) -> Any:
        """What `read` takes for ``meant``, as people write it."""
        return meant


@dataclasses.dataclass(frozen=True, kw_only=True)
class Duration(Kind):
    """A length of time; 0 only where ``zero`` allows it."""

    zero: bool = False

    def read(self, value: Any) -> float:
        """A number of seconds."""
        remedy = f'write {"from 0s" if self.zero else "more than 0s"} up to 11d, such as "30s", "5m" or "1h30m"'
        if isinstance(value, str):
            seconds = seconds_of(value)
            if seconds is None:
                raise Wrong(f"{shown(value)} is no length of time", remedy)
        elif type(value) in (int, float):
            seconds = float(value) if abs(value) < NUMBER_MAX else math.inf
        else:
            raise Wrong(f"a length of time is needed, and this is {kind_of(value)}", remedy)
        if not (0 <= seconds <= SECONDS_MAX) or (seconds == 0 and not self.zero):
            raise Wrong(f"{shown(value)} is out of range", remedy)
        return seconds

    def write(self, meant: float) -> str:
        """``5m``."""
        return duration_text(meant)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Count(Kind):
    """A whole number."""

    least: int = 0
    most: int = NUMBER_MAX

    def read(self, value: Any) -> int:
        """The number."""
        remedy = f"write one from {self.least} to {self.most}"
        if type(value) is not int:
            raise Wrong(f"a whole number is needed, and this is {kind_of(value)}", remedy)
        if not self.least <= value <= self.most:
            raise Wrong(f"{shown(value)} is out of range", remedy)
        return value


@dataclasses.dataclass(frozen=True, kw_only=True)
class Size(Kind):
    """A number of bytes from 1 on."""

    def read(self, value: Any) -> int:
        """The number of bytes."""
        remedy = 'write a size such as "64MiB", or a number of bytes'
        if not isinstance(value, str) and type(value) is not int:
            raise Wrong(f"a size is needed, and this is {kind_of(value)}", remedy)
        size = bytes_of(value) if isinstance(value, str) else value
        if size is None:
            raise Wrong(f"{shown(value)} is no size", remedy)
        if not 1 <= size <= NUMBER_MAX:
            raise Wrong(f"{shown(value)} is out of range", f"{remedy}, from 1 to {NUMBER_MAX}")
        return size

    def write(self, meant: int) -> str:
        """``64MiB``."""
        return size_text(meant)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rate(Kind):
    """Something in a second, more than 0."""

    def read(self, value: Any) -> float:
        """The number."""
        remedy = "write a number above 0, at most 1000000"
        if type(value) not in (int, float):
            raise Wrong(f"a number is needed, and this is {kind_of(value)}", remedy)
        if not 0 < value <= 1_000_000:
            raise Wrong(f"{shown(value)} is out of range", remedy)
        return float(value)

    def write(self, meant: float) -> float | int:
        """Without a fraction where there is none."""
        return int(meant) if meant == int(meant) else meant


@dataclasses.dataclass(frozen=True, kw_only=True)
class Flag(Kind):
    """Yes or no."""

    def read(self, value: Any) -> bool:
        """The answer."""
        if type(value) is not bool:
            raise Wrong(f"true or false is needed, and this is {kind_of(value)}", "write true or false, without quotes")
        return value


@dataclasses.dataclass(frozen=True, kw_only=True)
class Choice(Kind):
    """One of a few words."""

    words: tuple[str, ...]

    def read(self, value: Any) -> str:
        """The word."""
        words = ", ".join(f'"{word}"' for word in self.words)
        if not isinstance(value, str) or value not in self.words:
            raise Wrong(f"{shown(value)} is not a word that it knows", f"write one of {words}")
        return value


@dataclasses.dataclass(frozen=True, kw_only=True)
class Line(Kind):
    """One line of text."""

    def read(self, value: Any) -> str:
        """The text."""
        remedy = "write one line of text in quotes"
        if not isinstance(value, str):
            raise Wrong(f"a text is needed, and this is {kind_of(value)}", remedy)
        if len(value) > TEXT_MAX or not value.isprintable():
            raise Wrong(f"{shown(value)} is too long, or holds what cannot be printed", remedy)
        return value


@dataclasses.dataclass(frozen=True, kw_only=True)
class Keep(Line):
    """What retention keeps (`cutpoint.store.retention`); empty: everything."""

    def read(self, value: Any) -> str:
        """The same text, which retention can read."""
        text = super().read(value)
        try:
            return str(retention.Policy.parse(text)) if text.strip() else ""
        except ConfigurationError as error:
            what, _, remedy = str(error).partition("; nothing was deleted; ")
            raise Wrong(what, remedy) from None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Names(Kind):
    """Names of tokens, or scopes as ``scope:NAME``, each once."""

    scopes: tuple[str, ...]

    def read(self, value: Any) -> tuple[str, ...]:
        """The names."""
        remedy = 'write a list of names of tokens or scopes, such as ["ci", "scope:administer"]'
        if not isinstance(value, list):
            raise Wrong(f"a list of names is needed, and this is {kind_of(value)}", remedy)
        for index, name in enumerate(value):
            if not isinstance(name, str) or not name or len(name) > 100 or not name.isprintable():
                raise Wrong(f"{shown(name)} is no name", remedy, index)
            if name.startswith("scope:") and name.removeprefix("scope:") not in self.scopes:
                known = ", ".join(f'"scope:{scope}"' for scope in self.scopes)
                raise Wrong(f"there is no scope {shown(name.removeprefix('scope:'))}", f"write one of {known}", index)
            if name in value[:index]:
                raise Wrong(f"{shown(name)} is in the list twice", "name it once", index)
        return tuple(value)

    def write(self, meant: tuple[str, ...]) -> list[str]:
        """A list."""
        return list(meant)


def shown(value: Any) -> str:
    """``value`` on one line and short, as it was written."""
    return one_line(json.dumps(value, ensure_ascii=False) if isinstance(value, str | bool) else value)


def kind_of(value: Any) -> str:
    """What an operator calls a value of this type."""
    kinds = {bool: "true or false", int: "a number", float: "a number", str: "a text", list: "a list", dict: "a table"}
    kind = kinds.get(type(value), "a date or a time" if value is not None else "null")
    return f"{kind} ({shown(value)})" if type(value) in (bool, int, float, str) else kind
