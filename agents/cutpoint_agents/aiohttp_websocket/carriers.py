"""The middleware that an agent adds to the application it lives in.

A peer that connects an interrupted session again says so in a header; such a request carries the session and never
reaches a handler, whose task still runs from the first connection. All other requests wait while the process is being
restored, and are known as handlers, so that a rollback can end them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from aiohttp import web

from cutpoint.errors import ConfigurationError, UsageError
from cutpoint_agents.aiohttp_websocket.transport import CARRIER_SLACK_BYTES, SESSION_HEADER, AiohttpTransport
from cutpoint_agents.driver import Driver

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_PATIENCE_SECONDS = 30.0


def install(app: web.Application, driver: Driver) -> None:
    """Add the middleware to ``app``, which is starting."""
    if app.frozen or app.middlewares.frozen:
        raise ConfigurationError(
            "agent.context was added to an application that is already joined to another; add it to the cleanup_ctx of "
            "the main application"
        )

    @web.middleware
    async def cutpoint(request: web.Request, handler: Handler) -> web.StreamResponse:
        if SESSION_HEADER in request.headers:
            return await _carry(request, driver)
        if not driver.running:
            await _wait_running(driver)
        task = asyncio.current_task()
        assert task is not None
        driver.activity.enter(task)
        try:
            return await handler(request)
        finally:
            driver.activity.leave(task)

    app.middlewares.append(cutpoint)


async def _wait_running(driver: Driver) -> None:
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            await driver.wait_running()
    except (TimeoutError, UsageError):
        raise web.HTTPServiceUnavailable(text=f"waiting for {driver.waiting_for}\n") from None


async def _carry(request: web.Request, driver: Driver) -> web.StreamResponse:
    """Serve a connection that carries a session which another handler has."""
    if not driver.running:
        raise web.HTTPServiceUnavailable(text="the process is being restored\n")
    ws = web.WebSocketResponse(
        max_msg_size=driver.settings.message_bytes_max + CARRIER_SLACK_BYTES,
        protocols=[p.strip() for p in request.headers.get("Sec-WebSocket-Protocol", "").split(",") if p.strip()],
    )
    await ws.prepare(request)
    connection = driver.switchboard.carry(AiohttpTransport(ws))
    await asyncio.wait((connection.pump_task,))
    return ws
