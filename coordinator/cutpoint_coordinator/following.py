"""Who leads, as far as this coordinator knows, and who wants to know it when that changes.

The registry says so; while it does not answer, what it said last holds. A leader that was killed is noticed (`vigil`)
and dismissed, so that nobody has to wait for its lease to run out. Nothing that safety hangs on is decided here: agents
and operators are turned to whoever is named, and find out by themselves whether that was right.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from cutpoint.errors import ConfigurationError, RegistryError
from cutpoint.registry import Leader, Registry
from cutpoint_coordinator.notices import Notices
from cutpoint_coordinator.vigil import wait_gone

PAUSE_SECONDS = 0.5
"""How long a registry that does not answer is left alone."""


class Following:
    """``me``: this coordinator, as it calls itself when it leads."""

    def __init__(self, registry: Registry, me: Leader, notices: Notices) -> None:
        self._registry = registry
        self._me = me
        self._notices = notices
        self._heard: Leader | None = None
        self._mine = False
        self._waiting: list[asyncio.Future[None]] = []
        self._vigil: asyncio.Task[None] | None = None

    @property
    def leader(self) -> Leader | None:
        """Who leads; None if nobody is known to."""
        if self._mine:
            return self._me
        return self._heard if self._heard is None or self._heard.candidate != self._me.candidate else None

    @property
    def other(self) -> Leader | None:
        """Who leads, if it is another coordinator."""
        return None if self._mine else self.leader

    @property
    def waiting(self) -> int:
        """How many wait for a change."""
        return len(self._waiting)

    def won(self) -> None:
        """This coordinator has the leadership."""
        self._mine = True
        self.tell()

    def over(self) -> None:
        """It has it no longer."""
        self._mine = False
        self.tell()

    def tell(self) -> None:
        """Something has changed: wake whoever waits."""
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            if not each.done():
                each.set_result(None)

    async def wait_until(self, condition: Callable[[], bool], *, timeout_seconds: float | None = None) -> None:
        """Wait until ``condition`` holds; it is looked at whenever something has changed. Or until the time is over."""
        loop = asyncio.get_running_loop()
        until = None if timeout_seconds is None else loop.time() + timeout_seconds
        while not condition():
            left = None if until is None else until - loop.time()
            if left is not None and left <= 0:
                return
            change: asyncio.Future[None] = loop.create_future()
            self._waiting.append(change)
            try:
                await asyncio.wait((change,), timeout=left)
            finally:
                if change in self._waiting:
                    self._waiting.remove(change)

    async def run(self) -> None:
        """Keep up with the registry, until cancelled."""
        try:
            await self._keep_up()
        finally:
            self._watch_over(None)

    async def _keep_up(self) -> None:
        while True:
            try:
                leader = await self._registry.wait_leader_change(self._heard)
            except (RegistryError, ConfigurationError):
                await asyncio.sleep(PAUSE_SECONDS)
                continue
            self._heard = leader
            self._watch_over(leader)
            if (other := self.other) is not None:
                self._notices.add("waiting to lead", f"waiting to lead: {other.candidate} at {other.address} leads")
            self.tell()

    def _watch_over(self, leader: Leader | None) -> None:
        """Notice if ``leader`` dies, and nobody else."""
        if self._vigil is not None:
            self._vigil.cancel()
            self._vigil = None
        if leader is not None and leader.candidate != self._me.candidate:
            self._vigil = asyncio.create_task(self._bury(leader), name="cutpoint vigil")

    async def _bury(self, leader: Leader) -> None:
        await wait_gone(leader.address)
        self._notices.add(
            "leader gone", f"{leader.candidate} leads and nobody listens at {leader.address} any more: it is dismissed"
        )
        with contextlib.suppress(RegistryError, ConfigurationError):  # then its lease has to run out
            await self._registry.dismiss(leader)
