"""The API of one service as an application that aiohttp serves."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from aiohttp import web

from cutpoint_coordinator.access.scopes import RULES
from cutpoint_coordinator.asked import query_of
from cutpoint_coordinator.bodies import bounded
from cutpoint_coordinator.faults import Handler, explain
from cutpoint_coordinator.http.context import Context
from cutpoint_coordinator.http.document import document
from cutpoint_coordinator.http.once import Once
from cutpoint_coordinator.http.route import Route
from cutpoint_coordinator.http.routes import all_routes

if TYPE_CHECKING:
    from cutpoint_coordinator.service import Service


class Api:
    """The routes of one service."""

    def __init__(self, service: Service, agents: Handler) -> None:
        self._gate = service.access.gate
        self._stop = threading.Event()
        context = Context(service)
        self._once = Once(context)
        self.routes = all_routes(context, self._stop, agents, self.document)

    def application(self) -> web.Application:
        """An application with every route."""
        longest: dict[tuple[str, str], int] = {(each.method, each.path): each.body_bytes_max for each in self.routes}
        application = web.Application(
            middlewares=[explain, bounded(longest), self._gate.middleware], client_max_size=max(longest.values())
        )
        for route in self.routes:
            handler = self._served(route)
            if route.method == "GET" and route.media == "application/json":
                application.router.add_get(route.path, handler)  # and HEAD
            else:
                application.router.add_route(route.method, route.path, handler)
        return application

    def document(self) -> dict[str, Any]:
        """What this API is, as OpenAPI says it."""
        return document(self.routes, {route: rule.scope for route, rule in RULES.items() if rule.scope})

    def close(self) -> None:
        """Call off what runs on threads."""
        self._stop.set()

    def _served(self, route: Route) -> Handler:
        """The handler of ``route``: for requests whose query it knows, and that do nothing twice for the same key."""

        async def handle(request: web.Request) -> web.StreamResponse:
            query_of(request, route.query)
            return await self._once.carry_out(route, request)

        return handle
