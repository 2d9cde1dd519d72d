"""Two services for the cuts: a till that sends amounts and a vault that adds them up and confirms each."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Any

import aiohttp
from aiohttp import web

from cutpoint_agents import Agent
from tests.agents.rig import IMPATIENT, running, until


class Vault:
    """Adds up what comes, per till, and confirms it."""

    def __init__(self, coordinator: str | Sequence[str] | None, *, name: str = "vault", **options: Any) -> None:
        self.agent = Agent(name, coordinator=coordinator, settings=IMPATIENT, **options)
        self.sums = self.agent.table("sums")
        self.order: list[int] = []
        self.pause = 0.0
        self.url = ""

    async def _deposits(self, request: web.Request) -> web.StreamResponse:
        raw = web.WebSocketResponse()
        await raw.prepare(request)
        ws = self.agent.wrap(raw)
        async for message in ws:
            deposit = message.json()
            self.sums[deposit["till"]] = self.sums.get(deposit["till"], 0) + deposit["amount"]
            self.order.append(deposit["amount"])
            await ws.send_json({"confirmed": deposit["amount"]})
            if self.pause:
                await asyncio.sleep(self.pause)
        return raw

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[Vault]:
        app = web.Application()
        app.router.add_get("/deposits", self._deposits)
        app.cleanup_ctx.append(self.agent.context)
        async with running(app) as url:
            self.url = url + "/deposits"
            yield self


class Till:
    """Sends 1, 2, 3, ... up to ``last``; where it has got to, and what was confirmed, is state."""

    def __init__(
        self,
        coordinator: str | Sequence[str] | None,
        vault: str,
        *,
        last: int = 100,
        name: str = "till",
        **options: Any,
    ) -> None:
        self.agent = Agent(name, coordinator=coordinator, settings=IMPATIENT, **options)
        self.sent = self.agent.value("sent", 0)
        self.confirmed = self.agent.value("confirmed", 0)
        self.last = last
        self.pause = 0.001
        self.vault = vault
        self.starts = 0
        self.agent.task(self._run)

    async def _run(self) -> None:
        self.starts += 1
        async with aiohttp.ClientSession() as session, self.agent.wrap(session.ws_connect(self.vault)) as ws:
            listener = asyncio.create_task(self._listen(ws))
            try:
                while self.sent.value < self.last:
                    self.sent.value += 1
                    await ws.send_json({"till": self.agent.name, "amount": self.sent.value})
                    await asyncio.sleep(self.pause)
                await until(lambda: self.done, 30)
            finally:
                listener.cancel()

    async def _listen(self, ws: Any) -> None:
        async for message in ws:
            self.confirmed.value += message.json()["confirmed"]

    @property
    def total(self) -> int:
        """What the vault should hold in the end."""
        return self.last * (self.last + 1) // 2

    @property
    def done(self) -> bool:
        """Whether everything was sent and confirmed."""
        return self.sent.value == self.last and self.confirmed.value >= self.total
