"""A receiver of alerts: a real server on loopback that verifies what comes, and answers as it is told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from aiohttp import web

from cutpoint.errors import NotGenuine
from cutpoint.testing.loopback_server import free_ports
from cutpoint.webhooks import Alert, read_alert

PATIENCE_SECONDS = 60.0
PATH = "/services/T000/hidden-path"


class Receiver:
    """``statuses`` are answered first, then 204. ``held``: nothing is answered until it is set."""

    def __init__(self, secret: str) -> None:
        self.secret = secret
        self.alerts: list[Alert] = []
        self.forged: list[str] = []
        self.requests = 0
        self.statuses: list[int] = []
        self.redirects_to = ""
        self.held: asyncio.Event | None = None
        (self.port,) = free_ports(1)
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}{PATH}"

    async def open(self) -> Receiver:
        application = web.Application()
        application.router.add_post("/{path:.*}", self._receive)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()
        return self

    async def close(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    def kinds(self) -> list[str]:
        return [alert.kind for alert in self.alerts]

    async def _receive(self, request: web.Request) -> web.Response:
        self.requests += 1
        if self.held is not None:
            await self.held.wait()
        if self.redirects_to:
            return web.Response(status=307, headers={"Location": self.redirects_to})
        if self.statuses:
            return web.Response(status=self.statuses.pop(0), text="not now " * 1000)
        try:
            self.alerts.append(read_alert(await request.read(), request.headers, self.secret))
        except NotGenuine as error:
            self.forged.append(str(error))
            return web.Response(status=400)
        return web.Response(status=204)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not condition():
            await asyncio.sleep(0.02)
