"""The terminal: a simulated host may print, and there is nobody who could type anything."""

from __future__ import annotations

import builtins
import sys
from typing import Any

from cutpoint_simulations.loop.current import running
from cutpoint_simulations.loop.replacements.serving import Replacement, refused
from cutpoint_simulations.refusal import not_simulated

_WHAT = ("standard input", "give the program what it needs in its arguments or over the network")


def replacements() -> list[Replacement]:
    """`input` and ``sys.stdin``."""
    return [refused(builtins, "input", *_WHAT), (sys, "stdin", Keyboard(sys.stdin))]


class Keyboard:
    """Stands for the real standard input: it is that outside of every host, and refuses everything within one."""

    def __init__(self, real: Any) -> None:
        self._real = real

    def __getattr__(self, name: str) -> Any:
        host = running.host
        if host is not None:
            host.refuse(not_simulated(*_WHAT))
        return getattr(self._real, name)
