"""A monitor: a name, a function of a recovery point, how often it is asked, and what it may use up.

@monitor("money", period_seconds=10)
def money(point: Recorded) -> str | None:
    held = sum(sum(states["balances"].values()) for states in point.states.values())
    return None if held == TOTAL else f"there are {held}, not {TOTAL}"
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, TypeAlias

from cutpoint.errors import ConfigurationError
from cutpoint.monitors.recorded import Recorded
from cutpoint.names import is_process_name
from cutpoint.wire.checks import one_line

MEMORY_BYTES_MIN = 128 * 1024 * 1024
"""A monitor's process, with Python and the store's libraries in it, needs so much before it has read anything."""

SECONDS_MAX = 3600.0
PERIOD_SECONDS_MAX = 366 * 24 * 3600.0
MEMORY_BYTES_MAX = 1 << 40


class Complaint(str):
    """What is wrong, as a line for people; ``details`` are for programs: plain data, kept with it.

    It is a `str`, so a monitor's function may return one wherever it may return text.
    """

    details: dict[str, Any]

    def __new__(cls, text: str, **details: Any) -> Complaint:
        """``details`` by name."""
        made = super().__new__(cls, text)
        made.details = details
        return made


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """What one evaluation may use up. ``seconds``: of time, then it is killed; ``memory_bytes``: of address space."""

    seconds: float = 30.0
    memory_bytes: int = 1024 * 1024 * 1024

    def __post_init__(self) -> None:
        if type(self.seconds) not in (int, float) or not 0 < self.seconds <= SECONDS_MAX:
            raise ConfigurationError(
                f"a monitor may take {self.seconds!r} seconds; nothing was changed; give a number above 0, "
                f"at most {SECONDS_MAX:g}"
            )
        if type(self.memory_bytes) is not int or not MEMORY_BYTES_MIN <= self.memory_bytes <= MEMORY_BYTES_MAX:
            raise ConfigurationError(
                f"a monitor may take {self.memory_bytes!r} bytes of memory; nothing was changed; give "
                f"{MEMORY_BYTES_MIN} at least, that is what its process needs before it has read anything"
            )


LIMITS = Limits()

Check: TypeAlias = Callable[[Recorded], str | None]
"""Returns what is wrong, for people, or None. It must not change what it is given."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Monitor:
    """Called with a recovery point, it says what is wrong, or None: so it is an invariant of a simulated cluster, too.

    ``period_seconds``: how long after one evaluation the next one begins at the earliest; 0: every cut is looked at.
    ``pins``: whether a recovery point that it complains of is kept as evidence. Raises `ConfigurationError` for what
    cannot be meant.
    """

    name: str
    check: Check
    period_seconds: float = 0.0
    limits: Limits = LIMITS
    pins: bool = True

    def __post_init__(self) -> None:
        check_name(self.name)
        check_period(self.period_seconds)
        if not callable(self.check):
            raise ConfigurationError(f"monitor {self.name} needs a function, not {type(self.check).__name__}")

    def __call__(self, point: Recorded) -> str | None:
        return self.check(point)

    @property
    def description(self) -> str:
        """The first line of what the function says of itself."""
        lines = (getattr(self.check, "__doc__", None) or "").strip().splitlines()
        return one_line(lines[0]) if lines else ""


def monitor(
    name: str, *, period_seconds: float = 0.0, limits: Limits = LIMITS, pins: bool = True
) -> Callable[[Check], Monitor]:
    """Make a function a `Monitor`. Raises `ConfigurationError` for what cannot be meant."""
    return lambda check: Monitor(name=name, check=check, period_seconds=period_seconds, limits=limits, pins=pins)


def check_name(name: object) -> None:
    """Raise `ConfigurationError` unless ``name`` can name a monitor; a label is made of it."""
    if type(name) is not str or not is_process_name(name) or len(name) > 64:
        raise ConfigurationError(
            f"{one_line(repr(name))} cannot name a monitor; nothing was changed; take 1 to 64 letters, digits, "
            "'.', '_' and '-', a letter or digit first"
        )


def check_period(seconds: object) -> None:
    """Raise `ConfigurationError` unless a monitor can be asked every so many seconds."""
    if not isinstance(seconds, int | float) or not 0 <= seconds <= PERIOD_SECONDS_MAX:
        raise ConfigurationError(
            f"a period of {seconds!r} seconds cannot be meant; nothing was changed; give a number from 0 (every cut)"
        )
