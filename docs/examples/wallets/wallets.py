"""A purse that pays a shop: two ordinary aiohttp services with an agent beside each. One of them has a bug."""

import asyncio
from collections.abc import Sequence

import aiohttp
from aiohttp import web

from cutpoint_agents import Agent

PRICE = 5
MONEY = 1000


def create_shop(*, coordinator: Sequence[str]) -> web.Application:
    """Takes payments over a WebSocket and puts them into the till."""
    agent = Agent("shop", coordinator=coordinator)
    till = agent.value("till", 0)

    async def sales(request: web.Request) -> web.WebSocketResponse:
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        async for message in agent.wrap(ws):
            till.value += message.json()["paid"]
        return ws

    app = web.Application()
    app.router.add_get("/sales", sales)
    app.cleanup_ctx.append(agent.context)
    return app


def create_purse(*, coordinator: Sequence[str], shop: str) -> web.Application:
    """Buys things at the shop until the money is spent."""
    agent = Agent("purse", coordinator=coordinator)
    money = agent.value("money", MONEY)

    @agent.task
    async def buy() -> None:
        async with aiohttp.ClientSession() as http, http.ws_connect(f"{shop}/sales") as ws:
            channel = agent.wrap(ws)
            while money.value >= PRICE:
                money.value -= PRICE
                await asyncio.sleep(0.01)  # count the coins
                await channel.send_json({"paid": PRICE})

    app = web.Application()
    app.cleanup_ctx.append(agent.context)
    return app
