"""Keeping a second location in step while this coordinator leads, and saying how far it is behind.

What is copied and how is decided in `cutpoint.store.replicate`. A round follows every cut; what fails is told and tried
again, after growing pauses, for as long as the leadership lasts. How far the replica is behind is known from what it
had when it last answered and from what the registry says was published since, so it is told also while the replica
is out of reach. A replica that has been waiting for a point for too long is warned of, once, and so is its return.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from datetime import datetime
from typing import TYPE_CHECKING

from cutpoint.errors import CutpointError
from cutpoint.names import CutNumber
from cutpoint.protocol.ledger import RecoveryPoint
from cutpoint.store import Backend, list_manifests
from cutpoint.store.caching import uncached
from cutpoint.store.pacing import Pace
from cutpoint.store.replicate import Lag, Replicator, Round
from cutpoint_coordinator.answers import ReplicaStatus
from cutpoint_coordinator.notices import Notices, now_utc

if TYPE_CHECKING:
    from cutpoint.store.keys import KeyRing
    from cutpoint_coordinator.driver import Driver

RETRY_SECONDS = 1.0
RETRY_SECONDS_MAX = 30.0
"""How long to wait after a round that failed, at first and at most."""

REST_SECONDS = 60.0
"""How often it is looked, without a cut, whether something is to be copied: labels and pins are, too."""

WATCH_SECONDS = 1.0
"""How often it is looked whether the replica is too far behind."""


class Replicating:
    """Keeps ``replica`` in step with ``source``; warns after ``lag_seconds``. ``keys``: those that verify."""

    def __init__(
        self,
        *,
        driver: Driver,
        source: Backend,
        replica: Backend,
        keys: KeyRing | None,
        notices: Notices,
        lag_seconds: float,
    ) -> None:
        self._driver = driver
        self._source = uncached(source)
        self._replica = uncached(replica)
        self._keys = keys
        self._notices = notices
        self._lag_seconds = lag_seconds
        self._stop = threading.Event()
        self._due = asyncio.Event()
        self._has: frozenset[CutNumber] | None = None
        self._complaints: tuple[str, ...] = ()
        self._failure = ""
        self._copied_at = ""
        self._exact: tuple[frozenset[CutNumber], Lag] | None = None
        self._warned = False
        driver.on_cut_end.append(self._due.set)

    async def run(self) -> None:
        """Copy what is new, again and again, until cancelled."""
        watch = asyncio.create_task(self._watch(), name="cutpoint lag")
        pause = RETRY_SECONDS
        try:
            while not self._stop.is_set():
                self._due.clear()
                if await self._round():
                    pause = RETRY_SECONDS
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(REST_SECONDS):
                            await self._due.wait()
                else:
                    await asyncio.sleep(pause)
                    pause = min(2 * pause, RETRY_SECONDS_MAX)
        finally:
            watch.cancel()
            await asyncio.wait((watch,))

    def stop(self) -> None:
        """Take no further step."""
        self._stop.set()

    def status(self) -> ReplicaStatus:
        """How far it is behind now."""
        missing = self._missing()
        return ReplicaStatus(
            url=self._replica.url,
            lag_points=len(missing),
            lag_bytes=self._bytes(missing),
            lag_seconds=self._seconds_behind(missing),
            waiting_seconds=self._waiting_seconds(missing),
            copied_at=self._copied_at,
            complaints=self._complaints,
            failure=self._failure,
        )

    # --------------------------------------------------------------------------------------------------- inside

    async def _round(self) -> bool:
        """Copy what is missing; whether the replica is in step, but for what cannot be copied."""
        try:
            has, done = await asyncio.to_thread(self._copy)
        except CutpointError as error:
            if str(error) != self._failure and not self._stop.is_set():
                text = f"the replica is not in step: {error}; what was copied stays, it is tried again"
                self._notices.add("replica out of reach", text, level=logging.WARNING)
            self._failure = str(error)
            return False
        if self._failure:
            self._notices.add("replica reached", f"the replica {self._replica.url} answers again")
        self._failure, self._has, self._copied_at = "", has, now_utc()
        self._exact = frozenset(self._missing()), done.lag
        for complaint in done.complaints:
            if complaint not in self._complaints:
                self._notices.add("replica incomplete", complaint, level=logging.WARNING)
        self._complaints = done.complaints
        if done.points:
            what = f"{len(done.points)} recovery points, {done.bytes} bytes, up to {done.points[-1]}"
            fields = {"points": len(done.points), "bytes": done.bytes}
            self._notices.add("replica in step", f"copied to {self._replica.url}: {what}", fields)
        return True

    def _copy(self) -> tuple[frozenset[CutNumber], Round]:
        """One round, on a thread: what the replica has then."""
        replicator = Replicator(
            source=self._source, replica=self._replica, keys=self._keys, pace=Pace(stop=self._stop.is_set)
        )
        done = replicator.round()
        return frozenset(list_manifests(self._replica)), done

    def _missing(self) -> dict[CutNumber, RecoveryPoint]:
        """The recovery points that the replica is not known to have, ascending."""
        points = self._driver.core.ledger.points
        return {cut: points[cut] for cut in sorted(points) if self._has is None or cut not in self._has}

    def _bytes(self, missing: dict[CutNumber, RecoveryPoint]) -> int:
        """Exactly what was missing when the replica last answered, and what later cuts have written."""
        known, exact = self._exact or (frozenset[CutNumber](), Lag(points=0, bytes=0, seconds=None))
        if not known & missing.keys():
            exact = Lag(points=0, bytes=0, seconds=None)
        return exact.bytes + sum(point.fresh_bytes for cut, point in missing.items() if cut not in known)

    def _seconds_behind(self, missing: dict[CutNumber, RecoveryPoint]) -> float | None:
        if not missing:
            return 0.0
        points = self._driver.core.ledger.points
        have = [cut for cut in points if cut not in missing]
        if not have:
            return None
        newest = max(missing)
        if newest < max(have):
            return 0.0
        return max(0.0, _moment(points[newest]) - _moment(points[max(have)]))

    def _waiting_seconds(self, missing: dict[CutNumber, RecoveryPoint]) -> float:
        if not missing:
            return 0.0
        return round(max(0.0, time.time() - _moment(missing[min(missing)])), 3)

    async def _watch(self) -> None:
        """Warn of a replica that waits for too long, and say when it no longer does."""
        while True:
            status = self.status()
            late = status.waiting_seconds > self._lag_seconds
            if late and not self._warned:
                why = status.failure or (
                    status.complaints[0] if status.complaints else "copying takes longer than cuts"
                )
                text = (
                    f"the replica {status.url} is behind: it has been waiting for {status.lag_points} recovery points, "
                    f"{status.lag_bytes} bytes, for {status.waiting_seconds:.0f} s; {why}"
                )
                fields = {"points": status.lag_points, "bytes": status.lag_bytes}
                self._notices.add("replica behind", text, fields, level=logging.WARNING)
            elif self._warned and not late:
                self._notices.add("replica in step", f"the replica {status.url} is in step again")
            self._warned = late
            await asyncio.sleep(WATCH_SECONDS)


def _moment(point: RecoveryPoint) -> float:
    """When a recovery point was made, in seconds since 1970."""
    try:
        return datetime.fromisoformat(point.created).timestamp()
    except ValueError:
        return 0.0
