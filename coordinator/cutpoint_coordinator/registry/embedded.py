"""A registry in a directory of one machine: durable, with no server to run.

Records are in SQLite (write-ahead log, ``synchronous=FULL``: a commit that was acknowledged survives a power cut).
The leadership is a row with its fence, and a lock file named by the fence that the leader keeps locked: the
operating system lets go of the lock when the process dies, however it dies, so another candidate leads at once. A
leader that hangs keeps its lock but no longer touches the file; after ``ttl_seconds`` it is passed over. Either way
the fence, which is compared inside every commit, protects the records; the lock file only says how soon.

The directory must be on a local disk: locks on network file systems cannot be relied on. SQLite's calls run on one
thread of their own.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TypeVar

from cutpoint.errors import Fenced, RegistryError
from cutpoint_coordinator.registry.embedded_database import Candidacy, EmbeddedDatabase
from cutpoint_coordinator.registry.embedded_lock import LockFile
from cutpoint_coordinator.registry.interface import (
    DEFAULT_PATIENCE_SECONDS,
    DEFAULT_PREFIX,
    Committed,
    Conflict,
    Leader,
    Leadership,
    Record,
    Transaction,
)

T = TypeVar("T")

_POLL_SECONDS = 0.1
"""How often who waits for the leader to change looks: the operating system tells nobody that a lock is free."""


class _Term:
    """One leadership held through this object: its lock, kept warm by a thread, and who waits for its end."""

    def __init__(self, lock: LockFile, ttl_seconds: float) -> None:
        self._lock = lock
        self._pause = ttl_seconds / 4
        self._stopping = threading.Event()
        self._loop = asyncio.get_running_loop()
        self.ending: asyncio.Future[str] = self._loop.create_future()
        self._thread = threading.Thread(target=self._keep, name="cutpoint-lease", daemon=True)
        self._thread.start()

    def end(self, reason: str) -> None:
        """The leadership is over: let go of the lock, wake who waits."""
        self._stopping.set()
        self._thread.join()
        self._lock.release()
        if not self.ending.done():
            self.ending.set_result(reason)

    def _keep(self) -> None:
        while not self._stopping.wait(self._pause):
            if not self._lock.touch():
                with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                    self._loop.call_soon_threadsafe(self.end, "another coordinator has taken over")
                return


class EmbeddedRegistry:
    """See `cutpoint.registry.Registry`. Open it with `open`; belongs to the event loop that it was opened on."""

    def __init__(self, database: EmbeddedDatabase, thread: ThreadPoolExecutor) -> None:
        self._database = database
        self._thread = thread
        self._terms: dict[int, _Term] = {}
        self._closed = False

    @classmethod
    async def open(
        cls, directory: Path, *, prefix: str = DEFAULT_PREFIX, patience_seconds: float = DEFAULT_PATIENCE_SECONDS
    ) -> EmbeddedRegistry:
        """Open the registry in ``directory``, made if it is not there, of the computation with ``prefix``.

        Raises `ConfigurationError` if the directory cannot be written or belongs to another computation.
        """
        thread = ThreadPoolExecutor(1, thread_name_prefix="cutpoint-registry")
        opening = partial(EmbeddedDatabase, directory, prefix=prefix, patience_seconds=patience_seconds)
        try:
            database = await asyncio.get_running_loop().run_in_executor(thread, opening)
        except BaseException:
            thread.shutdown(wait=False)
            raise
        return cls(database, thread)

    async def campaign(self, candidate: str, *, ttl_seconds: float, address: str) -> Leadership:
        """See `Registry.campaign`."""
        candidacy = Candidacy(candidate=candidate, address=address, ttl_seconds=ttl_seconds)
        while True:
            attempt = asyncio.ensure_future(self._ask(partial(self._database.stand, candidacy)))
            try:
                won = await asyncio.shield(attempt)
            except asyncio.CancelledError:
                attempt.add_done_callback(_withdraw)
                raise
            if won is not None:
                leadership, lock = won
                if self._closed:
                    lock.release()
                    raise _closed()
                self._terms[leadership.fence] = _Term(lock, ttl_seconds)
                return leadership
            await asyncio.sleep(_POLL_SECONDS)

    async def leader(self) -> Leader | None:
        """See `Registry.leader`."""
        return await self._ask(self._database.leader)

    async def wait_leader_change(self, known: Leader | None) -> Leader | None:
        """See `Registry.wait_leader_change`."""
        while True:
            leader = await self.leader()
            if leader != known:
                return leader
            await asyncio.sleep(_POLL_SECONDS)

    async def dismiss(self, leader: Leader) -> None:
        """See `Registry.dismiss`."""
        await self._ask(partial(self._database.dismiss, leader))

    async def lost(self, leadership: Leadership) -> str:
        """See `Registry.lost`."""
        term = self._terms.get(leadership.fence)
        return await asyncio.shield(term.ending) if term is not None else "the leadership has ended"

    async def resign(self, leadership: Leadership) -> None:
        """See `Registry.resign`."""
        term = self._terms.pop(leadership.fence, None)
        if term is not None:
            try:
                await self._ask(partial(self._database.resign, leadership))
            finally:
                term.end(f"{leadership.candidate} resigned")

    async def read(self, key: str) -> Record | None:
        """See `Registry.read`."""
        return await self._ask(partial(self._database.read, key))

    async def scan(self, prefix: str) -> tuple[Record, ...]:
        """See `Registry.scan`."""
        return await self._ask(partial(self._database.scan, prefix))

    async def commit(self, leadership: Leadership, transaction: Transaction) -> Committed | Conflict:
        """See `Registry.commit`."""
        try:
            return await self._ask(partial(self._database.commit, leadership, transaction))
        except Fenced as ended:
            term = self._terms.pop(leadership.fence, None)
            if term is not None:
                term.end(str(ended))
            raise

    async def close(self) -> None:
        """See `Registry.close`."""
        if self._closed:
            return
        self._closed = True
        for term in tuple(self._terms.values()):
            term.end("the registry was closed")
        self._terms.clear()
        await asyncio.get_running_loop().run_in_executor(self._thread, self._database.close)
        self._thread.shutdown(wait=False)

    async def _ask(self, ask: Callable[[], T]) -> T:
        if self._closed:
            raise _closed()
        return await asyncio.get_running_loop().run_in_executor(self._thread, ask)


def _closed() -> RegistryError:
    return RegistryError("The registry was closed; nothing was changed; open it again.")


def _withdraw(attempt: asyncio.Future[tuple[Leadership, LockFile] | None]) -> None:
    """A campaign that was cancelled in the moment of winning gives up what it won."""
    if not attempt.cancelled() and attempt.exception() is None:
        won = attempt.result()
        if won is not None:
            won[1].release()
