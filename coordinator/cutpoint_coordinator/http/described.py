"""``/v1/openapi.json``: what this API is, for programs. Every coordinator answers it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from aiohttp import web

from cutpoint_coordinator.http.route import Route


class Described:
    """The route; ``document`` gives what it serves."""

    def __init__(self, document: Callable[[], dict[str, Any]]) -> None:
        self._document = document

    def routes(self) -> tuple[Route, ...]:
        """What is served."""
        return (
            Route(
                method="GET",
                path="/v1/openapi.json",
                operation="openapi",
                handler=self._serve,
                about="this API as an OpenAPI 3.1 document",
                answers={200: None},
                leads=False,
            ),
        )

    async def _serve(self, _: web.Request) -> web.Response:
        return web.Response(body=msgspec.json.encode(self._document()), content_type="application/json")
