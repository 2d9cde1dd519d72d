"""One leadership: drives the pure core of `cutpoint.protocol.coordination` on the event loop.

Events go into the core one at a time; the effects it gives back are started in their order. Time is the event
loop's clock. What takes time (the registry, the store) runs in tasks that end in an event. Ledger writes leave one
after the other through a single queue, each a transaction fenced by this leadership.

A driver ends once, for one reason: the leadership was lost, the registry could not be written to for too long, or
the core refused to go on. Then every agent's connection is closed, no event reaches the core any more, and whoever
runs the driver begins again with a new core.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

from cutpoint.errors import CutpointError, Damaged, Fenced, RegistryError, StoreError, StoreUnavailable
from cutpoint.names import BEGINNING, CutNumber, ProcessName
from cutpoint.protocol import coordinator_effects as ask
from cutpoint.protocol import coordinator_events as was
from cutpoint.protocol.coordination import Coordination
from cutpoint.protocol.holdups import HeldUp, LoopHeld
from cutpoint.protocol.ledger import FAMILIES, RecoveryPoint, from_records
from cutpoint.protocol.messages import Join, ToCoordinator
from cutpoint.protocol.policy import Policy
from cutpoint.registry import Conflict, Leadership, Registry, Transaction
from cutpoint.store import Backend, KeyRing
from cutpoint_coordinator.checking import check_parts, readers
from cutpoint_coordinator.hearing import Hearing
from cutpoint_coordinator.history import History
from cutpoint_coordinator.links import Link, Links
from cutpoint_coordinator.notices import Notices, now_utc
from cutpoint_coordinator.publishing import find_point, find_points, write_manifest
from cutpoint_coordinator.records import Records
from cutpoint_coordinator.requests import Request, Requests
from cutpoint_coordinator.settings import LOG_NAME, Settings

log = logging.getLogger(LOG_NAME)

T = TypeVar("T")

RETRY_SECONDS = 0.5
"""How long to wait before the registry or the store is asked again."""

RETRY_SECONDS_MAX = 10.0
"""How long to wait at most, after it has not answered again and again."""

STORE_THREADS = 2
"""How many threads wait for the store on behalf of cuts. They are theirs alone: who reads the API can take none."""

_LOUD = (
    "cut abandoned",
    "cuts fail",
    "process does not fit",
    "recovery point damaged",
    "recovery failed",
    "recovery waits",
    "connection refused",
)


class UnreadableLedger(RegistryError):
    """The registry answers, and what it holds cannot be read by this version. Trying again does not help."""


class Driver:
    """Drives ``core`` while ``leadership`` stands. Belongs to the event loop that it was made on."""

    def __init__(
        self,
        *,
        core: Coordination,
        registry: Registry,
        leadership: Leadership,
        backend: Backend,
        settings: Settings,
        notices: Notices,
        keys: KeyRing | None = None,
    ) -> None:
        self.core = core
        self.ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._loop = asyncio.get_running_loop()
        self._registry = registry
        self._leadership = leadership
        self.fence = leadership.fence
        self.records = Records(
            registry,
            leadership,
            patience_seconds=settings.registry_patience_seconds,
            despair=self.end,
            trouble=self._registry_trouble,
        )
        self._backend = backend
        self._keys = keys
        self._settings = settings
        self._notices = notices
        self._links = Links()
        self.history = History(coordinator=leadership.candidate)
        self._requests = Requests(author=leadership.candidate)
        self._events: deque[was.Event] = deque()
        self._hearing = Hearing(self.step)
        self._checking = asyncio.Lock()
        self._readers = readers()
        self._threads = ThreadPoolExecutor(STORE_THREADS, thread_name_prefix="cutpoint-cut")
        self._stepping = False
        self._writes: asyncio.Queue[ask.WriteLedger] = asyncio.Queue()
        self._tasks: dict[asyncio.Task[None], None] = {}
        self._timers: dict[asyncio.TimerHandle, None] = {}
        self._wake: asyncio.TimerHandle | None = None
        self._cut_open = self.occupied = False
        self.quiet = asyncio.Event()
        self.quiet.set()
        self.on_cut_end: list[Callable[[], None]] = []
        self.on_ledger: list[Callable[[], None]] = []
        self._starters = self._table()

    def _table(self) -> dict[type[ask.Effect], Callable[[Any], None]]:
        return {
            ask.Say: lambda effect: self._links.say(effect.connection, effect.message),
            ask.Disconnect: lambda effect: self._links.end(effect.connection, effect.reason),
            ask.WriteLedger: self._writes.put_nowait,
            ask.CheckParts: lambda effect: self._spawn(self._check_parts(effect)),
            ask.WriteManifest: lambda effect: self._spawn(self._write_manifest(effect)),
            ask.FindManifest: lambda effect: self._spawn(self._find_manifest(effect)),
            ask.SetDeadline: lambda e: self._later(e.seconds, lambda: was.DeadlinePassed(now=self._now(), cut=e.cut)),
            ask.SetTimer: self._set_timer,
            ask.RetryCut: lambda e: self._later(e.seconds, lambda: was.CutRetryDue(now=self._now())),
            ask.WatchRecovery: lambda e: self._later(
                e.seconds, lambda: was.RecoveryOverdue(now=self._now(), incarnation=e.incarnation)
            ),
            ask.Answer: lambda effect: self._requests.answer(effect.request, effect.outcome),
            ask.Notice: self._notice,
        }

    # ----------------------------------------------------------------------------------------------- from outside

    async def load(self) -> None:
        """Read the ledger and hand it to the core. Raises `RegistryError`, of which `UnreadableLedger` stays."""
        families = await asyncio.gather(*(self._registry.scan(family) for family in FAMILIES))
        records = {record.key: record.value for family in families for record in family}
        try:
            ledger = from_records(records, computation=self._settings.computation)
        except RegistryError as error:
            raise UnreadableLedger(str(error)) from error
        for complaint in await self.history.load(self._registry):
            self._notices.add("history incomplete", complaint, level=logging.WARNING)
        is_new = not ledger.computation.request
        last_stored, stored = await self._stored() if is_new else (BEGINNING, tuple[RecoveryPoint, ...]())
        self._spawn(self._write_ledger())
        self._spawn(self._watch_leadership())
        self.step(was.LedgerLoaded(now=self._now(), ledger=ledger, last_stored=last_stored, stored=stored))

    async def _stored(self) -> tuple[CutNumber, tuple[RecoveryPoint, ...]]:
        """What the store has, for a registry that knows nothing: the highest number, and the recovery points."""
        found = await self._until_answered(
            lambda: find_points(self._backend, self._settings.computation, self._keys), StoreError
        )
        for complaint in found.complaints:
            self._notices.add("manifest damaged", complaint, level=logging.WARNING)
        if found.last:
            taken = (
                f"its {len(found.points)} recovery points are taken over" if found.points else "it has no point of ours"
            )
            text = f"the registry is new and the store is not: {taken}, and numbers go on there, after {found.last}"
            self._notices.add("registry is new", text, level=logging.WARNING)
        return found.last, found.points

    def step(self, event: was.Event) -> None:
        """Give ``event`` to the core and start what it asks for. Dropped once the driver has ended.

        What agents have said before it comes before it.
        """
        if (heard := self._hearing.take()) is not None:
            self._events.append(heard)
        self._events.append(event)
        if self._stepping:
            return
        self._stepping = True
        try:
            while self._events and not self.ended.done():
                for effect in self.core.step(self._events.popleft()):
                    self._starters[type(effect)](effect)
        except Exception:
            log.exception("the core failed for an unforeseen reason; it is thrown away and begins anew")
            self.end("the coordinator's core failed")
        finally:
            self._stepping = False
        self.occupied = self.core.occupied
        if self.occupied:
            self.quiet.clear()
        else:
            self.quiet.set()
        was_open, self._cut_open = self._cut_open, bool(self.core.ledger.computation.open_cut)
        if was_open and not self._cut_open:
            for tell in self.on_cut_end:
                tell()

    def connect(self, join: Join) -> tuple[int, Link]:
        """An agent has connected and said ``join``."""
        connection, link = self._links.open(join.process, join.life)
        self.step(was.AgentConnected(now=self._now(), connection=connection, join=join))
        return connection, link

    def said(self, connection: int, message: ToCoordinator) -> None:
        """An agent has said something. What agents say in one turn of the event loop reaches the core as one event."""
        self._hearing.said(connection, message)

    def loop_held(self, held: LoopHeld) -> bool:
        """A process's event loop is held, its thread says. False if it is not connected, or no cut is open."""
        connection, cut = self._links.of(held.process, held.life), self.core.ledger.computation.open_cut
        if connection is not None and cut:
            self.said(connection, HeldUp(cut=cut, by=held.what.text, what=(held.what,)))
        return connection is not None and bool(cut)

    def lost(self, connection: int) -> None:
        """An agent's connection is gone."""
        if self._links.close(connection):
            self.step(was.AgentLost(now=self._now(), connection=connection))

    def request_cut(self, key: str = "") -> Request:
        """Ask for a cut; with the ``key`` of a request that waits already, that one."""
        if (waiting := self._requests.find(key)) is not None:
            return waiting
        name, request = self._requests.draw(key)
        self.step(was.CutRequested(now=self._now(), request=name))
        return request

    def request_recovery(self, target: CutNumber | None) -> Request:
        """Ask to go back to ``target`` (None: the last recovery point; 0: the beginning)."""
        name, request = self._requests.draw()
        self.step(was.RecoveryRequested(now=self._now(), request=name, target=target))
        return request

    def request_release(self, process: ProcessName) -> Request:
        """Ask to go on without ``process``, which is gone."""
        name, request = self._requests.draw()
        self.step(was.ReleaseRequested(now=self._now(), request=name, process=process))
        return request

    def request_forget(self, *cuts: CutNumber) -> Request:
        """Ask to forget recovery points that retention keeps no longer."""
        name, request = self._requests.draw()
        self.step(was.ForgetRequested(now=self._now(), request=name, cuts=cuts))
        return request

    def follow(self, policy: Policy) -> None:
        """Another policy holds from now on."""
        self.step(was.PolicyChanged(now=self._now(), policy=policy))

    def end(self, reason: str) -> None:
        """Stop for good: no event reaches the core any more, every agent's connection is closed."""
        if self.ended.done():
            return
        self.ended.set_result(reason)
        self.records.end(reason)
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        if self._wake is not None:
            self._wake.cancel()
        self._links.end_all(f"this coordinator stopped leading ({reason}); connect again")
        for task in self._tasks:
            task.cancel()
        self._readers.shutdown(wait=False, cancel_futures=True)
        self._requests.fail_all(f"this coordinator stopped leading ({reason})")

    async def close(self, reason: str) -> None:
        """End, and wait until nothing of this driver runs any more."""
        self.end(reason)
        current = asyncio.current_task()
        tasks = [task for task in self._tasks if task is not current]
        if tasks:
            await asyncio.wait(tasks)
        self._threads.shutdown(wait=False)

    # -------------------------------------------------------------------------------------------- effects, at once

    def _notice(self, effect: ask.Notice) -> None:
        level = logging.WARNING if effect.kind in _LOUD else logging.INFO
        self._notices.add(effect.kind, effect.text, effect.fields, level=level)

    def _later(self, seconds: float, event: Callable[[], was.Event]) -> None:
        def fire() -> None:
            self._timers.pop(timer, None)
            self.step(event())

        timer = self._loop.call_later(seconds, fire)
        self._timers[timer] = None

    def _set_timer(self, effect: ask.SetTimer) -> None:
        if self._wake is not None:
            self._wake.cancel()
        self._wake = self._loop.call_later(effect.seconds, lambda: self.step(was.IntervalElapsed(now=self._now())))

    # --------------------------------------------------------------------------------------- effects that take time

    async def _write_ledger(self) -> None:
        while not self.ended.done():
            effect = await self._writes.get()
            entry = None if effect.story is None else self.history.entry(effect.story)
            puts, deletes = (effect.puts, effect.deletes) if entry is None else entry.beside(effect)
            transaction = Transaction(request=effect.request, puts=puts, deletes=deletes)
            began = self._loop.time()
            give_up_at = self._loop.time() + self._settings.registry_patience_seconds
            while True:
                if await self._commit(transaction, give_up_at):
                    break
                await asyncio.sleep(RETRY_SECONDS)
            if entry is not None and not self.ended.done():
                self.history.written(entry, registry_seconds=self._loop.time() - began)
            self.step(was.LedgerWritten(now=self._now(), request=effect.request))
            for tell in tuple(self.on_ledger):
                tell()

    async def _commit(self, transaction: Transaction, give_up_at: float) -> bool:
        """Whether the registry has taken ``transaction``; ends the driver where it never will."""
        try:
            answer = await self._registry.commit(self._leadership, transaction)
        except Fenced as error:
            self.end(str(error))
            return True
        except CutpointError as error:  # one that lets nobody in may do so again
            self._registry_trouble(error)
            if self._loop.time() >= give_up_at:
                self.end(str(error))
            return False
        if isinstance(answer, Conflict):  # nothing was expected of any key: somebody else's rules apply here
            self.end(f"the registry refused a change of {answer.key}")
        return True

    def _registry_trouble(self, error: CutpointError) -> None:
        self._notices.add("registry unreachable", f"{error} Trying again.", level=logging.WARNING)

    async def _watch_leadership(self) -> None:
        self.end(await self._registry.lost(self._leadership))

    async def _check_parts(self, effect: ask.CheckParts) -> None:
        what = (self._backend, self._settings.computation, effect.parts, self._keys)
        check = partial(check_parts, *what, readers=self._readers)
        async with self._checking:
            complaints, length = await self._loop.run_in_executor(self._threads, check)
        self.step(was.PartsChecked(now=self._now(), cut=effect.cut, complaints=complaints, in_flight_bytes=length))

    async def _write_manifest(self, effect: ask.WriteManifest) -> None:
        cut, created = effect.point.cut, now_utc()
        try:
            written = await self._until_answered(
                lambda: write_manifest(self._backend, effect, self._keys, created=created), StoreUnavailable
            )
        except CutpointError as error:
            self.step(was.ManifestFailed(now=self._now(), cut=cut, reason=str(error)))
            return
        self.step(
            was.ManifestWritten(
                now=self._now(), cut=cut, digest=written.digest, bytes=written.bytes, created=written.created
            )
        )

    async def _find_manifest(self, effect: ask.FindManifest) -> None:
        try:
            point = await self._until_answered(lambda: find_point(self._backend, effect.cut, self._keys), StoreError)
        except Damaged as error:
            self._notices.add("manifest damaged", str(error), level=logging.WARNING)
            point = None
        self.step(was.ManifestFound(now=self._now(), cut=effect.cut, point=point))

    async def _until_answered(self, ask_store: Callable[[], T], open_outcome: type[StoreError]) -> T:
        """Ask the store, on a thread, until it answers: ``open_outcome`` says nothing but that nobody knows.

        Damage is an answer.
        """
        pause = RETRY_SECONDS
        while True:
            try:
                return await self._loop.run_in_executor(self._threads, ask_store)
            except Damaged:
                raise
            except open_outcome as error:
                self._notices.add("store unreachable", f"{error}. Trying again.", level=logging.WARNING)
                await asyncio.sleep(pause)
                pause = min(2 * pause, RETRY_SECONDS_MAX)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks[task] = None
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.pop(task, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("the coordinator failed for an unforeseen reason; it begins anew", exc_info=error)
            self.end(f"the coordinator failed ({type(error).__name__})")

    def _now(self) -> float:
        return self._loop.time()
