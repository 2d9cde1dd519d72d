"""What the simulator needs beyond the base dependencies, and the error of whoever asks for it without them.

Nothing of it is imported here: the pytest plugin, and the help of the command ``cutpoint``, must cost nothing.
"""

from __future__ import annotations

from importlib.util import find_spec

_NEEDED = ("click", "hypothesis", "rich", "time_machine")


def require_extra() -> None:
    """Raise `ModuleNotFoundError`, as the import would, if one of the extra's modules is not installed."""
    for name in _NEEDED:
        if find_spec(name) is None:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
