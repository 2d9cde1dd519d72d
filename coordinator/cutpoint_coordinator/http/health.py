"""``/healthz``, ``/readyz``: whether this coordinator runs, and whether it leads. Every coordinator answers them."""

from __future__ import annotations

from aiohttp import web

from cutpoint_coordinator.answers import HealthAnswer
from cutpoint_coordinator.faults import answer
from cutpoint_coordinator.http.context import Context
from cutpoint_coordinator.http.route import Route


class Health:
    """The routes."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def routes(self) -> tuple[Route, ...]:
        """What is served."""
        return (
            Route(
                method="GET",
                path="/healthz",
                operation="health",
                handler=self._healthz,
                about="whether the coordinator runs, and who leads",
                answers={200: HealthAnswer},
                leads=False,
            ),
            Route(
                method="GET",
                path="/readyz",
                operation="ready",
                handler=self._readyz,
                about="200 if this coordinator leads and knows the ledger, else 503",
                answers={200: HealthAnswer},
            ),
        )

    async def _healthz(self, _: web.Request) -> web.Response:
        return answer(self._context.service.health())

    async def _readyz(self, _: web.Request) -> web.Response:
        self._context.driver()
        return answer(self._context.service.health())
