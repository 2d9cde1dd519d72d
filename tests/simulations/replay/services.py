"""Small computations to be recorded and replayed: ``--app tests.simulations.replay.services:race`` and others.

In a race two runners tell a board every lap, and the board tells the press. `race` holds the planted bug: who is first
in a lap is who the network lets through first. `fair_race` counts laps, which comes to the same in any order.
"""

from __future__ import annotations

import asyncio
import functools
from typing import Any

import aiohttp
from aiohttp import web

from cutpoint_agents import Agent
from cutpoint_simulations.cluster import Cluster

LAPS = 30
LAP_SECONDS = 0.05


def race(cluster: Cluster) -> None:
    """Whoever is heard of first has won the lap: the bug."""
    _declare(cluster, fair=False)


def fair_race(cluster: Cluster) -> None:
    """Laps are counted."""
    _declare(cluster, fair=True)


def race_without_the_press(cluster: Cluster) -> None:
    """A process of the recording is not there."""
    _declare(cluster, fair=False, press=False)


def race_with_a_judge(cluster: Cluster) -> None:
    """Somebody who is in no recording, and is not content with the end."""
    _declare(cluster, fair=True)
    cluster.service("judge", functools.partial(judge, cluster.coordinator_urls))


def race_of_another_schema(cluster: Cluster) -> None:
    """The board has another version, and no migration."""
    _declare(cluster, fair=False, version=2)


def race_that_stumbles(cluster: Cluster) -> None:
    """The board fails at its start."""
    cluster.service("board", _stumble)


def race_that_breaks_down(cluster: Cluster) -> None:
    """The board cannot count to twenty-five."""
    _declare(cluster, fair=True, counts_to=25)


def race_against_a_rule(cluster: Cluster) -> None:
    """An invariant that the recording does not keep."""
    _declare(cluster, fair=True)
    cluster.invariant("no laps", lambda point: "somebody has run" if point.states["board"]["won"] else None)


def unhappy_race(cluster: Cluster) -> None:
    """A fair race with an invariant that does not hold at the end."""
    _declare(cluster, fair=True)
    cluster.finally_("laps", lambda point: f"only {sum(point.states['board']['won'].values())} laps were run")


def _declare(cluster: Cluster, *, fair: bool, press: bool = True, version: int = 1, counts_to: int = LAPS) -> None:
    urls = cluster.coordinator_urls
    cluster.service(
        "board", functools.partial(board, urls, cluster.url("press"), fair=fair, version=version, counts_to=counts_to)
    )
    for name in ("anna", "boris"):
        cluster.service(name, functools.partial(runner, name, urls, cluster.url("board")))
    if press:
        cluster.service("press", functools.partial(press_room, urls))


def runner(name: str, coordinator: list[str], board_url: str) -> web.Application:
    """Tells the board of each lap. A lap takes as long for everybody."""
    agent = Agent(name, coordinator=coordinator)
    laps = agent.value("laps", 0)

    @agent.task
    async def run() -> None:
        async with aiohttp.ClientSession() as http:
            channel = agent.wrap(await _connected(http, f"{board_url}/laps"), name="laps")
            while laps.value < LAPS:
                await asyncio.sleep(LAP_SECONDS)
                laps.value += 1
                await channel.send_json({"lap": laps.value, "runner": name})
            async for _ in channel:
                pass

    return _application(agent)


def board(coordinator: list[str], press_url: str, *, fair: bool, version: int, counts_to: int) -> web.Application:
    """Writes down who has won each lap."""
    agent = Agent("board", coordinator=coordinator)
    won = agent.table("won", version=version)
    channels: dict[str, Any] = {}

    async def hear(request: web.Request) -> web.WebSocketResponse:
        bare = web.WebSocketResponse()
        await bare.prepare(request)
        async for message in agent.wrap(bare):
            lap = message.json()
            if lap["lap"] > counts_to:
                raise ValueError(f"lap {lap['lap']} is too much")
            if fair:
                won[lap["runner"]] = won.get(lap["runner"], 0) + 1
            elif lap["lap"] not in won:
                won[lap["lap"]] = lap["runner"]
                if "press" in channels:
                    await channels["press"].send_json({"lap": lap["lap"], "winner": lap["runner"]})
        return bare

    @agent.task
    async def tell() -> None:
        async with aiohttp.ClientSession() as http:
            channel = agent.wrap(await _connected(http, f"{press_url}/news"), name="news")
            channels["press"] = channel
            async for _ in channel:
                pass

    app = _application(agent)
    app.router.add_get("/laps", hear)
    return app


def press_room(coordinator: list[str]) -> web.Application:
    """Counts what it is told."""
    agent = Agent("press", coordinator=coordinator)
    news = agent.value("news", 0)

    async def hear(request: web.Request) -> web.WebSocketResponse:
        bare = web.WebSocketResponse()
        await bare.prepare(request)
        async for _ in agent.wrap(bare):
            news.value += 1
        return bare

    app = _application(agent)
    app.router.add_get("/news", hear)
    return app


def judge(coordinator: list[str]) -> web.Application:
    """Watches."""
    return _application(Agent("judge", coordinator=coordinator))


def _stumble() -> web.Application:
    raise KeyError("no such thing")


def _application(agent: Agent) -> web.Application:
    app = web.Application()
    app.cleanup_ctx.append(agent.context)
    return app


async def _connected(http: aiohttp.ClientSession, url: str) -> aiohttp.ClientWebSocketResponse:
    while True:
        try:
            return await http.ws_connect(url)
        except aiohttp.ClientError:
            await asyncio.sleep(0.02)


def fails(cluster: Cluster) -> None:
    """A factory with a mistake."""
    assert 1 / 0
