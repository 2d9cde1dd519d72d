"""The HTTP API, version 1: JSON in, JSON out, and one shape for everything that goes wrong (`faults`).

====================================  =================================================================
``POST /v1/cuts``                     take a cut: ``{"wait": true, "timeout_seconds": 60}``
``GET /v1/cuts``, ``/v1/cuts/N``      how cuts ended, or what the open one waits for
``GET /v1/points``, ``/v1/points/N``  recovery points; one with its manifest and certificate
``POST /v1/points/N/marks``           label or pin one: ``{"event": "label", "label": NAME}``
``POST``, ``GET /v1/collections``     drop what retention does not keep (`keeping_api`); how the last one went
``POST /v1/verify``                   read back, every byte: ``{"cut": N}``, or all of them
``POST /v1/recoveries``               go back: ``{"cut": N, "dry_run": false, "wait": true}``
``GET /v1/recoveries``                the recoveries that were completed
``POST /v1/releases``                 go on without a process that is gone: ``{"process": NAME}``
``GET /v1/topology``                  processes, channels, the open cut, the recovery under way, notices
``GET /healthz``, ``/readyz``         it runs; it leads and knows the ledger (else 503)
``GET /v1/agents``                    for agents only (`agents_endpoint`)
====================================  =================================================================

Only the coordinator that leads answers below ``/v1``; the others answer 503 with the leader's address.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from typing import TYPE_CHECKING

import msgspec
from aiohttp import web

from cutpoint.errors import CutpointError
from cutpoint.names import CutNumber
from cutpoint.protocol import coordinator_effects as told
from cutpoint.protocol.certificate import Certificate
from cutpoint.store import Manifest, read_manifest
from cutpoint_coordinator import views
from cutpoint_coordinator.answers import (
    CutAnswer,
    PointDetailAnswer,
    RecoveryAnswer,
    ReleaseAnswer,
    TopologyAnswer,
    VerifyAnswer,
)
from cutpoint_coordinator.asked import (
    BODY_BYTES_MAX,
    CutBody,
    RecoveryBody,
    ReleaseBody,
    VerifyBody,
    body_of,
    number_in_path,
    number_of,
    process_of,
)
from cutpoint_coordinator.catalogued import Catalogue, detail_of
from cutpoint_coordinator.checking import certificate_of, verify_points
from cutpoint_coordinator.driver import Driver
from cutpoint_coordinator.faults import Refused, answer, explain
from cutpoint_coordinator.keeping_api import KeepingApi
from cutpoint_coordinator.requests import Request

if TYPE_CHECKING:
    from cutpoint_coordinator.service import Service

NOTICES = 50
"""How many notices the topology shows."""


class Api:
    """The routes of one service."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._stop = threading.Event()
        self._verifying = asyncio.Lock()
        self._last: tuple[Manifest, Certificate] | None = None
        self._catalogue = Catalogue(service.backend, service.keys)

    def application(self) -> web.Application:
        """An application with every route but the agents'."""
        application = web.Application(middlewares=[explain], client_max_size=BODY_BYTES_MAX)
        application.add_routes(
            [
                web.get("/healthz", self._healthz),
                web.get("/readyz", self._readyz),
                web.post("/v1/cuts", self._take_cut),
                web.get("/v1/cuts", self._cuts),
                web.get("/v1/cuts/{number}", self._cut),
                web.get("/v1/points", self._points),
                web.get("/v1/points/{number}", self._point),
                web.post("/v1/verify", self._verify),
                web.post("/v1/recoveries", self._recover),
                web.get("/v1/recoveries", self._recoveries),
                web.post("/v1/releases", self._release),
                web.get("/v1/topology", self._topology),
                *KeepingApi(self._service, self._driver).routes(),
            ]
        )
        return application

    def close(self) -> None:
        """Call off what runs on threads."""
        self._stop.set()

    def _driver(self) -> Driver:
        driver = self._service.leading()
        if isinstance(driver, str):
            leader = self._service.leader_address
            remedy = f"ask {leader}" if leader else "try again in a moment"
            raise Refused(503, "not_leading", f"{driver}; nothing was done", remedy, leader)
        return driver

    # --------------------------------------------------------------------------------------------------- health

    async def _healthz(self, _: web.Request) -> web.Response:
        return answer(self._service.health())

    async def _readyz(self, _: web.Request) -> web.Response:
        self._driver()
        return answer(self._service.health())

    # ----------------------------------------------------------------------------------------------------- cuts

    async def _take_cut(self, request: web.Request) -> web.Response:
        body = await body_of(request, CutBody)
        driver = self._driver()
        asked = driver.request_cut()
        if not body.wait:
            if not await asked.wait_opened(body.timeout_seconds):
                raise _late("cut")
            if asked.cut is not None and not asked.outcome.done():
                return answer(CutAnswer(cut=asked.cut, state="open"), status=202)
        outcome = await asked.wait_outcome(body.timeout_seconds)
        if outcome is None:
            return self._still_open(driver, asked)
        match outcome:
            case told.CutPublished():
                return answer(CutAnswer.published(outcome.point))
            case told.CutAbandoned():
                return answer(CutAnswer(cut=outcome.cut, state="abandoned", reason=outcome.reason))
        raise _refusal(outcome)

    @staticmethod
    def _still_open(driver: Driver, asked: Request) -> web.Response:
        if asked.cut is None:
            raise _late("cut")
        found = views.cut(driver.core, asked.cut)
        return answer(found or CutAnswer(cut=asked.cut, state="open"), status=202)

    async def _cuts(self, _: web.Request) -> web.Response:
        return answer(views.cuts(self._driver().core))

    async def _cut(self, request: web.Request) -> web.Response:
        number = number_in_path(request)
        found = views.cut(self._driver().core, number)
        if found is None:
            raise Refused(404, "unknown_cut", f"there is no cut {number} yet", "see /v1/cuts for those there are")
        return answer(found)

    # --------------------------------------------------------------------------------------------------- points

    async def _points(self, _: web.Request) -> web.Response:
        found = views.points(self._driver().core)
        return answer(await asyncio.to_thread(self._catalogue.complete, found))

    async def _point(self, request: web.Request) -> web.Response:
        number = number_in_path(request)
        point = views.point(self._driver().core, number)
        service = self._service
        manifest = await asyncio.to_thread(read_manifest, service.backend, number, service.keys)
        detail = await asyncio.to_thread(detail_of, service.backend, number, service.keys)
        return answer(PointDetailAnswer(point=point, manifest=msgspec.to_builtins(manifest), detail=detail))

    async def _verify(self, request: web.Request) -> web.Response:
        body = await body_of(request, VerifyBody)
        number = number_of(body.cut)
        core = self._driver().core
        if number is not None:
            views.point(core, number)
        numbers = (number,) if number is not None else tuple(sorted(core.ledger.points))
        async with self._verifying:  # one reader of everything at a time
            return answer(await self._read_back(numbers))

    async def _read_back(self, numbers: tuple[CutNumber, ...]) -> VerifyAnswer:
        return await asyncio.to_thread(verify_points, self._service.backend, numbers, self._stop, self._service.keys)

    # ------------------------------------------------------------------------------------------------ recoveries

    async def _recover(self, request: web.Request) -> web.Response:
        body = await body_of(request, RecoveryBody)
        target = number_of(body.cut, least=0)
        driver = self._driver()
        plan = views.plan(driver.core, target)
        if body.dry_run:
            return answer(plan)
        asked = driver.request_recovery(target)
        outcome = await asked.wait_outcome(body.timeout_seconds if body.wait else 0.0)
        if outcome is None:
            current = views.recovery_under_way(driver.core)
            return answer(
                RecoveryAnswer(
                    state="under way",
                    incarnation=current.incarnation if current else 0,
                    cut=current.target if current else plan.cut,
                    reason=current.reason if current else "",
                    waits_for=current.waits_for if current else (),
                ),
                status=202,
            )
        match outcome:
            case told.RecoveryDone():
                return answer(RecoveryAnswer.done(outcome.recovery))
            case told.RecoveryFailed():
                return answer(RecoveryAnswer(state="failed", incarnation=0, cut=plan.cut, reason=outcome.reason))
        raise _refusal(outcome)

    async def _recoveries(self, _: web.Request) -> web.Response:
        return answer(views.recoveries(self._driver().core))

    # -------------------------------------------------------------------------------------------------- topology

    async def _release(self, request: web.Request) -> web.Response:
        body = await body_of(request, ReleaseBody)
        asked = self._driver().request_release(process_of(body.process))
        match outcome := await asked.wait_outcome(body.timeout_seconds):
            case None:
                raise _late("release")
            case told.Released():
                return answer(ReleaseAnswer(process=outcome.process))
        raise _refusal(outcome)

    async def _topology(self, _: web.Request) -> web.Response:
        service, core = self._service, self._driver().core
        keeping = service.keeping
        overview = core.statistics()
        last = max(core.ledger.points, default=CutNumber(0))
        manifest, certificate = await self._evidence_of(last)
        return answer(
            TopologyAnswer(
                computation=service.settings.computation,
                coordinator=service.candidate,
                address=service.url,
                store=service.backend.url,
                incarnation=overview.incarnation,
                last_cut=overview.last_cut,
                base=overview.base,
                hold=overview.hold,
                hindrance=overview.hindrance,
                members=views.members(core),
                channels=views.channels(certificate) if certificate else (),
                as_of=last if certificate else 0,
                boundary=manifest.boundary if manifest else (),
                open_cut=views.open_cut(core),
                recovery=views.recovery_under_way(core),
                collection=keeping.collecting.status() if keeping else None,
                replica=keeping.replicating.status() if keeping and keeping.replicating else None,
                notices=service.notices.latest(NOTICES),
            )
        )

    async def _evidence_of(self, cut: CutNumber) -> tuple[Manifest | None, Certificate | None]:
        """The manifest of the last recovery point and its certificate, read once; None if there is none to be had."""
        if not cut:
            return None, None
        if self._last is None or self._last[0].cut != cut:
            try:
                manifest = await asyncio.to_thread(read_manifest, self._service.backend, cut, self._service.keys)
                self._last = manifest, certificate_of(manifest)
            except CutpointError as error:  # `verify` is for damage; the rest of the topology is worth seeing
                self._service.notices.add("manifest unreadable", str(error), level=logging.WARNING)
                return None, None
        return self._last


def _late(what: str) -> Refused:
    return Refused(
        504,
        "no_answer_yet",
        f"the {what} did not begin within the time; it may still begin",
        "see /v1/topology for what it waits for, or ask again with a longer timeout_seconds",
    )


def _refusal(outcome: told.Outcome) -> Refused:
    if isinstance(outcome, told.Refusal):
        message, _, remedy = outcome.reason.rpartition("; ")
        return Refused(409, "refused", message or remedy, remedy if message else "see /v1/topology")
    return Refused(500, "internal", f"an answer of another kind came ({type(outcome).__name__})", "tell us of it")
