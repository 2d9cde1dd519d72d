"""The event loop of one life of a simulated host: asyncio's own, over a simulated selector and virtual time.

Tasks, futures, transports, servers and streams are asyncio's. This loop is never run: `iterate` does what one turn of
a real loop does, whenever the simulation says so. Callbacks keep the order that asyncio documents; where ``shuffled``,
the tasks among those that are ready are stepped in an order of chance: no program may rely on another.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import sys
import threading
from asyncio import events, selector_events
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import TYPE_CHECKING, Any, NoReturn

from cutpoint_simulations.loop.selector import HostSelector
from cutpoint_simulations.refusal import not_simulated

if TYPE_CHECKING:
    from cutpoint_simulations.loop.host import Host

_CANCELLED_MIN = 100
_PRUNE_AT = 1000


class SimulatedFuture(asyncio.Future[Any]):
    """A future with a hash of its own number: a set of futures has the same order in every run."""

    def __init__(self, *, loop: HostLoop) -> None:
        super().__init__(loop=loop)
        self.serial = loop.next_serial()

    def __hash__(self) -> int:
        return self.serial


class SimulatedTask(asyncio.Task[Any]):
    """A task with a hash of its own number."""

    def __init__(self, coro: Coroutine[Any, Any, Any], *, loop: HostLoop, **options: Any) -> None:
        self.serial = loop.next_serial()
        super().__init__(coro, loop=loop, **options)

    def __hash__(self) -> int:
        return self.serial


class HostLoop(selector_events.BaseSelectorEventLoop):
    """The loop of ``host``. What the machine around it would have to do for real is refused."""

    _ready: deque[asyncio.Handle]
    _scheduled: list[asyncio.TimerHandle]
    _timer_cancelled_count: int
    _thread_id: int | None
    _selector: HostSelector

    def __init__(self, host: Host, selector: HostSelector, *, shuffled: bool) -> None:
        self.host = host
        self._serials = 0
        self._shuffled = shuffled
        self._tasks: list[SimulatedTask] = []
        self._prune_at = _PRUNE_AT
        super().__init__(selector)
        self.set_debug(False)
        self._thread_id = threading.get_ident()

    # -------------------------------------------------------------------------------------------------------- turns

    def iterate(self) -> int:
        """One turn: what the network and the clock have made ready, then every callback that is ready. How many."""
        ready = self._ready
        if self._selector.marked:
            self._process_events(self._selector.select(0))  # type: ignore[attr-defined]
        now = self.time()
        scheduled = self._scheduled
        while scheduled and (scheduled[0].when() <= now or scheduled[0].cancelled()):
            timer = heapq.heappop(scheduled)
            timer._scheduled = False  # type: ignore[attr-defined]
            if timer.cancelled():
                self._timer_cancelled_count -= 1
            else:
                ready.append(timer)
        count = len(ready)
        if count > 1 and self._shuffled:
            self._shuffle(ready)
        for _ in range(count):
            handle = ready.popleft()
            if not handle.cancelled():
                handle._run()
        return count

    def mark(self, descriptor: int) -> None:
        """The socket with this descriptor may have become ready."""
        self._selector.mark(descriptor)

    @property
    def wants_turn(self) -> bool:
        """Whether something is ready that does not have to wait for time to pass."""
        return bool(self._ready or self._selector.marked)

    @property
    def next_timer(self) -> float | None:
        """When the next timer is due, by the host's clock."""
        scheduled = self._scheduled
        if self._timer_cancelled_count > _CANCELLED_MIN and self._timer_cancelled_count > len(scheduled) // 2:
            for timer in scheduled:
                if timer.cancelled():
                    timer._scheduled = False  # type: ignore[attr-defined]
            self._scheduled = scheduled = [timer for timer in scheduled if not timer.cancelled()]
            heapq.heapify(scheduled)
            self._timer_cancelled_count = 0
        return scheduled[0].when() if scheduled else None

    def _shuffle(self, ready: deque[asyncio.Handle]) -> None:
        """Step the ready tasks in another order, but none before a callback that became ready before it."""
        handles = list(ready)
        ready.clear()
        for step, found in itertools.groupby(handles, _is_step):
            run = list(found)
            if step and len(run) > 1:
                self.host.chance.shuffle(run)
            ready.extend(run)

    # ---------------------------------------------------------------------------------------- what asyncio asks of it

    def time(self) -> float:
        """Seconds by the host's steady clock."""
        return self.host.clock.monotonic()

    def next_serial(self) -> int:
        """A number that no other future of this loop has."""
        self._serials += 1
        return self._serials

    def create_future(self) -> asyncio.Future[Any]:
        """See `asyncio.loop.create_future`."""
        return SimulatedFuture(loop=self)

    def create_task(  # type: ignore[override]
        self, coro: Any, *, name: str | None = None, context: Context | None = None, **rest: Any
    ) -> Any:
        """See `asyncio.loop.create_task`."""
        factory = self.get_task_factory()
        if factory is not None:
            return super().create_task(coro, name=name, context=context, **rest)
        task = SimulatedTask(coro, loop=self, name=name or f"Task-{self._serials + 1}", context=context, **rest)
        self._tasks.append(task)
        if len(self._tasks) > self._prune_at:
            self._tasks = [task for task in self._tasks if not task.done()]
            self._prune_at = max(_PRUNE_AT, 2 * len(self._tasks))
        return task

    def run_in_executor(  # type: ignore[override]
        self, executor: Any, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        """Run ``func`` a moment later, as a thread would; nothing else happens meanwhile, other things before."""
        future = self.create_future()
        self.host.in_thread(executor, func, args, future)
        return future

    async def getaddrinfo(self, host: Any, port: Any, **options: Any) -> Any:
        """Names are those of the simulated hosts."""
        return self.host.addresses(host, port, **options)

    async def getnameinfo(self, sockaddr: Any, flags: int = 0) -> tuple[str, str]:
        """Numbers stay numbers."""
        return str(sockaddr[0]), str(sockaddr[1])

    def add_signal_handler(  # type: ignore[override]
        self, sig: int, callback: Callable[..., object], *args: Any
    ) -> None:
        """Called when the host is told to stop: see `Host.terminate`."""
        self.host.signals[int(sig)] = lambda: self.call_soon(callback, *args)

    def remove_signal_handler(self, sig: int) -> bool:
        """See `asyncio.loop.remove_signal_handler`."""
        return self.host.signals.pop(int(sig), None) is not None

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:
        """There is none."""

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Tell the log, and remember for those who judge the run."""
        if self.host.alive:
            self.host.unhandled(context)
            super().call_exception_handler(context)

    # ------------------------------------------------------------------------------------------------------- refused

    def run_forever(self) -> NoReturn:
        """Refused: the simulation runs all loops."""
        self.host.refuse(not_simulated("an event loop run by itself", "let the simulation run it"))

    def run_until_complete(self, future: Any) -> NoReturn:
        """Refused: the simulation runs all loops."""
        self.host.refuse(not_simulated("an event loop run by itself", "let the simulation run it"))

    def _make_ssl_transport(self, *_: Any, **__: Any) -> NoReturn:
        self.host.refuse(not_simulated("TLS", "speak http:// inside a simulation"))

    async def start_tls(self, *_: Any, **__: Any) -> NoReturn:
        """Refused."""
        self.host.refuse(not_simulated("TLS", "speak http:// inside a simulation"))

    async def create_datagram_endpoint(self, *_: Any, **__: Any) -> NoReturn:
        """Refused."""
        self.host.refuse(not_simulated("UDP", "use TCP"))

    async def subprocess_exec(self, *_: Any, **__: Any) -> NoReturn:
        """Refused."""
        self.host.refuse(not_simulated("a child process", "make it a host of its own"))

    async def subprocess_shell(self, *_: Any, **__: Any) -> NoReturn:
        """Refused."""
        self.host.refuse(not_simulated("a child process", "make it a host of its own"))

    async def connect_read_pipe(self, *_: Any, **__: Any) -> NoReturn:
        """Refused."""
        self.host.refuse(not_simulated("a pipe", "use TCP"))

    async def connect_write_pipe(self, *_: Any, **__: Any) -> NoReturn:
        """Refused."""
        self.host.refuse(not_simulated("a pipe", "use TCP"))

    # ------------------------------------------------------------------------------------------------------- the end

    def enter(self) -> None:
        """Be the running loop, for tasks and asynchronous generators."""
        events._set_running_loop(self)
        sys.set_asyncgen_hooks(firstiter=self._asyncgen_firstiter_hook, finalizer=self._asyncgen_finalizer_hook)  # type: ignore[attr-defined]

    def discard(self) -> None:
        """Close what is left of the tasks of a life that is over. It can reach nothing any more."""
        self._thread_id = None
        self._ready.clear()
        self._scheduled.clear()
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            if not task.done():
                task._log_destroy_pending = False  # type: ignore[attr-defined]
                try:
                    task.get_coro().close()
                except BaseException:  # it is dead: whatever it says at its end is of no interest
                    continue
        self.close()

    def _check_closed(self) -> None:
        """What is left of a dead life may still ask for a callback; nobody will ever call it."""

    def _make_self_pipe(self) -> None:
        """There are no other threads to be woken by."""

    def _close_self_pipe(self) -> None:
        """There is none."""

    def _write_to_self(self) -> None:
        """There is nobody to wake: the simulation looks."""


def _is_step(handle: asyncio.Handle) -> bool:
    return isinstance(getattr(handle._callback, "__self__", None), asyncio.Task)  # type: ignore[attr-defined]


__all__ = ["HostLoop", "SimulatedFuture", "SimulatedTask"]
