"""Reading a request's body: never more of it than its route takes, and never for longer than a caller may take.

Whatever is wrong with a body, that it is too long, is not what its headers say, comes too slowly or breaks off, ends in
one answer that says so. It is read once; who asks again is given the same bytes.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Mapping

from aiohttp import web
from aiohttp.typedefs import Middleware

from cutpoint_coordinator.faults import Handler, Refused

BODY_BYTES_MAX = 64 * 1024
"""The longest body of a route that says nothing else."""

BODY_SECONDS = 30.0
"""For how long a body may be on its way."""

_MOST: contextvars.ContextVar[int] = contextvars.ContextVar("cutpoint body", default=BODY_BYTES_MAX)


def bounded(longest: Mapping[tuple[str, str], int]) -> Middleware:
    """Lets the bodies of some routes, by method and path, be longer: so many bytes."""

    @web.middleware
    async def bound(request: web.Request, handler: Handler) -> web.StreamResponse:
        resource = request.match_info.route.resource
        path = "" if resource is None else resource.canonical
        _MOST.set(longest.get((request.method, path), BODY_BYTES_MAX))  # a connection's requests share a task
        return await handler(request)

    return bound


async def body_bytes(request: web.Request) -> bytes:
    """The body of ``request``. Raises `Refused`."""
    most = _MOST.get()
    if (request.content_length or 0) > most:
        raise too_large(most)
    try:
        async with asyncio.timeout(BODY_SECONDS):
            body = await request.read()
    except TimeoutError:
        raise Refused(
            408, "too_slow", f"the body has not come within {BODY_SECONDS:g} s; nothing was done", "send it at once"
        ) from None
    except (web.RequestPayloadError, ConnectionError) as error:
        raise Refused(
            400,
            "bad_body",
            "the body broke off, or is not encoded as its headers say; nothing was done",
            "send all of it, as JSON",
        ) from error
    if len(body) > most:
        raise too_large(most)
    return body


def too_large(most: int) -> Refused:
    """The answer to a body of more than ``most`` bytes."""
    return Refused(
        413, "too_large", f"the body is longer than {most} bytes; nothing was done", "send a smaller JSON object"
    )
