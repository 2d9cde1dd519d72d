"""How long the registry and the store take, and how often they fail: wrappers with their own interfaces."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from cutpoint.errors import Fenced, ObjectExists, ObjectMissing
from cutpoint.registry import Committed, Conflict, Leader, Leadership, Record, Registry, Transaction
from cutpoint.store import Backend

T = TypeVar("T")

Observe = Callable[[str, float, bool], None]
"""Hears of every call: its name, how long it took in seconds, and whether it has failed. On any thread."""

_ANSWERS = (Fenced, ObjectMissing, ObjectExists)
"""Raised, and yet no failure of whoever was asked."""


class MeasuredRegistry:
    """``inner`` with every read and write told to ``observe``."""

    def __init__(self, inner: Registry, observe: Observe) -> None:
        self.inner = inner
        self._observe = observe

    async def campaign(self, candidate: str, *, ttl_seconds: float, address: str) -> Leadership:
        """As the registry does it; how long that takes says nothing."""
        return await self.inner.campaign(candidate, ttl_seconds=ttl_seconds, address=address)

    async def leader(self) -> Leader | None:
        """Timed."""
        return await self._timed("leader", self.inner.leader())

    async def wait_leader_change(self, known: Leader | None) -> Leader | None:
        """As the registry does it."""
        return await self.inner.wait_leader_change(known)

    async def dismiss(self, leader: Leader) -> None:
        """As the registry does it."""
        await self.inner.dismiss(leader)

    async def lost(self, leadership: Leadership) -> str:
        """As the registry does it."""
        return await self.inner.lost(leadership)

    async def resign(self, leadership: Leadership) -> None:
        """As the registry does it."""
        await self.inner.resign(leadership)

    async def read(self, key: str) -> Record | None:
        """Timed."""
        return await self._timed("read", self.inner.read(key))

    async def scan(self, prefix: str) -> tuple[Record, ...]:
        """Timed."""
        return await self._timed("scan", self.inner.scan(prefix))

    async def commit(self, leadership: Leadership, transaction: Transaction) -> Committed | Conflict:
        """Timed."""
        return await self._timed("commit", self.inner.commit(leadership, transaction))

    async def close(self) -> None:
        """As the registry does it."""
        await self.inner.close()

    async def _timed(self, call: str, answer: Awaitable[T]) -> T:
        began, failed = time.perf_counter(), False
        try:
            return await answer
        except Exception as error:
            failed = not isinstance(error, _ANSWERS)
            raise
        finally:
            self._observe(call, time.perf_counter() - began, failed)


class MeasuredBackend:
    """``inner`` with every call told to ``observe``."""

    def __init__(self, inner: Backend, observe: Observe) -> None:
        self.inner = inner
        self._observe = observe

    @property
    def url(self) -> str:
        """The store's."""
        return self.inner.url

    def create(self, name: str, data: bytes) -> None:
        """Timed."""
        self._timed("create", lambda: self.inner.create(name, data))

    def read(self, name: str, *, bytes_max: int | None = None) -> bytes:
        """Timed."""
        return self._timed("read", lambda: self.inner.read(name, bytes_max=bytes_max))

    def read_range(self, name: str, start: int, length: int) -> bytes:
        """Timed."""
        return self._timed("read", lambda: self.inner.read_range(name, start, length))

    def size(self, name: str) -> int | None:
        """Timed."""
        return self._timed("size", lambda: self.inner.size(name))

    def list(self, prefix: str) -> tuple[str, ...]:
        """Timed."""
        return self._timed("list", lambda: self.inner.list(prefix))

    def sizes(self, prefix: str) -> tuple[tuple[str, int], ...]:
        """Timed."""
        return self._timed("list", lambda: self.inner.sizes(prefix))

    def delete(self, name: str) -> None:
        """Timed."""
        self._timed("delete", lambda: self.inner.delete(name))

    def check_writable(self) -> None:
        """Timed."""
        self._timed("check", self.inner.check_writable)

    def _timed(self, call: str, made: Callable[[], T]) -> T:
        began, failed = time.perf_counter(), False
        try:
            return made()
        except Exception as error:
            failed = not isinstance(error, _ANSWERS)
            raise
        finally:
            self._observe(call, time.perf_counter() - began, failed)
