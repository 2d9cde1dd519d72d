"""A registry in one object, shared by all who hold it: for tests and for the simulator.

No threads, no clock, no randomness: candidates lead in the order in which they asked, and a lease ends only
when somebody says so with `MemoryRegistry.expire`. It is not durable and serves one event loop.
"""

from __future__ import annotations

import asyncio
from collections import deque

import msgspec

from cutpoint_coordinator.registry.interface import (
    REMEMBERED_MAX,
    Committed,
    Conflict,
    Leader,
    Leadership,
    Record,
    Transaction,
    fenced,
)


class MemoryRegistryStatistics(msgspec.Struct, frozen=True, kw_only=True):
    """Counts at one moment."""

    revision: int
    records: int
    candidates_waiting: int
    leaderships: int
    committed: int
    conflicts: int
    refused: int


class MemoryRegistry:
    """Records in a dict, candidates in a queue. One object is the whole registry; share it to share the registry."""

    def __init__(self) -> None:
        self._records: dict[str, Record] = {}
        self._applied: dict[str, int] = {}
        self._revision = 0
        self._standing: tuple[Leadership, Leader] | None = None
        self._waiting: deque[tuple[Leader, asyncio.Future[Leadership]]] = deque()
        self._endings: dict[int, asyncio.Future[str]] = {}
        self._ended: dict[int, str] = {}
        self._changed = asyncio.Event()
        self._leaderships = self._committed = self._conflicts = self._refused = 0

    async def campaign(self, candidate: str, *, ttl_seconds: float, address: str) -> Leadership:
        """See `Registry.campaign`. ``ttl_seconds`` has no effect: time does not pass here."""
        seeker = Leader(candidate, address)
        if self._standing is None:
            return self._install(seeker)
        turn: asyncio.Future[Leadership] = asyncio.get_running_loop().create_future()
        self._waiting.append((seeker, turn))
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                self._waiting = deque(entry for entry in self._waiting if entry[1] is not turn)
            else:
                self._end(turn.result(), f"{candidate} withdrew")
            raise

    async def leader(self) -> Leader | None:
        """See `Registry.leader`."""
        return self._standing[1] if self._standing is not None else None

    async def wait_leader_change(self, known: Leader | None) -> Leader | None:
        """See `Registry.wait_leader_change`."""
        while (leader := await self.leader()) == known:
            await self._changed.wait()
        return leader

    async def dismiss(self, leader: Leader) -> None:
        """See `Registry.dismiss`."""
        if self._standing is not None and self._standing[1] == leader:
            self._end(self._standing[0], f"{leader.candidate} was dismissed")

    async def lost(self, leadership: Leadership) -> str:
        """See `Registry.lost`."""
        if self._holds(leadership):
            ending = self._endings.get(leadership.fence)
            if ending is None:
                ending = self._endings[leadership.fence] = asyncio.get_running_loop().create_future()
            return await asyncio.shield(ending)
        return self._ended.get(leadership.fence, "the leadership has ended")

    async def resign(self, leadership: Leadership) -> None:
        """See `Registry.resign`."""
        self._end(leadership, f"{leadership.candidate} resigned")

    @property
    def standing(self) -> Leadership | None:
        """The leadership that stands, if there is one."""
        return self._standing[0] if self._standing is not None else None

    def expire(self, leadership: Leadership) -> None:
        """End ``leadership`` as if its holder had vanished and its lease had run out. Harmless if it has ended."""
        self._end(leadership, f"the lease of {leadership.candidate} has expired")

    async def read(self, key: str) -> Record | None:
        """See `Registry.read`."""
        return self._records.get(key)

    async def scan(self, prefix: str) -> tuple[Record, ...]:
        """See `Registry.scan`."""
        return tuple(self._records[key] for key in sorted(self._records) if key.startswith(prefix))

    async def commit(self, leadership: Leadership, transaction: Transaction) -> Committed | Conflict:
        """See `Registry.commit`. It never suspends, so no answer can be in doubt."""
        if not self._holds(leadership):
            self._refused += 1
            raise fenced(leadership, self._standing[1] if self._standing is not None else None)
        applied = self._applied.get(transaction.request)
        if applied is not None:
            return Committed(revision=applied)
        for key, revision in transaction.expected:
            record = self._records.get(key)
            if (record.revision if record is not None else 0) != revision:
                self._conflicts += 1
                return Conflict(key=key)
        self._revision += 1
        for key, value in transaction.puts:
            self._records[key] = Record(key=key, value=value, revision=self._revision)
        for key in transaction.deletes:
            self._records.pop(key, None)
        self._applied[transaction.request] = self._revision
        if len(self._applied) > REMEMBERED_MAX:
            del self._applied[next(iter(self._applied))]
        self._committed += 1
        return Committed(revision=self._revision)

    async def close(self) -> None:
        """Nothing to let go of: others may share this object. Resign, or `expire`, what should end."""

    def statistics(self) -> MemoryRegistryStatistics:
        """What has happened so far."""
        return MemoryRegistryStatistics(
            revision=self._revision,
            records=len(self._records),
            candidates_waiting=len(self._waiting),
            leaderships=self._leaderships,
            committed=self._committed,
            conflicts=self._conflicts,
            refused=self._refused,
        )

    def _holds(self, leadership: Leadership) -> bool:
        return self._standing is not None and self._standing[0] == leadership

    def _end(self, leadership: Leadership, reason: str) -> None:
        if not self._holds(leadership):
            return
        self._standing = None
        self._tell_change()
        self._ended[leadership.fence] = reason
        if len(self._ended) > REMEMBERED_MAX:
            del self._ended[next(iter(self._ended))]
        ending = self._endings.pop(leadership.fence, None)
        if ending is not None and not ending.done():
            ending.set_result(reason)
        while self._waiting:
            seeker, turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(self._install(seeker))
                return

    def _install(self, seeker: Leader) -> Leadership:
        self._revision += 1
        self._leaderships += 1
        leadership = Leadership(candidate=seeker.candidate, fence=self._revision)
        self._standing = (leadership, seeker)
        self._applied.clear()
        self._tell_change()
        return leadership

    def _tell_change(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()
