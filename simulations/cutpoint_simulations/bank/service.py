"""One bank: an ordinary aiohttp service with an agent beside it. Nothing here deals with cuts or recovery."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import aiohttp
from aiohttp import web

from cutpoint_agents import Agent, Settings

ACCOUNTS = 5
OPENING = 100
"""What is in each account of each bank at first."""

RETRY_SECONDS = 0.05


class OpeningHours:
    """Whether banks pay."""

    def __init__(self) -> None:
        self.open = True

    def close(self) -> None:
        """No bank begins another payment."""
        self.open = False


def create_app(
    name: str,
    *,
    coordinator: Sequence[str] | None,
    peers: Mapping[str, str],
    pause_seconds: float = 0.02,
    hours: OpeningHours | None = None,
    settings: Settings | None = None,
) -> web.Application:
    """Bank ``name``. It opens a channel to each of ``peers`` (name to URL) and pays over it, about each ``pause``.

    It pays during its ``hours``, by default always; it is paid at any time.
    """
    hours = hours or OpeningHours()
    agent = Agent(name, coordinator=coordinator, settings=settings)
    accounts = agent.table("accounts")
    receipts = agent.value("receipts", 0)
    payments = agent.value("paid", 0)

    def credit(account: int, amount: int) -> None:
        accounts[account] = accounts.get(account, OPENING) + amount

    @agent.task
    async def trade() -> None:
        async with aiohttp.ClientSession() as http, asyncio.TaskGroup() as tasks:
            for peer, url in peers.items():
                tasks.create_task(pay_to(http, peer, url))

    async def pay_to(http: aiohttp.ClientSession, peer: str, url: str) -> None:
        while True:
            try:
                bare = await http.ws_connect(f"{url}/payments")
            except aiohttp.ClientError:
                await asyncio.sleep(RETRY_SECONDS)
                continue
            channel = agent.wrap(bare, name=f"{name}-{peer}")
            paying = asyncio.create_task(pay(channel))
            try:
                async for message in channel:
                    receipts.value += message.json()["receipt"]
            finally:
                paying.cancel()

    async def pay(channel: Any) -> None:
        while True:
            await asyncio.sleep(agent.random.uniform(0.0, 2 * pause_seconds))
            if not hours.open:
                continue
            account = agent.random.randrange(ACCOUNTS)
            amount = agent.random.randint(1, max(1, accounts.get(account, OPENING) // 4))
            # No await from here to the call of send: a cut has both the debit and the payment, or neither.
            credit(account, -amount)
            payments.value += 1
            await channel.send_json({"account": agent.random.randrange(ACCOUNTS), "amount": amount})

    async def receive_payments(request: web.Request) -> web.WebSocketResponse:
        bare = web.WebSocketResponse()
        await bare.prepare(request)
        channel = agent.wrap(bare)
        async for message in channel:
            paid = message.json()
            credit(paid["account"], paid["amount"])
            await channel.send_json({"receipt": 1})
        return bare

    app = web.Application()
    app.router.add_get("/payments", receive_payments)
    app.cleanup_ctx.append(agent.context)
    app["agent"] = agent
    return app
