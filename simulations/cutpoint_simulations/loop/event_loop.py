"""The event loop of one life of a simulated host: asyncio's own, over a simulated selector and virtual time.

Tasks, futures, transports, servers and streams are asyncio's. This loop is never run: `iterate` does what one turn of
a real loop does, whenever the simulation says so. Callbacks keep the order that asyncio documents; where ``shuffled``,
the tasks among those that are ready are stepped in an order of chance: no program may rely on another.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import ctypes
import functools
import heapq
import itertools
import math
import sys
import threading
import weakref
from collections import deque
from collections.abc import Callable, Mapping
from contextvars import Context
from types import FrameType
from typing import TYPE_CHECKING, Any

from cutpoint_simulations.loop.refusing_loop import RefusingLoop
from cutpoint_simulations.loop.selector import HostSelector
from cutpoint_simulations.refusal import Line, Work, begins_work, is_machinery, name_of, not_simulated, program_line

if TYPE_CHECKING:
    from cutpoint_simulations.loop.host import Host

_RESOLUTION_SECONDS = 1e-9
_CANCELLED_MIN = 100
_PRUNE_AT = 1000
_CLOSINGS_MAX = 100


class SimulatedFuture(asyncio.Future[Any]):
    """A future with a hash of its own number: a set of futures has the same order in every run."""

    def __hash__(self) -> int:
        return _serial(self)


class SimulatedTask(asyncio.Task[Any]):
    """A task with a hash of its own number. ``asked``: the line of the program that wanted it, where it matters."""

    asked: Line | None = None

    def __hash__(self) -> int:
        return _serial(self)


class _AskedHandle(asyncio.Handle):
    """A callback that a line of the program wanted."""

    __slots__ = ("asked",)

    asked: Line


class _AskedTimer(asyncio.TimerHandle):
    """A callback that a line of the program wanted at some time."""

    __slots__ = ("asked",)

    asked: Line


for _kind, _name in ((SimulatedFuture, "Future"), (SimulatedTask, "Task")):
    _kind.__name__ = _kind.__qualname__ = _name  # what `asyncio` and programs tell people of them


def _serial(future: Any) -> int:
    """The number that the loop gives a future when it is first asked for."""
    try:
        serial: int = future.simulated_serial
    except AttributeError:
        serial = future.simulated_serial = future.get_loop().next_serial()
    return serial


def _work(local: Mapping[str, Any]) -> Work | None:
    """What the callback is that a turn is at."""
    handle = local.get("handle")
    if handle is None:
        return None
    callback = handle._callback
    task = getattr(callback, "__self__", None)
    if isinstance(task, asyncio.Task):
        callback, handle = task.get_coro(), task
    return Work(host=local["self"].host.name, name=name_of(callback), asked=getattr(handle, "asked", None))


class HostLoop(RefusingLoop):
    """The loop of ``host``."""

    _ready: deque[asyncio.Handle]
    _scheduled: list[asyncio.TimerHandle]
    _timer_cancelled_count: int
    _thread_id: int | None
    _selector: HostSelector

    def __init__(self, host: Host, selector: HostSelector, *, shuffled: bool) -> None:
        self._serials = 0
        self._shuffled = shuffled
        self._tasks: list[weakref.ref[asyncio.Task[Any]]] = []
        self._over = False
        self._buried: list[asyncio.Task[Any]] = []
        self._left: list[asyncio.Handle] = []
        self._prune_at = _PRUNE_AT
        self._names = 0
        super().__init__(host, selector)
        self.set_debug(False)
        self.time = host.clock.monotonic  # type: ignore[method-assign]
        self._thread_id = threading.get_ident()
        self.generator_hooks: tuple[Any, Any] = (self._asyncgen_firstiter_hook, self._asyncgen_finalizer_hook)  # type: ignore[attr-defined]

    # -------------------------------------------------------------------------------------------------------- turns

    @begins_work(_work)
    def iterate(self) -> int:
        """One turn: what the network and the clock have made ready, then every callback that is ready. How many.

        A life that ends in the middle has nothing ready any more.
        """
        if self._selector.marked:
            self._process_events(self._selector.select(0))  # type: ignore[attr-defined]
        ready, scheduled = self._ready, self._scheduled
        if scheduled and scheduled[0]._when <= self.time() + _RESOLUTION_SECONDS:  # type: ignore[attr-defined]
            self._ring(ready)
        count = len(ready)
        if count > 1 and self._shuffled:
            self._shuffle(ready)
        for _ in range(count):
            if not ready:
                break
            handle = ready.popleft()
            if not handle._cancelled:
                handle._run()
            del handle  # a frame that some traceback keeps shall not keep a task
        return count

    def _ring(self, ready: deque[asyncio.Handle]) -> None:
        """Make ready the timers that are due."""
        due = self.time() + _RESOLUTION_SECONDS
        scheduled = self._scheduled
        while scheduled and scheduled[0].when() <= due:
            timer = heapq.heappop(scheduled)
            timer._scheduled = False  # type: ignore[attr-defined]
            if timer.cancelled():
                self._timer_cancelled_count -= 1
            else:
                ready.append(timer)

    def mark(self, descriptor: int) -> None:
        """The socket with this descriptor may have become ready."""
        self._selector.mark(descriptor)

    def drained(self, descriptor: int) -> None:
        """All that had arrived at the socket with this descriptor has been read."""
        self._selector.drained(descriptor)

    @property
    def wants_turn(self) -> bool:
        """Whether something is ready that does not have to wait for time to pass."""
        return bool(self._ready or self._selector.marked)

    def next_turn(self, not_before: float) -> float | None:
        """The virtual time at which there will be something to do, if nothing happens before; None: never."""
        if self._ready or self._selector.marked:
            return not_before
        if not self._scheduled:
            return None
        when = self.host.clock.true_time(self._next_timer())
        return when if when > not_before else not_before

    def _next_timer(self) -> float:
        scheduled = self._scheduled
        if self._timer_cancelled_count > _CANCELLED_MIN and self._timer_cancelled_count > len(scheduled) // 2:
            for timer in scheduled:
                if timer.cancelled():
                    timer._scheduled = False  # type: ignore[attr-defined]
            self._scheduled = scheduled = [timer for timer in scheduled if not timer.cancelled()]
            heapq.heapify(scheduled)
            self._timer_cancelled_count = 0
        while scheduled and scheduled[0].cancelled():
            heapq.heappop(scheduled)._scheduled = False  # type: ignore[attr-defined]
            self._timer_cancelled_count -= 1
        return scheduled[0].when() if scheduled else math.inf

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

    def next_serial(self) -> int:
        """A number that no other future of this loop has."""
        self._serials += 1
        return self._serials

    def call_soon(  # type: ignore[override]
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        """See `asyncio.loop.call_soon`."""
        frame = sys._getframe(1)
        if is_machinery(frame.f_code.co_filename):
            handle = asyncio.Handle(callback, args, self, context)
        else:
            handle = _AskedHandle(callback, args, self, context)
            handle.asked = frame.f_code, frame.f_lineno
        self._ready.append(handle)
        return handle

    def call_later(  # type: ignore[override]
        self, delay: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """See `asyncio.loop.call_later`."""
        return self._timer(sys._getframe(1), self.time() + delay, callback, args, context)

    def call_at(  # type: ignore[override]
        self, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """See `asyncio.loop.call_at`."""
        return self._timer(sys._getframe(1), when, callback, args, context)

    def _timer(
        self,
        caller: FrameType,
        when: float,
        callback: Callable[..., object],
        args: tuple[Any, ...],
        context: Context | None,
    ) -> asyncio.TimerHandle:
        if is_machinery(caller.f_code.co_filename):
            timer = asyncio.TimerHandle(when, callback, args, self, context)
        else:
            timer = _AskedTimer(when, callback, args, self, context)
            timer.asked = caller.f_code, caller.f_lineno
        heapq.heappush(self._scheduled, timer)
        timer._scheduled = True  # type: ignore[attr-defined]
        return timer

    def create_future(self) -> asyncio.Future[Any]:
        """See `asyncio.loop.create_future`."""
        return SimulatedFuture(loop=self)

    def create_task(  # type: ignore[override]
        self, coro: Any, *, name: str | None = None, context: Context | None = None, **rest: Any
    ) -> Any:
        """See `asyncio.loop.create_task`. A factory of eager tasks makes simulated ones, any other what it likes."""
        if name is None:
            self._names += 1
            name = f"Task-{self._names}"
        factory = self.get_task_factory()
        if factory is not None and factory is getattr(asyncio, "eager_task_factory", None):
            rest, factory = {"eager_start": True, **rest}, None
        if factory is not None:
            task = super().create_task(coro, name=name, context=context, **rest)
        else:
            task = SimulatedTask(coro, loop=self, name=name, context=context, **rest)
            code = getattr(coro, "cr_code", None)
            if code is not None and is_machinery(code.co_filename):  # else its own lines are the program's
                task.asked = self._asked(sys._getframe(1))
        if self._over:
            _abandon(task)
        self._tasks.append(weakref.ref(task))
        if len(self._tasks) > self._prune_at:
            self._tasks = [reference for reference in self._tasks if (kept := reference()) and not kept.done()]
            self._prune_at = max(_PRUNE_AT, 2 * len(self._tasks))
        return task

    def _asked(self, caller: FrameType) -> Line | None:
        """The line of the program that wants something, itself or by the task that runs now."""
        return program_line(caller) or getattr(asyncio.current_task(self), "asked", None)

    def tasks(self) -> list[asyncio.Task[Any]]:
        """Those that are there and not done, in the order in which they were made."""
        return [task for reference in self._tasks if (task := reference()) is not None and not task.done()]

    def failures(self) -> list[BaseException]:
        """What tasks have failed with that nobody has asked for their results."""
        done = [task for reference in self._tasks if (task := reference()) is not None and task.done()]
        errors = [task.exception() for task in done if task._log_traceback]
        return [error for error in errors if error is not None and not isinstance(error, SystemExit)]

    def run_in_executor(  # type: ignore[override]
        self, executor: Any, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        """Run ``func`` a moment later, as a thread would; nothing else happens meanwhile, other things before."""
        if isinstance(executor, concurrent.futures.ProcessPoolExecutor):
            self.host.refuse(not_simulated("a child process", "use a ThreadPoolExecutor, which is simulated"))
        future = self.create_future()
        work = functools.partial(func, *args) if args else func
        self.host.threads.run(executor, work, future, self._asked(sys._getframe(1)))
        return future

    async def getaddrinfo(
        self,
        host: Any,
        port: Any,
        *,
        family: int = 0,
        type: int = 0,  # noqa: A002
        proto: int = 0,
        flags: int = 0,
    ) -> Any:
        """Names are those of the simulated hosts."""
        return self.host.addresses(host, port, family, type, proto, flags)

    async def getnameinfo(self, sockaddr: Any, flags: int = 0) -> tuple[str, str]:
        """Numbers stay numbers."""
        return str(sockaddr[0]), str(sockaddr[1])

    def add_signal_handler(  # type: ignore[override]
        self, sig: int, callback: Callable[..., object], *args: Any
    ) -> None:
        """Called when the host is told to stop: see `Host.terminate`."""
        self.host.signals[int(sig)] = functools.partial(self.call_soon, callback, *args)

    def remove_signal_handler(self, sig: int) -> bool:
        """See `asyncio.loop.remove_signal_handler`."""
        return self.host.signals.pop(int(sig), None) is not None

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:
        """There is none."""

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Tell the log, and remember for those who judge the run."""
        if self.host.alive and not isinstance(context.get("exception"), SystemExit):
            self.host.unhandled(context)
            super().call_exception_handler(context)

    # ------------------------------------------------------------------------------------------------------- the end

    def bury(self) -> None:
        """Its life is over: nothing runs any more, and nothing is let go of before `discard`, while others run."""
        self._over = True
        self._buried = self.tasks()
        self._left = [*self._ready, *self._scheduled]
        self._ready.clear()
        self._ready = deque()
        self._scheduled.clear()

    def discard(self) -> None:
        """Close what is left of the tasks of a life that is over. It can reach nothing any more."""
        self._thread_id = None
        buried, self._buried = self._buried, []
        for task in buried:
            if not task.done():
                _abandon(task)
        self._tasks.clear()
        self._ready.clear()
        self._left.clear()
        self.close()

    def _check_closed(self) -> None:
        """What is left of a dead life may still ask for a callback; nobody will ever call it."""

    def _make_self_pipe(self) -> None:
        """There are no other threads to be woken by."""

    def _close_self_pipe(self) -> None:
        """There is none."""

    def _write_to_self(self) -> None:
        """`call_soon_threadsafe` from outside of a turn."""
        self.host.wake()


def _abandon(task: asyncio.Task[Any]) -> None:
    """End it where it is; what it says to that is of no interest. One that will not end is never let go of."""
    task._log_destroy_pending = False  # type: ignore[attr-defined]
    coroutine: Any = task.get_coro()
    for _ in range(_CLOSINGS_MAX):
        try:
            coroutine.close()
            return
        except BaseException:
            continue
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(coroutine))


def _is_step(handle: asyncio.Handle) -> bool:
    return isinstance(getattr(handle._callback, "__self__", None), asyncio.Task)  # type: ignore[attr-defined]


__all__ = ["HostLoop", "SimulatedFuture", "SimulatedTask"]
