"""A till and a purse, once sound and with three bugs that people write, and the machines that look for them.

* ``pause``: an await between the debit and the send;
* ``outside``: a running number that the agent does not know, and that no recovery brings back;
* ``again``: a payment that is sent again when its receipt is late, to a till that counts what comes.
"""

from __future__ import annotations

import asyncio
import functools
import json
from collections.abc import Callable, Sequence
from typing import Any, Literal

import aiohttp
from aiohttp import web

from cutpoint_agents import Agent
from cutpoint_simulations.kit import Cluster, ClusterMachine, Recorded

Flaw = Literal["", "pause", "outside", "again"]

PRICE = 5
MONEY = 1000
PATIENCE_SECONDS = 0.3


def create_till(*, coordinator: Sequence[str]) -> web.Application:
    agent = Agent("till", coordinator=coordinator)
    payments = agent.table("payments")

    async def take(request: web.Request) -> web.WebSocketResponse:
        bare = web.WebSocketResponse()
        await bare.prepare(request)
        channel = agent.wrap(bare)
        async for message in channel:
            paid = message.json()
            payments["sum"] = payments.get("sum", 0) + paid["paid"]
            payments["count"] = payments.get("count", 0) + 1
            payments["last"] = paid["number"]
            if paid["receipt"]:
                await channel.send_json({"receipt": paid["number"]})
        return bare

    async def tell(request: web.Request) -> web.Response:
        return web.json_response({"sum": payments.get("sum", 0)})

    app = web.Application()
    app.router.add_get("/take", take)
    app.router.add_get("/sum", tell)
    app.cleanup_ctx.append(agent.context)
    return app


def create_purse(*, coordinator: Sequence[str], till: str, flaw: Flaw = "", start: int = MONEY) -> web.Application:
    agent = Agent("purse", coordinator=coordinator)
    money = agent.value("money", start)
    numbers = agent.value("numbers", 0)
    outside = 0

    def next_number() -> int:
        nonlocal outside
        outside += 1
        numbers.value += 1
        return outside if flaw == "outside" else numbers.value

    async def pay(channel: Any) -> None:
        money.value -= PRICE
        number = next_number()
        if flaw == "pause":
            await asyncio.sleep(0.02)
        payment = {"paid": PRICE, "number": number, "receipt": flaw == "again"}
        await channel.send_json(payment)
        while payment["receipt"]:
            try:
                async with asyncio.timeout(PATIENCE_SECONDS):
                    if (await channel.receive_json())["receipt"] == number:
                        return
            except TimeoutError:
                await channel.send_json(payment)

    @agent.task
    async def buy() -> None:
        async with aiohttp.ClientSession() as http:
            channel = agent.wrap(await http.ws_connect(f"{till}/take"))
            while money.value >= PRICE:
                await pay(channel)
                await asyncio.sleep(0.03)

    app = web.Application()
    app.cleanup_ctx.append(agent.context)
    return app


def declare(cluster: Cluster, flaw: Flaw = "") -> None:
    urls = cluster.coordinator_urls
    cluster.service("till", lambda: create_till(coordinator=urls))
    cluster.service("purse", lambda: create_purse(coordinator=urls, till=cluster.url("till"), flaw=flaw))
    cluster.invariant("money is kept", money_is_kept)
    cluster.invariant("numbers have no gap", numbers_have_no_gap)


def flawed(flaw: Flaw) -> Callable[[Cluster], None]:
    return functools.partial(declare, flaw=flaw)


def money_is_kept(point: Recorded) -> str | None:
    on_its_way = sum(json.loads(message.payload).get("paid", 0) for message in point.in_flight)
    found = point.states["purse"]["money"] + point.states["till"]["payments"].get("sum", 0) + on_its_way
    return None if found == MONEY else f"there is {found}, and there should be {MONEY}"


def numbers_have_no_gap(point: Recorded) -> str | None:
    payments = point.states["till"]["payments"]
    count, last = payments.get("count", 0), payments.get("last", 0)
    return None if count == last else f"payment {last} was the till's number {count}"


class Shops(ClusterMachine):
    """A subclass says which flaw there is, and which faults there may be."""

    flaw: Flaw = ""

    def declare(self, cluster: Cluster) -> None:
        declare(cluster, self.flaw)
