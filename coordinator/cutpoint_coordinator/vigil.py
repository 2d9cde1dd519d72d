"""Notices at once that the coordinator which leads was killed, where that can be known; a lease tells it later.

A candidate keeps a connection to the leader open. If the leader's process dies, the operating system ends the
connection and refuses the next one: on that machine nobody listens there any more. Only this counts, a connection that
stood, was ended, and is then refused, twice. A machine that is gone or cut off refuses nothing, and then the lease has
to run out.

Being wrong would cost a change of the leader and no more: what is written is protected by the fence.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any
from urllib.parse import urlsplit

CONNECT_SECONDS = 5.0
AGAIN_SECONDS = 1.0
"""How long to wait before a leader is asked again that could not be reached: that says nothing of it."""

REFUSALS = 2
REFUSED_SECONDS = 0.05
"""How many connections have to be refused, and how long after each other."""


async def wait_gone(url: str) -> None:
    """Return once whoever was reached at ``url`` is gone for sure; it may be that this never comes."""
    parts = urlsplit(url)
    host, port = parts.hostname, parts.port
    if not host or not port:
        await asyncio.Event().wait()
    while True:
        peer = await _wait_ended(str(host), int(port or 0))
        if peer is not None and await _refuses(peer):
            return
        await asyncio.sleep(0.0 if peer is not None else AGAIN_SECONDS)


async def _wait_ended(host: str, port: int) -> tuple[str, int] | None:
    """Connect, and wait until the connection ends; to where it was. None: there was no connection."""
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            reader, writer = await asyncio.open_connection(host, port)
    except (OSError, TimeoutError):
        return None
    peer: Any = writer.get_extra_info("peername")
    try:
        with contextlib.suppress(OSError):
            while await reader.read(65536):
                pass  # an HTTP server may say that it has waited long enough for a request
    finally:
        writer.close()
    return (str(peer[0]), int(peer[1])) if peer else None


async def _refuses(peer: tuple[str, int]) -> bool:
    for _ in range(REFUSALS):
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                _, writer = await asyncio.open_connection(*peer)
        except ConnectionRefusedError:
            await asyncio.sleep(REFUSED_SECONDS)
        except (OSError, TimeoutError):
            return False
        else:
            writer.close()
            return False
    return True
