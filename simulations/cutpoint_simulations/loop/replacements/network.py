"""The `socket` and `select` modules."""

from __future__ import annotations

import select
import socket
import ssl
from typing import Any

from cutpoint_simulations.loop.current import running
from cutpoint_simulations.loop.replacements.serving import Replacement, all_refused, refused, served
from cutpoint_simulations.loop.sockets import REAL_SOCKET, SimulatedSocket

_STREAMS = "use asyncio's streams"
_OF_DESCRIPTORS = ("close", "create_connection", "dup", "fromfd", "recv_fds", "send_fds", "socketpair")
_RESOLVER = ("gethostbyaddr", "gethostbyname_ex", "getnameinfo")
_MACHINE = ("if_indextoname", "if_nameindex", "if_nametoindex", "sethostname", "setdefaulttimeout")
_SELECTORS = ("select", "poll", "epoll", "devpoll", "kqueue")


class _EitherSocket(type(socket.socket)):  # type: ignore[misc]
    """`socket.socket` itself, but that a simulated host is given a simulated one."""

    def __call__(cls, *arguments: Any, **options: Any) -> Any:
        if cls is not _Socket:
            return super().__call__(*arguments, **options)
        host = running.host
        if host is None:
            return REAL_SOCKET(*arguments, **options)
        return SimulatedSocket(host, *arguments, **options)

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, REAL_SOCKET | SimulatedSocket)

    def __subclasscheck__(cls, subclass: type) -> bool:
        return issubclass(subclass, REAL_SOCKET)


class _Socket(REAL_SOCKET, metaclass=_EitherSocket):
    """What stands for `socket.socket` while a simulation stands."""


def replacements() -> list[Replacement]:
    """Sockets, names, selectors, TLS."""
    return [
        (socket, "socket", _Socket),
        served(socket, "getaddrinfo", lambda host, *arguments, **options: host.addresses(*arguments, **options)),
        served(socket, "gethostbyname", lambda host, name: host.network.resolve(name, host)),
        served(socket, "gethostname", lambda host: host.name),
        served(socket, "getfqdn", lambda host, name="": name or host.name),
        *all_refused(socket, _OF_DESCRIPTORS, "socket.{}()", _STREAMS),
        *all_refused(socket, _RESOLVER, "socket.{}()", "use loop.getaddrinfo()"),
        *all_refused(socket, _MACHINE, "socket.{}()", "do without it"),
        *all_refused(select, _SELECTORS, "select.{}()", _STREAMS),
        *(refused(ssl.SSLContext, name, "TLS", "speak http:// inside a simulation") for name in _WRAPS),
    ]


_WRAPS = ("wrap_bio", "wrap_socket")
