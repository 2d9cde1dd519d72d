"""One leadership over etcd, as the registry that won it holds it: its commits, its lease, who waits for its end."""

from __future__ import annotations

import asyncio

from cutpoint_coordinator.registry.etcd_keys import Chain
from cutpoint_coordinator.registry.etcd_lease import LeaseKeeper
from cutpoint_coordinator.registry.interface import Leadership


class Term:
    """One leadership held through one registry. Belongs to the event loop that it was made on."""

    def __init__(self, leadership: Leadership, lease: int) -> None:
        self.chain = Chain(leadership)
        self.lease = lease
        self.keeper: LeaseKeeper | None = None
        self.upkeep: asyncio.Task[None] | None = None
        self.turn = asyncio.Lock()
        self.ending: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def end(self, reason: str) -> None:
        """The leadership is over: stop the keeper, wake who waits for it."""
        if self.keeper is not None:
            self.keeper.stop()
        if self.upkeep is not None:
            self.upkeep.cancel()
        if not self.ending.done():
            self.ending.set_result(reason)
