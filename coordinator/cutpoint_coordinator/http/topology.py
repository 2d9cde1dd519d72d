"""``/v1/topology``: the computation as the leading coordinator sees it."""

from __future__ import annotations

import asyncio
import logging

import msgspec
from aiohttp import web

from cutpoint.errors import CutpointError
from cutpoint.names import CutNumber
from cutpoint.protocol.certificate import Certificate
from cutpoint.protocol.coordination import Coordination
from cutpoint.store import Manifest, read_manifest
from cutpoint_coordinator import views
from cutpoint_coordinator.answers import MemberAnswer, TopologyAnswer
from cutpoint_coordinator.checking import certificate_of
from cutpoint_coordinator.faults import answer
from cutpoint_coordinator.http.context import Context
from cutpoint_coordinator.http.route import Route

NOTICES = 50
"""How many notices the topology shows."""


class Topology:
    """The route."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._last: tuple[Manifest, Certificate] | None = None

    def routes(self) -> tuple[Route, ...]:
        """What is served."""
        return (
            Route(
                method="GET",
                path="/v1/topology",
                operation="topology",
                handler=self._topology,
                about="processes, channels, the open cut, the recovery under way and whom it waits for, notices",
                answers={200: TopologyAnswer},
            ),
        )

    async def _topology(self, _: web.Request) -> web.Response:
        service, core = self._context.service, self._context.driver().core
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
                members=self._members(core),
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

    def _members(self, core: Coordination) -> tuple[MemberAnswer, ...]:
        """The processes, with what the policy declares of them."""
        policies = self._context.service.policies
        if policies is None:
            return views.members(core)
        policy = policies.policy
        return tuple(
            msgspec.structs.replace(
                member, owner=policy.owner_of(member.process), consistency=policy.consistency_of(member.process)
            )
            for member in views.members(core)
        )

    async def _evidence_of(self, cut: CutNumber) -> tuple[Manifest | None, Certificate | None]:
        """The manifest of the last recovery point and its certificate, read once; None if there is none to be had."""
        if not cut:
            return None, None
        service = self._context.service
        if self._last is None or self._last[0].cut != cut:
            try:
                manifest = await asyncio.to_thread(read_manifest, service.backend, cut, service.keys)
                self._last = manifest, certificate_of(manifest)
            except CutpointError as error:  # `verify` is for damage; the rest of the topology is worth seeing
                service.notices.add("manifest unreadable", str(error), level=logging.WARNING)
                return None, None
        return self._last
