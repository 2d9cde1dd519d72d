"""``/metrics``: what Prometheus reads. Every coordinator answers."""

from __future__ import annotations

from aiohttp import web

from cutpoint_coordinator.http.context import Context
from cutpoint_coordinator.http.route import Route


class Figures:
    """The route."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def routes(self) -> tuple[Route, ...]:
        """What is served."""
        return (
            Route(
                method="GET",
                path="/metrics",
                operation="",
                handler=self._metrics,
                about="metrics, in the text format of Prometheus",
                answers={200: None},
                media="text/plain",
                leads=False,
            ),
        )

    async def _metrics(self, _: web.Request) -> web.Response:
        on_call = self._context.service.on_call
        return web.Response(body=on_call.metrics.exposition(), headers={"Content-Type": on_call.content_type})
