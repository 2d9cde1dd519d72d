"""One airport that flights leave from: an ordinary aiohttp service with an agent beside it.

It reads its flights in order and sends each one to the service of the region that it flies to; how far it has come
is state. A region answers every landing, and that is counted as confirmed. Sending waits for nothing but room in the
channel. Nothing here deals with cuts, failures or recovery: after a rollback the agent starts `depart` again, and it
goes on from the restored position.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import aiohttp
from aiohttp import web

from cutpoint_agents import Agent
from cutpoint_simulations.flights.hosting import WINDOW_MESSAGES, Host
from cutpoint_simulations.flights.reading import Flight
from cutpoint_simulations.flights.regions import region_of
from cutpoint_simulations.flights.standing import Standing, answering
from cutpoint_simulations.flights.tallies import Tallies

RETRY_SECONDS = 0.05


class Routes:
    """The open channel to each region. A sender waits here while a region cannot be reached."""

    def __init__(self, regions: Sequence[str]) -> None:
        self._open: dict[str, asyncio.Future[Any]] = {region: _future() for region in regions}

    async def channel(self, region: str) -> Any:
        """The channel to ``region``, as soon as there is one."""
        return await self._open[region]

    def opened(self, region: str, channel: Any) -> None:
        """Flights to ``region`` may be sent here."""
        self._open[region].set_result(channel)

    def closed(self, region: str) -> None:
        """Flights to ``region`` have to wait."""
        self._open[region] = _future()


def create_app(
    *,
    name: str,
    flights: Sequence[Flight],
    destinations: Mapping[str, str],
    coordinator: str | Sequence[str] = "http://127.0.0.1:7420",
    agent: Host | None = None,
) -> web.Application:
    """The service of airport ``name``. ``flights`` are its own, ``destinations`` maps each region to its URL."""
    agent = agent if agent is not None else Agent(name, coordinator=coordinator, window=WINDOW_MESSAGES)
    position = agent.value("position", 0)
    departed = agent.table("departed")
    confirmed = agent.table("confirmed")

    @agent.task
    async def depart() -> None:
        routes = Routes(tuple(destinations))
        async with aiohttp.ClientSession() as http, asyncio.TaskGroup() as tasks:
            for region, url in destinations.items():
                tasks.create_task(confirm(http, routes, region, url))
            while position.value < len(flights):
                flight = flights[position.value]
                channel = await routes.channel(region_of(flight.dest))
                # No await from here to the call of send: a cut has the flight departed and sent, or neither.
                position.value += 1
                departed[flight.route] = departed.get(flight.route, 0) + 1
                await channel.send_json(message_of(position.value, flight))

    async def confirm(http: aiohttp.ClientSession, routes: Routes, region: str, url: str) -> None:
        while True:
            try:
                bare = await http.ws_connect(f"{url}/landings")
            except aiohttp.ClientError:
                await asyncio.sleep(RETRY_SECONDS)
                continue
            channel = agent.wrap(bare, name=region)
            routes.opened(region, channel)
            async for message in channel:
                route = message.json()["landed"]
                confirmed[route] = confirmed.get(route, 0) + 1
            routes.closed(region)

    def standing() -> Standing:
        return Standing(
            name=name,
            position=position.value,
            done=position.value == len(flights) and sum(confirmed.values()) >= len(flights),
            tallies=Tallies(departed=dict(departed), confirmed=dict(confirmed)),
        )

    app = web.Application()
    app.router.add_get("/tallies", answering(standing))
    app.cleanup_ctx.append(agent.context)
    return app


def message_of(number: int, flight: Flight) -> dict[str, Any]:
    """What the region needs to know; ``number`` counts the departures of one airport from 1."""
    return {
        "number": number,
        "flight": f"{flight.carrier} {flight.flight}",
        "route": flight.route,
        "tailnum": flight.tailnum,
        "miles": flight.distance_miles,
    }


def _future() -> asyncio.Future[Any]:
    return asyncio.get_running_loop().create_future()
