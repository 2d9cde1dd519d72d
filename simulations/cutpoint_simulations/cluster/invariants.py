"""What must hold of a user's services: functions of a recovery point, the very same that monitors are made of.

An invariant looks at the whole cut, messages under way included: "the money in all accounts plus all payments under
way is what it was at the beginning".
"""

from __future__ import annotations

from cutpoint.errors import ConfigurationError
from cutpoint.monitors import InFlight, Recorded
from cutpoint.monitors.monitor import Check

__all__ = ["Check", "InFlight", "Recorded", "declare_check"]


def declare_check(checks: dict[str, Check], name: str, check: Check) -> None:
    """Add ``check``. Raises `ConfigurationError` if there is one of this name."""
    if name in checks:
        raise ConfigurationError(f"there are two invariants called {name!r}; give each one a name of its own")
    checks[name] = check
