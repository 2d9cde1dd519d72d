"""Which simulated host runs at this moment. None outside of every host: then the real functions are called."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cutpoint_simulations.loop.host import Host

host: Host | None = None
