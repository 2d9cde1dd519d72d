"""What a service of the demo tells about itself over plain HTTP, outside of all channels and cuts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec
from aiohttp import web

from cutpoint_simulations.flights.tallies import Tallies


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """Where a service stands now.

    ``position``: flights departed, or landed. ``done``: an origin has sent all its flights and every one is
    confirmed; a destination has had nothing to land for a while.
    """

    name: str
    position: int
    done: bool
    tallies: Tallies


def answering(standing: Callable[[], Standing]) -> Callable[[web.Request], Awaitable[web.Response]]:
    """A handler that answers with ``standing()`` as JSON."""

    async def answer(request: web.Request) -> web.Response:
        return web.Response(body=msgspec.json.encode(standing()), content_type="application/json")

    return answer
