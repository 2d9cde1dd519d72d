"""The three registries as the suite wants them, and a way to look into etcd from outside."""

from __future__ import annotations

import asyncio
import itertools
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from cutpoint.errors import CutpointError
from cutpoint.registry import Leadership, Registry
from cutpoint.testing.registry_suite import TTL_SECONDS
from cutpoint_coordinator.registry.embedded import EmbeddedRegistry
from cutpoint_coordinator.registry.etcd import EtcdRegistry
from cutpoint_coordinator.registry.etcd_client import Credentials, EtcdClient, Item, Unanswered
from cutpoint_coordinator.registry.locate import parse_etcd_url
from cutpoint_coordinator.registry.memory import MemoryRegistry

A = TypeVar("A")
T = TypeVar("T")
_PREFIXES = itertools.count(1)


class MemorySubject:
    ttl_seconds = TTL_SECONDS

    def __init__(self) -> None:
        self.registry = MemoryRegistry()

    async def connect(self) -> Registry:
        return self.registry

    async def vanish(self, leadership: Leadership) -> None:
        self.registry.expire(leadership)

    async def close(self) -> None:
        await self.registry.close()


class EmbeddedSubject:
    """`vanish` takes the lock file away, as a candidate does that has found the leader hanging."""

    ttl_seconds = TTL_SECONDS

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.opened: list[EmbeddedRegistry] = []

    async def connect(self) -> EmbeddedRegistry:
        self.opened.append(await EmbeddedRegistry.open(self.directory))
        return self.opened[-1]

    async def vanish(self, leadership: Leadership) -> None:
        (self.directory / f"{leadership.fence}.leader").unlink()

    async def close(self) -> None:
        for registry in self.opened:
            await registry.close()


class EtcdSubject:
    """`vanish` revokes the lease behind the leader's back, as etcd may do after its own leader was paused."""

    def __init__(self, url: str, *, patience_seconds: float = 10.0, ttl_seconds: float = TTL_SECONDS) -> None:
        assert urlsplit(url).scheme == "etcd"
        self.endpoints, settings = parse_etcd_url(url)
        self.credentials = Credentials(**settings)
        self.ttl_seconds = ttl_seconds
        self.prefix = f"/cutpoint/test-{next(_PREFIXES)}/"
        self.patience_seconds = patience_seconds
        self.opened: list[EtcdRegistry] = []
        self.outside = EtcdClient(self.endpoints, self.credentials)

    async def connect(self) -> EtcdRegistry:
        registry = EtcdRegistry(
            self.endpoints, prefix=self.prefix, credentials=self.credentials, patience_seconds=self.patience_seconds
        )
        self.opened.append(registry)
        return registry

    async def vanish(self, leadership: Leadership) -> None:
        item = await self._insist(self.outside.get, f"{self.prefix}leader")
        if item is None or item.created != leadership.fence:
            raise CutpointError("the leadership that should vanish does not stand")
        await self._insist(self.outside.revoke, item.lease)

    async def _insist(self, ask: Callable[[A], T], about: A) -> T:
        """Ask until etcd answers: its members may be killed meanwhile."""
        while True:
            try:
                return await asyncio.to_thread(ask, about)
            except Unanswered:
                await asyncio.sleep(0.05)

    async def item(self, key: str) -> Item | None:
        """What etcd holds for a record."""
        return await asyncio.to_thread(self.outside.get, f"{self.prefix}records/{key}")

    async def close(self) -> None:
        for registry in self.opened:
            await registry.close()
        self.outside.close()


Subject = MemorySubject | EmbeddedSubject | EtcdSubject


class CandidateProcess:
    """``candidate.py`` (or another ``program``) in a process of its own, and what it has said."""

    def __init__(self, url: str, ttl_seconds: float, *, program: str = "candidate.py") -> None:
        command = [sys.executable, str(Path(__file__).with_name(program)), url, str(ttl_seconds)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.fence = int(self.expect("leads"))

    def line(self) -> list[str]:
        assert self.process.stdout is not None
        return self.process.stdout.readline().split()

    def expect(self, word: str) -> str:
        """Read on to the next line that starts with ``word``; the rest of that line."""
        while line := self.line():
            if line[0] == word:
                return " ".join(line[1:])
        raise AssertionError(f"the candidate ended before it said {word!r}")

    def kill(self) -> list[list[str]]:
        """kill -9; everything that it had said and nobody had read."""
        self.process.kill()
        unread = []
        while line := self.line():
            unread.append(line)
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()
        return unread
