"""One bank: an ordinary aiohttp service with an agent beside it. Nothing here deals with cuts or recovery."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Awaitable, Mapping, Sequence
from typing import Any

import aiohttp
from aiohttp import web

from cutpoint_agents import Agent, Settings
from cutpoint_agents.settings import Rollback
from cutpoint_simulations.bank.book import Book, Bookkeeping

ACCOUNTS = 5
OPENING = 100
"""What is in each account of each bank at first."""

RETRY_SECONDS = 0.05
BOOKING_SECONDS = 0.1
"""The longest that a bank takes to book a payment, every second time; mostly it takes much less."""

BURST_MOST = 3
"""So many payments leave together at most."""

HANGS_UP = 0.05
"""How often a bank closes a channel after a payment, to open the next one."""


class OpeningHours:
    """Whether banks pay."""

    def __init__(self) -> None:
        self.open = True

    def close(self) -> None:
        """No bank begins another payment."""
        self.open = False


class Bank:
    """The accounts, and what is done with them. ``book``: where each change is written down, if it is."""

    def __init__(self, agent: Agent, *, hours: OpeningHours, pause_seconds: float, book: Book | None = None) -> None:
        self._agent = agent
        self._hours = hours
        self._pause_seconds = pause_seconds
        self._accounts = agent.table("accounts")
        self._paid = agent.value("paid", 0)
        self._booked = agent.value("booked", 0)
        self._receipts = agent.value("receipts", 0)
        self._book = book

    def credit(self, account: int, amount: int) -> None:
        """Change what is in an account."""
        self._accounts[account] = self._accounts.get(account, OPENING) + amount
        if self._book is not None:
            self._book.write(account, amount)

    async def trade(self, peers: Mapping[str, str]) -> None:
        """Pay all of ``peers`` (name to URL) for ever."""
        async with aiohttp.ClientSession() as http, asyncio.TaskGroup() as tasks:
            for peer, url in peers.items():
                tasks.create_task(self._deal_with(http, peer, url))

    async def _deal_with(self, http: aiohttp.ClientSession, peer: str, url: str) -> None:
        while True:
            try:
                bare = await http.ws_connect(f"{url}/payments")
            except aiohttp.ClientError:
                await asyncio.sleep(RETRY_SECONDS)
                continue
            channel = self._agent.wrap(bare, name=f"{self._agent.name}-{peer}")
            paying = asyncio.create_task(self._pay(channel))
            try:
                async for message in channel:
                    self._receipts.value += message.json()["receipt"]
            finally:
                paying.cancel()

    async def _pay(self, channel: Any) -> None:
        """Pay now and then, until the bank hangs up."""
        chance = self._agent.random
        while True:
            await asyncio.sleep(chance.uniform(0.0, 2 * self._pause_seconds))
            if not self._hours.open:
                continue
            payments = [self._send_payment(channel) for _ in range(chance.randint(1, BURST_MOST))]
            for payment in payments:
                await payment
            if chance.random() < HANGS_UP:
                await channel.close()
                return

    def _send_payment(self, channel: Any) -> Awaitable[None]:
        """No await from the debit to the call of send: a cut has both or neither."""
        chance = self._agent.random
        account = chance.randrange(ACCOUNTS)
        amount = chance.randint(1, max(1, self._accounts.get(account, OPENING) // 4))
        self.credit(account, -amount)
        self._paid.value += 1
        sent: Awaitable[None] = channel.send_json({"account": chance.randrange(ACCOUNTS), "amount": amount})
        return sent

    async def receive_payments(self, request: web.Request) -> web.WebSocketResponse:
        """Book what another bank pays, and give receipts. A cut waits until a payment is booked."""
        bare = web.WebSocketResponse()
        await bare.prepare(request)
        channel = self._agent.wrap(bare)
        async for message in channel:
            paid = message.json()
            if self._agent.random.random() < 0.5:
                await asyncio.sleep(BOOKING_SECONDS * self._agent.random.random() ** 3)
            self.credit(paid["account"], paid["amount"])
            self._booked.value += 1
            if not channel.closed:
                await channel.send_json({"receipt": 1})
        return bare


def create_app(
    name: str,
    *,
    coordinator: Sequence[str] | None,
    peers: Mapping[str, str],
    pause_seconds: float = 0.02,
    hours: OpeningHours | None = None,
    settings: Settings | None = None,
    rollback: Rollback = "in-place",
    bookkeeping: Bookkeeping | None = None,
) -> web.Application:
    """Bank ``name``. It opens a channel to each of ``peers`` (name to URL) and pays over it, about each ``pause``.

    It pays during its ``hours``, by default always; it is paid at any time. It keeps a book if it is said how.
    """
    hours = hours or OpeningHours()
    if bookkeeping is not None:
        kept = {name: getattr(bookkeeping, name) for name in ("slice_entries", "chunk_bytes", "pack_bytes", "tiers")}
        settings = dataclasses.replace(settings or Settings(), **kept)
    agent = Agent(name, coordinator=coordinator, settings=settings, rollback=rollback)
    book = None
    if bookkeeping is not None:
        book = Book(agent, lines_most=bookkeeping.lines_most, pause_seconds=pause_seconds, is_open=lambda: hours.open)
        agent.task(book.correct)
    bank = Bank(agent, hours=hours, pause_seconds=pause_seconds, book=book)

    @agent.task
    async def trade() -> None:
        await bank.trade(peers)

    app = web.Application()
    app.router.add_get("/payments", bank.receive_payments)
    app.cleanup_ctx.append(agent.context)
    return app
