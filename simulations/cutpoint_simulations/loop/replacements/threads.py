"""Threads: what is given to an executor is simulated, a thread of one's own is refused, and so is waiting for one.

Waiting would be for ever: while a host runs nothing else does.
"""

from __future__ import annotations

import _thread
import concurrent.futures
import concurrent.futures.thread
import queue
import threading
from collections.abc import Callable
from typing import Any

from cutpoint_simulations.loop.current import running
from cutpoint_simulations.loop.host import Host
from cutpoint_simulations.loop.replacements.serving import Replacement, all_refused, refused, served
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
        refused(threading.Condition, "wait", *_WAIT),
        served(threading, "Lock", lambda host: Lock(host)),
        served(_thread, "allocate_lock", lambda host: Lock(host)),
        served(threading, "get_native_id", lambda host: host.pid),
        served(queue, "SimpleQueue", lambda host: vars(queue)["_PySimpleQueue"]()),
    ]


class Lock:
    """A lock made by a simulated host. Nobody else can let go of it while the host runs, so it never waits."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._held = False

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Take it. False if it is taken and the caller does not want to wait; who wants to is refused."""
        if self._held:
            if blocking and timeout != 0:
                self._host.refuse(not_simulated(*_WAIT))
            return False
        self._held = True
        return True

    def release(self) -> None:
        """Let go of it. Raises RuntimeError if it is not taken."""
        if not self._held:
            raise RuntimeError("release unlocked lock")
        self._held = False

    def locked(self) -> bool:
        """Whether it is taken."""
        return self._held

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()

    def _at_fork_reinit(self) -> None:
        self._held = False


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
