"""What a leading coordinator does for its store besides publishing: collect it, and keep a replica in step.

It begins and ends with the leadership. Nothing of it can hold up a cut or a recovery, and nothing of it can end the
leadership: what fails is told and tried again. Who ends it waits for the step that is under way, but not for long:
a step that is finished late harms nothing (decision 0012).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from cutpoint.store import Backend
from cutpoint.store.retention import Policy
from cutpoint_coordinator.collecting import Collecting
from cutpoint_coordinator.notices import Notices
from cutpoint_coordinator.replicating import Replicating
from cutpoint_coordinator.settings import LOG_NAME, Settings

if TYPE_CHECKING:
    from cutpoint.store.keys import KeyRing
    from cutpoint_coordinator.driver import Driver

log = logging.getLogger(LOG_NAME)

AGAIN_SECONDS = 30.0
"""How long what has failed for an unforeseen reason rests."""


class Keeping:
    """The background work of one leadership. Belongs to the event loop that it was made on."""

    def __init__(
        self,
        *,
        driver: Driver,
        backend: Backend,
        replica: Backend | None,
        keys: KeyRing | None,
        notices: Notices,
        settings: Settings,
        policy: Policy | None,
        by: str,
    ) -> None:
        self.collecting = Collecting(
            driver=driver,
            backend=backend,
            keys=keys,
            notices=notices,
            policy=policy,
            every_seconds=settings.collect_seconds,
            per_second=settings.collect_per_second,
            by=by,
        )
        self.replicating = (
            None
            if replica is None
            else Replicating(
                driver=driver,
                source=backend,
                replica=replica,
                keys=keys,
                notices=notices,
                lag_seconds=settings.replica_lag_seconds,
            )
        )
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin with what is to be done in the background."""
        self._begin(self.collecting.run, "collecting the store")
        if self.replicating is not None:
            self._begin(self.replicating.run, "keeping the replica in step")

    async def close(self) -> None:
        """Take no further step; what runs on a thread ends with the step that it is at."""
        self.collecting.stop()
        if self.replicating is not None:
            self.replicating.stop()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _begin(self, work: Callable[[], Awaitable[None]], what: str) -> None:
        self._tasks.append(asyncio.create_task(_for_ever(work, what), name=f"cutpoint {what}"))


async def _for_ever(work: Callable[[], Awaitable[None]], what: str) -> None:
    """Do ``work`` to its end, whatever is wrong with it."""
    while True:
        try:
            return await work()
        except Exception:
            log.exception("%s failed for an unforeseen reason; cuts go on, and it is tried again", what)
            await asyncio.sleep(AGAIN_SECONDS)
