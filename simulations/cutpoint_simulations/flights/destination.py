"""The airports of one region: an ordinary aiohttp service with an agent beside it.

It lands what comes in on its channels, at most so many flights a second over all of them, counts arrivals by route
and the miles of each aircraft, and answers every landing. Nothing here deals with cuts, failures or recovery.
"""

from __future__ import annotations

from collections.abc import Sequence

from aiohttp import web

from cutpoint_agents import Agent
from cutpoint_simulations.flights.hosting import WINDOW_MESSAGES, Host
from cutpoint_simulations.flights.pacing import Runway
from cutpoint_simulations.flights.standing import Standing, answering
from cutpoint_simulations.flights.tallies import Tallies

IDLE_SECONDS = 1.0
"""A service that had nothing to land for so long says that it is done; it goes on listening."""


def create_app(
    *,
    name: str,
    landings: float = 400.0,
    coordinator: str | Sequence[str] = "http://127.0.0.1:7420",
    agent: Host | None = None,
) -> web.Application:
    """The service of region ``name``, which lands at most ``landings`` flights a second."""
    agent = agent if agent is not None else Agent(name, coordinator=coordinator, window=WINDOW_MESSAGES)
    arrived = agent.table("arrived")
    miles = agent.table("miles")
    landed = agent.value("landed", 0)
    runway = Runway(landings)

    async def receive_flights(request: web.Request) -> web.WebSocketResponse:
        bare = web.WebSocketResponse()
        await bare.prepare(request)
        channel = agent.wrap(bare)
        async for message in channel:
            flight = message.json()
            await runway.clear()
            route, tailnum = flight["route"], flight["tailnum"]
            arrived[route] = arrived.get(route, 0) + 1
            miles[tailnum] = miles.get(tailnum, 0) + flight["miles"]
            landed.value += 1
            await channel.send_json({"landed": route, "flight": flight["flight"], "number": landed.value})
        return bare

    def standing() -> Standing:
        return Standing(
            name=name,
            position=landed.value,
            done=runway.idle_seconds > IDLE_SECONDS,
            tallies=Tallies(arrived=dict(arrived), miles=dict(miles)),
        )

    app = web.Application()
    app.router.add_get("/landings", receive_flights)
    app.router.add_get("/tallies", answering(standing))
    app.cleanup_ctx.append(agent.context)
    return app
