"""What a program may know of its process and its machine, and what it may do to it."""

from __future__ import annotations

import _thread
import atexit
import errno
import faulthandler
import functools
import gc
import multiprocessing.process
import multiprocessing.shared_memory
import multiprocessing.synchronize
import os
import platform
import signal
import subprocess
import weakref
from collections.abc import Callable
from typing import Any

from cutpoint_simulations.loop.host import Host, HostExit
from cutpoint_simulations.loop.replacements.serving import Replacement, all_refused, outside, refused, served
from cutpoint_simulations.refusal import not_simulated

_OF_WEAKREF = vars(weakref.finalize)["_exitfunc"].__func__
PROCESSORS = 4
"""How many every simulated machine has: a program may size its pools by it."""

_CHILDREN = ("fork", "forkpty", "system", "popen", "posix_spawn", "posix_spawnp", "execv", "execve")
_WAITS = ("wait", "wait3", "wait4", "waitid", "waitpid")
_OF_THE_WHOLE_PROCESS = ("nice", "putenv", "setgid", "setpgid", "setpriority", "setsid", "setuid", "umask", "unsetenv")
_PIPES = ("eventfd", "memfd_create", "openpty", "pidfd_open", "pipe", "pipe2")
_SIGNALS = ("alarm", "pause", "pthread_kill", "pthread_sigmask", "setitimer", "set_wakeup_fd", "siginterrupt", "signal")
_SIGNAL_WAITS = ("sigpending", "sigtimedwait", "sigwait", "sigwaitinfo")


def replacements() -> list[Replacement]:
    """Processes, signals, the machine."""
    child = "make it a host of its own"
    return [
        served(os, "_exit", _leave),
        served(os, "abort", lambda host: _leave(host, 128 + signal.SIGABRT)),
        served(os, "getpid", lambda host: host.pid),
        served(os, "getppid", lambda host: 1),
        served(os, "cpu_count", lambda host: PROCESSORS),
        *(served(os, name, lambda host: PROCESSORS) for name in ("process_cpu_count",) if hasattr(os, name)),
        *_affinity(),
        served(os, "uname", _uname),
        served(platform, "uname", _platform),
        served(platform, "node", lambda host: host.name),
        served(os, "kill", _kill),
        served(signal, "raise_signal", lambda host, number: _kill(host, host.pid, number)),
        *all_refused(os, ("killpg",), "os.{}()", "tell the simulation to kill a host"),
        *all_refused(os, _CHILDREN, "os.{}()", child),
        *(served(os, name, _own_group) for name in ("getpgid", "getpgrp", "getsid")),
        *all_refused(os, _WAITS, "os.{}()", child),
        *all_refused(os, _PIPES, "os.{}()", "use TCP"),
        *all_refused(os, _OF_THE_WHOLE_PROCESS, "os.{}()", "it would change every host"),
        served(atexit, "register", _at_exit),
        served(atexit, "unregister", lambda host, function: host.forget_at_exit(function)),
        refused(subprocess.Popen, "__init__", "a child process", child),
        refused(multiprocessing.process.BaseProcess, "start", "a child process", child),
        refused(multiprocessing.shared_memory.SharedMemory, "__init__", "shared memory", "use TCP"),
        refused(multiprocessing.synchronize.SemLock, "__init__", "a lock between processes", "use threading's"),
        refused(_thread, "interrupt_main", "_thread.interrupt_main()", "tell the simulation to interrupt a host"),
        *all_refused(faulthandler, ("dump_traceback_later", "register"), "faulthandler.{}()", "do without it"),
        *all_refused(signal, _SIGNALS, "signal.{}()", "use loop.add_signal_handler() or loop.call_later()"),
        *all_refused(signal, _SIGNAL_WAITS, "signal.{}()", "use loop.add_signal_handler()"),
        served(gc, "enable", lambda host: None),  # when it would run is not the seed's choice
    ]


def _own_group(host: Host, *pid: int) -> int:
    """Every host leads a group and a session of its own; there is no other process that it may ask about."""
    if pid and pid[0] not in (0, host.pid):
        raise ProcessLookupError(errno.ESRCH, os.strerror(errno.ESRCH))
    return host.pid


def _leave(host: Host, status: int) -> None:
    """It is gone before the exception is raised: no ``finally`` on its way can reach anything."""
    host.ended(status)
    raise HostExit(status)


def _kill(host: Host, pid: int, number: int) -> None:
    """A process may end itself."""
    if pid not in (host.pid, 0):
        host.refuse(not_simulated("os.kill() of another process", "tell the simulation to kill a host"))
    if number == signal.SIGKILL:
        host.kill()
    elif number:
        host.terminate(number)
    if not host.alive:
        raise HostExit(128 + number)


def _at_exit(host: Host, function: Callable[..., Any], *arguments: Any, **options: Any) -> Callable[..., Any]:
    """What a host registers is called at its own end; but `weakref` registers once for the whole process."""
    if function is _OF_WEAKREF:
        with outside():
            return atexit.register(function)
    host.at_exit.append(functools.partial(function, *arguments, **options))
    return function


def _affinity() -> list[Replacement]:
    if not hasattr(os, "sched_getaffinity"):
        return []
    return [served(os, "sched_getaffinity", lambda host, pid: set(range(PROCESSORS)))]


def _uname(host: Host) -> os.uname_result:
    with outside():
        real = os.uname()
    return os.uname_result((real.sysname, host.name, real.release, real.version, real.machine))


def _platform(host: Host) -> Any:
    with outside():
        return platform.uname()._replace(**{"node": host.name})
