"""State that is kept elsewhere: two functions that take it out and put it back, a service's own or Cutpoint's.

Both run on the event loop, between turns, and must not be ``async``: what they would await could change the
state under the record.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from cutpoint.errors import ConfigurationError


@dataclass(frozen=True, kw_only=True)
class Hooks:
    """``capture`` returns the whole state; ``restore`` takes what a capture returned, or ``None``: begin anew."""

    kind: ClassVar[str] = "hooks"
    capture: Callable[[], object]
    restore: Callable[[object], object]

    def __post_init__(self) -> None:
        refuse_async(self.capture, "capture")
        refuse_async(self.restore, "restore")


@dataclass(frozen=True, kw_only=True)
class BuiltIn(Hooks):
    """State that an agent keeps for every service. ``capture`` may return ``None``: nothing to record.

    ``parse`` turns what was recorded into what ``restore`` takes, or raises `ValueError`; it changes nothing and may
    run in another thread. ``restore`` cannot fail.
    """

    kind: ClassVar[str] = "built-in"
    parse: Callable[[Any], object]


@dataclass(frozen=True, kw_only=True)
class Derived:
    """State that is computed from other state: never stored; ``rebuild`` runs after every restore."""

    kind: ClassVar[str] = "derived"
    rebuild: Callable[[], object]

    def __post_init__(self) -> None:
        refuse_async(self.rebuild, "rebuild")


def refuse_async(function: object, name: str) -> None:
    """Raise `ConfigurationError` unless ``function`` is called and done in one step."""
    if not callable(function):
        raise ConfigurationError(f"{name} must be a function, not {type(function).__name__}")
    called = getattr(function, "__call__", None)  # noqa: B004 - an object whose __call__ is async is async
    if inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(called):
        raise ConfigurationError(
            f"{name} must not be async: state is recorded and restored in one step; use a plain def"
        )
