"""The API of one service as an application that aiohttp serves."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from aiohttp import web

from cutpoint_coordinator.asked import BODY_BYTES_MAX
from cutpoint_coordinator.faults import explain
from cutpoint_coordinator.http.context import Context
from cutpoint_coordinator.http.routes import all_routes

if TYPE_CHECKING:
    from cutpoint_coordinator.service import Service


class Api:
    """The routes of one service."""

    def __init__(self, service: Service) -> None:
        self._stop = threading.Event()
        self.routes = all_routes(Context(service), self._stop)

    def application(self) -> web.Application:
        """An application with every route but the agents'."""
        application = web.Application(middlewares=[explain], client_max_size=BODY_BYTES_MAX)
        for route in self.routes:
            if route.method == "GET":
                application.router.add_get(route.path, route.handler)  # and HEAD
            else:
                application.router.add_route(route.method, route.path, route.handler)
        return application

    def close(self) -> None:
        """Call off what runs on threads."""
        self._stop.set()
