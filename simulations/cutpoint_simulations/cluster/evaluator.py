"""A monitor on a simulated host: evaluated on one of its threads, because a simulated host has no processes of its own.

The rest of what a coordinator does with monitors is the real code. What a process would add is not simulated: a monitor
here can be killed by nobody, so it has to come to an end.
"""

from __future__ import annotations

import asyncio

from cutpoint.errors import CutpointError
from cutpoint.monitors import Monitor
from cutpoint.monitors.deployed import Deployed, load
from cutpoint.monitors.evaluation import Evaluation, evaluate
from cutpoint.monitors.stored import stored_point
from cutpoint.names import CutNumber
from cutpoint.store import open_backend


class ThreadEvaluator:
    """Asks ``deployed`` about recovery points in the store at ``store``, as it is on the simulated machine."""

    def __init__(self, deployed: Deployed, *, store: str) -> None:
        self._deployed = deployed
        self._store = store
        self._monitor: Monitor | None = None

    async def prepare(self) -> Evaluation:
        """Load the monitor."""
        try:
            self._monitor = load(self._deployed)
        except CutpointError as error:
            return Evaluation(cut=0, verdict="failed", complaint=str(error))
        return Evaluation(cut=0, verdict="well")

    async def evaluate(self, cut: int) -> Evaluation:
        """Ask about recovery point ``cut``, on a thread."""
        if self._monitor is None and (prepared := await self.prepare()).verdict != "well":
            return Evaluation(cut=cut, verdict="failed", complaint=prepared.complaint)
        assert self._monitor is not None
        return await asyncio.to_thread(self._look, self._monitor, cut)

    async def close(self) -> None:
        """Nothing is held."""

    def _look(self, monitor: Monitor, cut: int) -> Evaluation:
        return evaluate(monitor.check, cut, lambda: stored_point(open_backend(self._store), CutNumber(cut)))
