"""The operator of a simulated cluster: does what the coordinator says that somebody has to do.

A computation never goes back to its beginning by itself (decision 0008). Where a process has lost its
memory before the first recovery point, the coordinator holds and says ``cutpoint recover 0``; the operator looks now
and then, and does it. Nothing else is ever done by hand.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from cutpoint.errors import CutpointError
from cutpoint.names import BEGINNING
from cutpoint_coordinator.client import CoordinatorClient
from cutpoint_simulations.cluster import Cluster

LOOK_SECONDS = 0.4


class Attendant:
    """``needed`` says whether it is worth a look. ``begun_anew``: how often it asked to go back to the beginning."""

    def __init__(self, cluster: Cluster, needed: Callable[[], bool]) -> None:
        self.begun_anew = 0
        self._cluster = cluster
        self._needed = needed
        self._looks = False

    def begin(self) -> None:
        """Look from now on."""
        self._cluster.simulation.agenda.after(LOOK_SECONDS, self._look)

    def _look(self) -> None:
        if not self._looks and not self._cluster.registry.ledger().points and self._needed():
            self._looks = True
            self._cluster.operator.spawn(self._attend())
        self.begin()

    async def _attend(self) -> None:
        try:
            for url in self._cluster.coordinator_urls:
                with contextlib.suppress(CutpointError):  # it is away, or knows better by now
                    async with CoordinatorClient(url) as client:
                        if (await client.topology()).hold:
                            await client.recover(BEGINNING, wait=False)
                            self.begun_anew += 1
        finally:
            self._looks = False
