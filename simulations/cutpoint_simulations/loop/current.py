"""Which simulated host runs at this moment, on this thread. None outside of every host: then the real functions serve.

Other threads of the process (a test runner's) are outside of every host, whatever the simulation does meanwhile.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cutpoint_simulations.loop.host import Host

    host: Host | None
    """The same as ``running.host``, to be read."""


class _Running(threading.local):
    """``host`` is set by the simulation only."""

    host: Host | None = None


running = _Running()


def __getattr__(name: str) -> Host | None:
    if name == "host":
        return running.host
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
