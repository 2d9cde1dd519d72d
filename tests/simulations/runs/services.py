"""Small computations for the tests of runs: ``tests.simulations.runs.services:careless`` and others."""

from __future__ import annotations

import asyncio
import functools

import aiohttp
from aiohttp import web

from cutpoint_agents import Agent
from cutpoint_simulations.cluster import Cluster, Recorded

AT_FIRST = 100
PRICE = 1


def create_shop(coordinator: list[str]) -> web.Application:
    """It takes money."""
    agent = Agent("shop", coordinator=coordinator)
    money = agent.value("money", AT_FIRST)

    async def receive(request: web.Request) -> web.WebSocketResponse:
        bare = web.WebSocketResponse()
        await bare.prepare(request)
        channel = agent.wrap(bare)
        async for message in channel:
            money.value += int(message.data)
        return bare

    return _app(agent, receive)


def create_buyer(coordinator: list[str], shop: str, *, hesitates_seconds: float) -> web.Application:
    """It pays; if it hesitates, a cut between the debit and the payment loses money."""
    agent = Agent("buyer", coordinator=coordinator)
    money = agent.value("money", AT_FIRST)

    @agent.task
    async def pay() -> None:
        async with aiohttp.ClientSession() as http:
            channel = agent.wrap(await http.ws_connect(f"{shop}/pay"), name="pay")
            while True:
                await asyncio.sleep(0.1)
                money.value -= PRICE
                if hesitates_seconds:
                    await asyncio.sleep(hesitates_seconds)
                await channel.send_str(str(PRICE))

    return _app(agent)


def _app(agent: Agent, receive: object = None) -> web.Application:
    app = web.Application()
    if receive is not None:
        app.router.add_get("/pay", receive)  # type: ignore[arg-type]
    app.cleanup_ctx.append(agent.context)
    return app


def money(point: Recorded) -> str | None:
    """What both have and what is under way is what there was."""
    total = sum(states["money"] for states in point.states.values()) + PRICE * len(point.in_flight)
    wanted = AT_FIRST * len(point.states)
    return None if total == wanted else f"there are {total}, not {wanted}"


def _declare(cluster: Cluster, hesitates_seconds: float) -> None:
    urls = cluster.coordinator_urls
    cluster.service("shop", functools.partial(create_shop, urls))
    buyer = functools.partial(create_buyer, urls, cluster.url("shop"), hesitates_seconds=hesitates_seconds)
    cluster.service("buyer", buyer)
    cluster.invariant("money", money)


def careful(cluster: Cluster) -> None:
    """Nothing is wrong with these two."""
    _declare(cluster, 0.0)


def careless(cluster: Cluster) -> None:
    """Money is on no account for a moment."""
    _declare(cluster, 0.03)


def mortal(cluster: Cluster) -> None:
    """Its invariant is broken by the death of the shop, and by nothing else."""
    careful(cluster)
    shop = cluster.services["shop"]
    cluster.invariant("immortal", lambda point: f"the shop has died {shop.life - 1} times" if shop.life > 1 else None)


def broken(cluster: Cluster) -> None:
    """It cannot declare anything."""
    raise KeyError("no such price")


def nothing(cluster: Cluster) -> None:
    """It declares nothing."""


async def fail_at_start() -> None:
    """A program with a bug."""
    raise ZeroDivisionError("a bug")


def failing(cluster: Cluster) -> None:
    """One of its programs fails."""
    careful(cluster)
    cluster.program("failing", fail_at_start)


def stuck(cluster: Cluster) -> None:
    """One of its services has a turn that never ends, so that no cut is ever complete."""
    careful(cluster)
    cluster.service("stuck", functools.partial(create_stuck, cluster.coordinator_urls))


def create_stuck(coordinator: list[str]) -> web.Application:
    """It never lets anybody record its state."""
    agent = Agent("stuck", coordinator=coordinator)

    @agent.task
    async def think() -> None:
        async with agent.turn():
            await asyncio.sleep(3600)

    return _app(agent)
