"""One service of the demo as an OS process: ``python -m cutpoint_simulations.flights.service SETTINGS``.

``SETTINGS`` is one JSON object. This is the demo's own entry point and not a command line for people: the
supervisor writes it and starts the process again whenever it ends.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from pathlib import Path

import msgspec
from aiohttp import web

from cutpoint.errors import CutpointError
from cutpoint_simulations.flights import destination, origin
from cutpoint_simulations.flights.hosting import WINDOW_MESSAGES, Host
from cutpoint_simulations.flights.local import LocalCheckpoints
from cutpoint_simulations.flights.reading import read_flights


class ServiceSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What one service process is told.

    ``flights`` is set for an origin, which sends those of its own airport; ``checkpoint`` for a service without a
    coordinator, which then writes its own state there every ``interval_seconds``.
    """

    name: str
    port: int
    coordinator: str
    landings: float
    interval_seconds: float
    destinations: dict[str, str] = {}
    flights: str = ""
    checkpoint: str = ""


def create_app(settings: ServiceSettings) -> web.Application:
    """The service that ``settings`` describe."""
    agent: Host | None = None
    if settings.checkpoint:
        agent = LocalCheckpoints(
            Path(settings.checkpoint), interval_seconds=settings.interval_seconds, window=WINDOW_MESSAGES
        )
    if not settings.flights:
        return destination.create_app(
            name=settings.name, landings=settings.landings, coordinator=settings.coordinator, agent=agent
        )
    own = tuple(flight for flight in read_flights(Path(settings.flights)) if flight.origin == settings.name)
    return origin.create_app(
        name=settings.name,
        flights=own,
        destinations=settings.destinations,
        coordinator=settings.coordinator,
        agent=agent,
    )


def main() -> int:
    """Serve until told to stop."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    try:
        settings = msgspec.json.decode(sys.argv[1], type=ServiceSettings)
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        web.run_app(
            loop.run_until_complete(_made(settings)),
            host="127.0.0.1",
            port=settings.port,
            access_log=None,
            print=None,
            shutdown_timeout=0.5,
            loop=loop,
        )
    except CutpointError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


async def _made(settings: ServiceSettings) -> web.Application:
    return create_app(settings)


if __name__ == "__main__":
    sys.exit(main())
