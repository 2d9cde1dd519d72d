"""The last line: what reaches for something real below Python's functions is told by audit events, and refused.

A function that was looked up before the simulation stood, C code, a library's own way around the standard library: on
the way to the operating system they raise an audit event (PEP 578), and if a host runs, that is the end of it.
"""

from __future__ import annotations

import ctypes
import os
from typing import Any

from cutpoint_simulations.disk import FileSystem
from cutpoint_simulations.loop.current import running
from cutpoint_simulations.loop.replacements import disk_of_current
from cutpoint_simulations.refusal import NotSimulated, not_simulated

_CHILD = ("a child process", "make it a host of its own")
_THREAD = ("a thread", "use asyncio.to_thread or a ThreadPoolExecutor, which are simulated")
_SOCKET = ("a real socket", "use asyncio's streams")
_REFUSED = {
    "_posixsubprocess.fork_exec": _CHILD,
    "os.exec": _CHILD,
    "os.fork": _CHILD,
    "os.forkpty": _CHILD,
    "os.posix_spawn": _CHILD,
    "os.spawn": _CHILD,
    "os.system": _CHILD,
    "subprocess.Popen": _CHILD,
    "_thread.start_joinable_thread": _THREAD,
    "_thread.start_new_thread": _THREAD,
    "os.kill": ("os.kill()", "tell the simulation to kill a host"),
    "os.killpg": ("os.killpg()", "tell the simulation to kill a host"),
    "signal.pthread_kill": ("signal.pthread_kill()", "tell the simulation to kill a host"),
    "socket.__new__": _SOCKET,
    "socket.bind": _SOCKET,
    "socket.connect": _SOCKET,
    "socket.getaddrinfo": ("a real resolver", "use loop.getaddrinfo()"),
    "socket.gethostbyaddr": ("a real resolver", "use loop.getnameinfo()"),
    "socket.gethostbyname": ("a real resolver", "use loop.getaddrinfo()"),
    "socket.getnameinfo": ("a real resolver", "use loop.getnameinfo()"),
    "socket.sendmsg": _SOCKET,
    "socket.sendto": _SOCKET,
    "syslog.openlog": ("the system's log", "use logging"),
    "syslog.syslog": ("the system's log", "use logging"),
    "time.sleep": ("a sleep that was looked up before the simulation", "call time.sleep by that name"),
}
_FILES = FileSystem(disk_of_current)
_OF_THE_MACHINE = ("/dev/random", "/dev/urandom", "/proc", "/sys")
_LOOKS = ("open", "os.listdir", "os.scandir")
_OF_FILES = ("open", "os.", "sqlite3.")


def audit(event: str, arguments: tuple[Any, ...], running: Any = running) -> None:
    """For `sys.addaudithook`. It is called to the last, when a module's names may be gone."""
    host = running.host
    if host is None:
        return
    refused = _REFUSED.get(event)
    if refused is not None:
        host.refuse(not_simulated(*refused))
    if event == "ctypes.dlsym" and not isinstance(arguments[0], ctypes.PyDLL):
        host.refuse(not_simulated(f"a call of C code, {arguments[1]}", "do without it in the simulation"))
    if event in _LOOKS and _is_of_the_machine(arguments[0]):
        host.refuse(not_simulated(f"the machine's {arguments[0]}", "ask the standard library, which is simulated"))
    if not event.startswith(_OF_FILES):
        return
    try:
        _FILES.audit(event, arguments)
    except NotSimulated as error:
        host.refuse(error)


def _is_of_the_machine(path: Any) -> bool:
    if not isinstance(path, str | bytes):
        return False
    shown = os.path.normpath(os.fsdecode(path))
    return any(shown == real or shown.startswith(f"{real}/") for real in _OF_THE_MACHINE)
