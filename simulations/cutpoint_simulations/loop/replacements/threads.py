"""Threads: what is given to an executor is simulated, and may wait for locks and conditions; one's own is refused.

An event loop that waits for a thread is refused: nothing else of its host would go on meanwhile.
"""

from __future__ import annotations

import _thread
import concurrent.futures
import concurrent.futures.thread
import contextlib
import queue
import threading
from collections.abc import Callable
from typing import Any

from cutpoint_agents.loop_watch import LoopWatch
from cutpoint_simulations.loop.current import running
from cutpoint_simulations.loop.host import Host
from cutpoint_simulations.loop.replacements.serving import Replacement, all_refused, refused, served
from cutpoint_simulations.loop.threads import Thread, current_thread
from cutpoint_simulations.refusal import not_simulated

_USE = "use asyncio.to_thread or a ThreadPoolExecutor, which are simulated"
_WAIT = ("a wait for another thread", "await something of asyncio's instead")
_Pool = concurrent.futures.ThreadPoolExecutor


def replacements() -> list[Replacement]:
    """Threads, locks, queues."""
    starts = ("start_new_thread", "start_new", "start_joinable_thread")
    return [
        (_Pool, "submit", _at_once(_Pool.submit)),
        refused(concurrent.futures.ProcessPoolExecutor, "submit", "a child process", _USE),
        refused(threading.Thread, "start", "a thread", _USE),
        *all_refused(_thread, starts, "a thread", _USE),
        served(LoopWatch, "start", lambda host, watch: None),  # virtual time stands while a host computes
        served(threading.Condition, "wait", _wait),
        served(threading, "Lock", lambda host: Lock(host)),
        served(threading, "RLock", lambda host: ReentrantLock(host)),
        served(_thread, "allocate_lock", lambda host: Lock(host)),
        served(threading, "get_native_id", lambda host: host.pid),
        served(queue, "SimpleQueue", lambda host: vars(queue)["_PySimpleQueue"]()),
    ]


def _waiting_thread(host: Host) -> Thread:
    """The thread that wants to wait. An event loop is refused."""
    thread = current_thread()
    if thread is None:
        host.refuse(not_simulated(*_WAIT))
    return thread


class Lock:
    """A lock made by a simulated host. Threads wait for it; in an event loop, only who need not wait gets it."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._held = False
        self._holder: Thread | None = None
        self._waiting: list[Thread] = []

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Take it. False if it is taken and the caller does not want to wait, or not that long."""
        while self._held:
            if not blocking or timeout == 0:
                return False
            thread = _waiting_thread(self._host)
            self._waiting.append(thread)
            if not thread.pause(None if timeout < 0 else timeout):
                self._waiting.remove(thread)
                return False
        self._held, self._holder = True, current_thread()
        if self._holder is not None:
            self._holder.locks += 1
        return True

    def release(self) -> None:
        """Let go of it. Raises RuntimeError if it is not taken."""
        if not self._held:
            raise RuntimeError("release unlocked lock")
        if self._holder is not None:
            self._holder.locks -= 1
        self._held, self._holder = False, None
        if self._waiting:
            self._waiting.pop(0).wake()

    def locked(self) -> bool:
        """Whether it is taken."""
        return self._held

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()

    def _at_fork_reinit(self) -> None:
        self._held = False


class ReentrantLock(Lock):
    """One that whoever holds it may take again. The event loop counts as one more thread."""

    def __init__(self, host: Host) -> None:
        super().__init__(host)
        self._times = 0

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """See `Lock.acquire`."""
        if not self._is_owned() and not super().acquire(blocking, timeout):
            return False
        self._times += 1
        return True

    def release(self) -> None:
        """Let go of it as often as it was taken. Raises RuntimeError if it is not the caller's."""
        if not self._is_owned():
            raise RuntimeError("cannot release un-acquired lock")
        self._times -= 1
        if not self._times:
            super().release()

    def _is_owned(self) -> bool:
        return self._held and self._holder is current_thread()

    def _recursion_count(self) -> int:
        """How often whoever asks has taken it; the standard library asks."""
        return self._times if self._is_owned() else 0

    def _release_save(self) -> int:
        """What a condition does while it waits: let go of it altogether."""
        times, self._times = self._times, 1
        self.release()
        return times

    def _acquire_restore(self, times: int) -> None:
        self.acquire()
        self._times = times


class _Waiter:
    """What a condition keeps of a thread that waits for it: whoever notifies it calls `release`."""

    def __init__(self, thread: Thread) -> None:
        self._thread = thread

    def release(self) -> None:
        self._thread.wake()


def _wait(host: Host, condition: Any, timeout: float | None = None) -> bool:
    """`threading.Condition.wait`."""
    if not condition._is_owned():
        raise RuntimeError("cannot wait on un-acquired lock")
    thread = _waiting_thread(host)
    waiter = _Waiter(thread)
    condition._waiters.append(waiter)
    saved = condition._release_save()
    woken = False
    try:
        woken = thread.pause(timeout)
    finally:
        condition._acquire_restore(saved)
        if not woken:
            with contextlib.suppress(ValueError):
                condition._waiters.remove(waiter)
    return woken


def _at_once(submit: Callable[..., Any]) -> Callable[..., Any]:
    def at_once(self: _Pool, function: Callable[..., Any], /, *arguments: Any, **options: Any) -> Any:
        """In a simulated host the work is done before `submit` returns: one of the orders that threads may take."""
        host = running.host
        if host is None:
            return submit(self, function, *arguments, **options)
        if self._shutdown:
            raise RuntimeError("cannot schedule new futures after shutdown")
        done: concurrent.futures.Future[Any] = concurrent.futures.Future()
        done.set_running_or_notify_cancel()
        try:
            done.set_result(function(*arguments, **options))
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            if not host.alive:
                raise
            done.set_exception(error)
        return done

    return at_once
