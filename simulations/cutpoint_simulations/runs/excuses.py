"""Which errors of a service a fault can cause: lost connections, long waits, peers that are not ready, failing disks.

Everything else is the service's own. A disk only fails if that fault has been there.
A file that is not there, or may not be opened, is no excuse, whatever happened to the disk before: what a service needs
once it is started again, it has to keep so that it survives.
"""

from __future__ import annotations

import errno
from collections.abc import Container

import aiohttp

_OF_CONNECTIONS = (
    errno.ECONNABORTED,
    errno.ECONNREFUSED,
    errno.ECONNRESET,
    errno.EHOSTUNREACH,
    errno.ENETUNREACH,
    errno.ENOTCONN,
    errno.EPIPE,
    errno.ESHUTDOWN,
    errno.ETIMEDOUT,
)
_OF_DISKS = {errno.ENOSPC: "full-disk", errno.EDQUOT: "full-disk", errno.EIO: "disk-error"}
_NOT_READY = 500
"""Statuses from here on: a peer that starts, is being restored, or has failed itself, which it is asked about."""


def is_excused(error: Exception, faults: Container[str]) -> bool:
    """Whether what happened around a service explains ``error``. ``faults``: the kinds that there have been."""
    if isinstance(error, ConnectionError | TimeoutError | aiohttp.ClientPayloadError):
        return True
    if isinstance(error, aiohttp.ClientResponseError):
        return error.status >= _NOT_READY
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno in _OF_CONNECTIONS or _OF_DISKS.get(error.errno, "") in faults
    return isinstance(error, aiohttp.ClientConnectionError)
