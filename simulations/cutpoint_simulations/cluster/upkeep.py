"""A replica of a cluster's store on a machine of its own, and the program that collects it there.

The leading coordinator copies into it. What the replica keeps, and when it is collected, is its own affair.
"""

from __future__ import annotations

import asyncio
import contextlib
from datetime import UTC, datetime

from cutpoint.errors import CutpointError
from cutpoint.store import open_backend
from cutpoint.store.collect import Collector
from cutpoint.store.replica import REPLICA_NAME
from cutpoint.store.retention import Policy
from cutpoint_simulations.loop import Host, Simulation

MACHINE = "vault"
REPLICA = f"file:///simulated/machines/{MACHINE}/replica"
"""As every other machine finds it."""

NAME = "archivist"
AT_HOME = "file:///simulated/replica"
FIRST_SECONDS = 0.5
EVERY_SECONDS = 1.5
RESTART_SECONDS = 0.3


def archivist(simulation: Simulation, *, source: str, keep: str) -> Host:
    """The host that collects the replica, not started. ``source``: as its machine finds it; ``keep``: the policy."""
    policy = Policy.parse(keep)

    async def collect_now_and_then() -> None:
        await asyncio.sleep(FIRST_SECONDS)
        while True:
            with contextlib.suppress(CutpointError):  # one of the disks fails: the next time will do
                await asyncio.to_thread(collect)
            await asyncio.sleep(EVERY_SECONDS)

    def collect() -> None:
        replica = open_backend(AT_HOME)
        if replica.size(REPLICA_NAME) is not None:
            at = datetime.now(UTC)
            Collector(backend=replica, policy=policy, by=NAME, at=at, source=open_backend(source)).run()

    return simulation.host(NAME, collect_now_and_then, machine=MACHINE, restart_seconds=RESTART_SECONDS)
