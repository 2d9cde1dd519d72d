"""Collecting the store while this coordinator leads: after cuts, never during them, and on demand.

What is decided is decided in `cutpoint.store.collect`; here its questions are answered: which points must stay, which
cut has begun, which manifests belong to cuts that were abandoned. Before a manifest goes, the core makes the registry
forget the recovery point, or refuses. It works on a thread and waits there while a cut or a recovery is under way
(for a while: who takes cuts without a pause has to be collected too).

It ends with the leadership: what it has begun then, the next leader's collection finishes.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from cutpoint.errors import CutpointError, StoreError
from cutpoint.names import CutNumber
from cutpoint.protocol.coordinator_effects import Forgotten
from cutpoint.store import Backend
from cutpoint.store.caching import uncached
from cutpoint.store.collect import Collected, Collector
from cutpoint.store.pacing import Pace
from cutpoint.store.retention import Policy
from cutpoint_coordinator.answers import CollectionStatus, LastCollection
from cutpoint_coordinator.notices import Notices, now_utc
from cutpoint_coordinator.patience import Patience
from cutpoint_coordinator.requests import NotLeading
from cutpoint_coordinator.upkeep import CollectionAnswer, collected_answer, plan_answer

if TYPE_CHECKING:
    from cutpoint.store.keys import KeyRing
    from cutpoint_coordinator.driver import Driver

SHARE = 0.1
"""How much of the time may go into collections that nobody has asked for."""


class Collecting:
    """Collects by ``policy``, if there is one, at most every ``every_seconds``; deletes ``per_second`` objects."""

    def __init__(
        self,
        *,
        driver: Driver,
        backend: Backend,
        keys: KeyRing | None,
        notices: Notices,
        policy: Policy | None,
        every_seconds: float,
        per_second: float,
        by: str,
    ) -> None:
        self.policy = policy
        self._driver = driver
        self._backend = uncached(backend)
        self._keys = keys
        self._notices = notices
        self._every_seconds = every_seconds
        self._per_second = per_second
        self._by = by
        self._loop = asyncio.get_running_loop()
        self._lock = asyncio.Lock()
        self._stop = threading.Event()
        self._changed = asyncio.Event()
        self._due = asyncio.Event()
        self._due.set()  # a former leader may have left something to do
        self._declared = asyncio.Event()
        if policy is not None:
            self._declared.set()
        self._running = False
        self._last: LastCollection | None = None
        driver.on_cut_end.append(self._due.set)

    async def run(self) -> None:
        """Collect after cuts until cancelled; without a policy, not until there is one."""
        while not self._stop.is_set():
            await self._declared.wait()
            await self._due.wait()
            self._due.clear()
            await self._driver.quiet.wait()
            if self.policy is None:
                continue
            self._changed.clear()
            began = self._loop.time()
            try:
                await self.collect(self.policy, by=self._by)
            except NotLeading:
                return
            except CutpointError:
                self._due.set()  # it was told; another try
            took = self._loop.time() - began
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(self._every_seconds, took / SHARE - took)):
                    await self._changed.wait()

    def follow(self, policy: Policy | None, *, every_seconds: float, per_second: float) -> None:
        """Another policy holds from now on; what it drops goes at the next opportunity."""
        changed = policy != self.policy
        self.policy, self._every_seconds, self._per_second = policy, every_seconds, per_second
        if policy is None:
            self._declared.clear()
            return
        self._declared.set()
        if changed:
            self._due.set()
            self._changed.set()

    async def plan(self, policy: Policy) -> CollectionAnswer:
        """What a collection would do now. Raises `StoreError`."""
        collector = self._collector(policy, by="", per_second=None)
        return plan_answer(await asyncio.to_thread(collector.plan))

    async def collect(self, policy: Policy, *, by: str, per_second: float | None = None) -> CollectionAnswer:
        """Collect now, after whoever is at it. Raises `StoreError`, and `NotLeading` when the leadership ends."""
        async with self._lock:
            self._running = True
            began = self._loop.time()
            collector = self._collector(policy, by=by, per_second=per_second or self._per_second)
            try:
                collected = await asyncio.to_thread(collector.run)
            except CutpointError as error:
                self._failed(str(error), self._loop.time() - began)
                raise
            finally:
                self._running = False
            if collected.stopped:
                raise NotLeading(
                    "this coordinator stopped leading in the midst of a collection; the next leader goes on"
                )
            self._ended(collected, self._loop.time() - began)
            return collected_answer(collected)

    def stop(self) -> None:
        """Take no further step."""
        self._stop.set()

    def status(self) -> CollectionStatus:
        """What is kept, and how the last collection went."""
        return CollectionStatus(policy=str(self.policy or ""), running=self._running, last=self._last)

    # --------------------------------------------------------------------------------------------------- inside

    def _collector(self, policy: Policy, *, by: str, per_second: float | None) -> Collector:
        core = self._driver.core
        ledger = core.ledger
        return Collector(
            backend=self._backend,
            policy=policy,
            by=by,
            at=datetime.fromtimestamp(time.time(), UTC),
            keys=self._keys,
            protected=core.needed(),
            void=dict.fromkeys(ledger.abandoned, "its cut was abandoned"),
            begun=ledger.computation.last_cut,
            forget=self._forget,
            pace=Pace(pause=Patience(lambda: self._driver.occupied), stop=self._stop.is_set, per_second=per_second),
        )

    def _forget(self, cut: CutNumber) -> bool:
        """Ask the core, from the thread of a collection, and wait until the registry has answered."""
        return asyncio.run_coroutine_threadsafe(self._ask_forget(cut), self._loop).result()

    async def _ask_forget(self, cut: CutNumber) -> bool:
        outcome = await self._driver.request_forget(cut).outcome
        if not isinstance(outcome, Forgotten):
            raise StoreError(f"recovery point {cut} could not be forgotten; it stays; ask again later")
        return cut in outcome.cuts

    def _ended(self, collected: Collected, seconds: float) -> None:
        complaints = collected.plan.complaints
        self._last = LastCollection(
            at=now_utc(),
            seconds=round(seconds, 6),
            dropped=collected.dropped,
            packs=collected.packs,
            bytes_freed=collected.bytes_freed,
            complaints=complaints,
        )
        if collected.dropped or collected.packs:
            what = f"{len(collected.dropped)} recovery points and {collected.packs} packs are gone"
            fields = {"points": len(collected.dropped), "packs": collected.packs, "bytes": collected.bytes_freed}
            self._notices.add("store collected", f"{what}, {collected.bytes_freed} bytes", fields)
        if complaints:
            text = f"{complaints[0]}; whatever that may need was kept; `cutpoint verify` says what is damaged"
            self._notices.add("collection incomplete", text, level=logging.WARNING)

    def _failed(self, why: str, seconds: float) -> None:
        if self._stop.is_set():
            return
        self._last = LastCollection(at=now_utc(), seconds=round(seconds, 6), failed=why)
        text = f"the store was not collected: {why}; nothing that is needed was touched; it is tried again"
        self._notices.add("collection failed", text, level=logging.WARNING)
