"""``/v1/points`` and ``/v1/verify``: recovery points, one of them in full, and reading them back."""

from __future__ import annotations

import asyncio
import threading

import msgspec
from aiohttp import web

from cutpoint.names import CutNumber
from cutpoint.store import read_manifest
from cutpoint_coordinator import views
from cutpoint_coordinator.answers import PointDetailAnswer, PointsAnswer, VerifyAnswer
from cutpoint_coordinator.asked import PageQuery, VerifyBody, body_of, number_in_path, number_of, query_of
from cutpoint_coordinator.catalogued import Catalogue, detail_of
from cutpoint_coordinator.checking import verify_points
from cutpoint_coordinator.faults import answer
from cutpoint_coordinator.http.context import Context
from cutpoint_coordinator.http.route import Route


class Points:
    """The routes. ``stop`` calls off what runs on a thread."""

    def __init__(self, context: Context, stop: threading.Event) -> None:
        self._context = context
        self._stop = stop
        self._verifying = asyncio.Lock()
        self._catalogue = Catalogue(context.service.backend, context.service.keys)

    def routes(self) -> tuple[Route, ...]:
        """What is served."""
        return (
            Route(
                method="GET",
                path="/v1/points",
                operation="points",
                handler=self._all,
                about="recovery points with their sizes, labels and pins",
                query=PageQuery,
                answers={200: PointsAnswer},
            ),
            Route(
                method="GET",
                path="/v1/points/{number}",
                operation="point",
                handler=self._one,
                about="one recovery point with its manifest, its certificate, its states, runs and packs",
                answers={200: PointDetailAnswer},
                faults=("bad_number", "unknown_point", "missing", "damaged", "store_unreachable"),
            ),
            Route(
                method="POST",
                path="/v1/verify",
                operation="verify",
                handler=self._verify,
                about="read every byte back and prove each cut again",
                body=VerifyBody,
                answers={200: VerifyAnswer},
                faults=("bad_number", "unknown_point"),
            ),
        )

    async def _all(self, request: web.Request) -> web.Response:
        found = views.points(self._context.driver().core, query_of(request, PageQuery))
        return answer(await asyncio.to_thread(self._catalogue.complete, found))

    async def _one(self, request: web.Request) -> web.Response:
        number = number_in_path(request)
        point = views.point(self._context.driver().core, number)
        service = self._context.service
        manifest = await asyncio.to_thread(read_manifest, service.backend, number, service.keys)
        detail = await asyncio.to_thread(detail_of, service.backend, number, service.keys)
        return answer(PointDetailAnswer(point=point, manifest=msgspec.to_builtins(manifest), detail=detail))

    async def _verify(self, request: web.Request) -> web.Response:
        body = await body_of(request, VerifyBody)
        number = number_of(body.cut)
        core = self._context.driver().core
        if number is not None:
            views.point(core, number)
        numbers = (number,) if number is not None else tuple(sorted(core.ledger.points))
        async with self._verifying:  # one reader of everything at a time
            return answer(await self._read_back(numbers))

    async def _read_back(self, numbers: tuple[CutNumber, ...]) -> VerifyAnswer:
        service = self._context.service
        return await asyncio.to_thread(verify_points, service.backend, numbers, self._stop, service.keys)
