"""What a user's own invariants are given: a recovery point with decoded states, and what was in flight in it.

An invariant looks at the whole cut, messages under way included: "the money in all accounts plus all payments under
way is what it was at the beginning".
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from cutpoint.errors import ConfigurationError


@dataclasses.dataclass(frozen=True, kw_only=True)
class InFlight:
    """A message that a recovery point holds: sent, and not yet received."""

    sender: str
    receiver: str
    channel: str
    payload: str | bytes


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recorded:
    """A recovery point. ``states``: by process, then by the state's name; ``in_flight``: by channel, in order."""

    cut: int
    states: Mapping[str, Mapping[str, Any]]
    in_flight: tuple[InFlight, ...]


Check = Callable[[Recorded], str | None]
"""Returns what is wrong, for people, or None. It must not change what it is given."""


def declare_check(checks: dict[str, Check], name: str, check: Check) -> None:
    """Add ``check``. Raises `ConfigurationError` if there is one of this name."""
    if name in checks:
        raise ConfigurationError(f"there are two invariants called {name!r}; give each one a name of its own")
    checks[name] = check
