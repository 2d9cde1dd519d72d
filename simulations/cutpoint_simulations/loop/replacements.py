"""The simulated clocks, chance, network, threads and ends of a process, one function for each real one.

Each asks which host runs: it serves that host, or refuses with the line that asked, or, outside of every host, calls
the original.
"""

from __future__ import annotations

import concurrent.futures
import concurrent.futures.thread
import functools
import multiprocessing.process
import os
import random
import select
import signal
import socket
import subprocess
import threading
import time
import uuid
from collections.abc import Callable
from typing import Any

from cutpoint_simulations.disk import Mount
from cutpoint_simulations.disk import substitutions as of_files
from cutpoint_simulations.loop import current
from cutpoint_simulations.loop.host import Host, HostExit
from cutpoint_simulations.loop.sockets import SimulatedSocket
from cutpoint_simulations.refusal import not_simulated

Replacement = tuple[Any, str, Any]

FIRST_PID = 100
_NANO = 1_000_000_000


def replacements() -> list[Replacement]:
    """Everything to replace: where, which attribute, by what."""
    return [*_clocks(), *_chance(), *_process(), *_threads(), *_network(), *of_files(_disk_of_current)]


def _disk_of_current() -> Mount | None:
    return current.host.files if current.host is not None else None


def _served(place: Any, name: str, serve: Callable[..., Any]) -> Replacement:
    """``serve(host, *arguments)`` where a host runs, the original where none does."""
    original = getattr(place, name)

    @functools.wraps(original, assigned=("__module__", "__name__", "__qualname__", "__doc__"))
    def either(*arguments: Any, **options: Any) -> Any:
        host = current.host
        return original(*arguments, **options) if host is None else serve(host, *arguments, **options)

    return place, name, either


def _refused(place: Any, name: str, what: str, instead: str) -> Replacement:
    def serve(host: Host, *_: Any, **__: Any) -> Any:
        host.refuse(not_simulated(what, instead))

    return _served(place, name, serve)


def _clocks() -> list[Replacement]:
    found = [
        _served(time, name, lambda host: host.clock.monotonic())
        for name in ("monotonic", "perf_counter", "process_time", "thread_time")
    ]
    found += [
        _served(time, f"{name}_ns", lambda host: int(host.clock.monotonic() * _NANO))
        for name in ("monotonic", "perf_counter", "process_time", "thread_time")
    ]
    realtime, gettime = time.CLOCK_REALTIME, time.clock_gettime
    found.append(
        _served(
            time,
            "clock_gettime",
            lambda host, clock: gettime(clock) if clock == realtime else host.clock.monotonic(),
        )
    )
    found.append(_served(time, "sleep", lambda host, seconds: host.sleeps(seconds)))
    return found


def _chance() -> list[Replacement]:
    seed = random.Random.seed

    def seeded(self: random.Random, a: Any = None, version: int = 2) -> None:
        """A generator that is given no seed takes the host's, not the operating system's."""
        if a is None and current.host is not None:
            a = current.host.entropy.getrandbits(128)
        seed(self, a, version)

    return [
        (random.Random, "seed", seeded),
        _served(os, "urandom", lambda host, count: host.entropy.randbytes(count)),
        _served(uuid, "getnode", lambda host: host.number),
    ]


def _process() -> list[Replacement]:
    def leave(host: Host, status: int) -> None:
        raise HostExit(status)

    child = "make it a host of its own"
    return [
        _served(os, "_exit", leave),
        _served(os, "getpid", lambda host: FIRST_PID * host.life + host.number),
        _served(os, "getppid", lambda host: 1),
        *(
            _refused(os, name, f"os.{name}()", child)
            for name in ("fork", "forkpty", "system", "popen", "posix_spawn", "posix_spawnp", "execv", "execve")
        ),
        _refused(os, "kill", "os.kill()", "tell the simulation to kill a host"),
        _refused(os, "pipe", "a pipe", "use TCP"),
        _refused(subprocess.Popen, "__init__", "a child process", child),
        _refused(multiprocessing.process.BaseProcess, "start", "a child process", child),
        _refused(signal, "signal", "signal.signal()", "use loop.add_signal_handler()"),
        _refused(signal, "setitimer", "signal.setitimer()", "use loop.call_later()"),
        _refused(signal, "alarm", "signal.alarm()", "use loop.call_later()"),
    ]


def _threads() -> list[Replacement]:
    submit = concurrent.futures.ThreadPoolExecutor.submit

    def at_once(
        self: concurrent.futures.ThreadPoolExecutor, function: Callable[..., Any], /, *arguments: Any, **options: Any
    ) -> Any:
        """In a simulated host the work is done before `submit` returns: one of the orders that threads may take."""
        if current.host is None:
            return submit(self, function, *arguments, **options)
        done: concurrent.futures.Future[Any] = concurrent.futures.Future()
        try:
            done.set_result(function(*arguments, **options))
        except Exception as error:
            done.set_exception(error)
        return done

    thread = "use asyncio.to_thread or a ThreadPoolExecutor, which are simulated"
    return [
        (concurrent.futures.ThreadPoolExecutor, "submit", at_once),
        _refused(concurrent.futures.ProcessPoolExecutor, "submit", "a child process", thread),
        _refused(threading.Thread, "start", "a thread", thread),
    ]


class _EitherSocket(type(socket.socket)):  # type: ignore[misc]
    """`socket.socket` itself, but that a simulated host is given a simulated one."""

    def __call__(cls, *arguments: Any, **options: Any) -> Any:
        host = current.host
        if host is None:
            return _REAL_SOCKET(*arguments, **options)
        return SimulatedSocket(host, *arguments, **options)

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, _REAL_SOCKET | SimulatedSocket)

    def __subclasscheck__(cls, subclass: type) -> bool:
        return issubclass(subclass, _REAL_SOCKET)


_REAL_SOCKET = socket.socket


class _Socket(_REAL_SOCKET, metaclass=_EitherSocket):
    """What stands for `socket.socket` while a simulation stands."""


def _network() -> list[Replacement]:
    def addresses(host: Host, name: Any, port: Any, *arguments: Any, **options: Any) -> Any:
        return host.addresses(name, port, **options)

    streams = "use asyncio's streams"
    return [
        (socket, "socket", _Socket),
        _served(socket, "getaddrinfo", addresses),
        _served(socket, "gethostbyname", lambda host, name: host.network.resolve(name, host)),
        _served(socket, "gethostname", lambda host: host.name),
        _served(socket, "getfqdn", lambda host, name="": name or host.name),
        _refused(socket, "socketpair", "a pair of sockets", streams),
        _refused(socket, "create_connection", "a connection that blocks", streams),
        _refused(socket, "fromfd", "socket.fromfd()", streams),
        _refused(select, "select", "select.select()", streams),
        _refused(select, "poll", "select.poll()", streams),
        _refused(select, "epoll", "select.epoll()", streams),
    ]
