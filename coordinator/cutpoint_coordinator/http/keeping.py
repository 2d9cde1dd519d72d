"""``/v1/points/N/marks`` and ``/v1/collections``: how operators keep a store, with labels, pins and collections.

They go through the coordinator because it has the keys that sign, knows which recovery points there are, and makes the
registry forget one before its bytes go.
"""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from aiohttp import web

from cutpoint.store.marks import add_mark
from cutpoint.store.retention import Policy
from cutpoint_coordinator import views
from cutpoint_coordinator.access.callers import caller_now, require
from cutpoint_coordinator.answers import CollectionStatus, MarksAnswer
from cutpoint_coordinator.asked import CollectionBody, MarkBody, body_of, number_in_path
from cutpoint_coordinator.faults import Refused, answer
from cutpoint_coordinator.http.context import Context
from cutpoint_coordinator.http.route import Route
from cutpoint_coordinator.requests import NotLeading
from cutpoint_coordinator.upkeep import CollectionAnswer

if TYPE_CHECKING:
    from cutpoint_coordinator.collecting import Collecting

SOMEBODY = "an operator"
"""Who asks, where nobody says."""

PER_SECOND_MAX = 1_000_000.0


class Keeping:
    """The routes."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def routes(self) -> tuple[Route, ...]:
        """What is served."""
        return (
            Route(
                method="POST",
                path="/v1/points/{number}/marks",
                operation="mark",
                handler=self._mark,
                about="label or pin a recovery point, or take that back",
                body=MarkBody,
                answers={200: MarksAnswer},
                faults=("bad_number", "bad_request", "unknown_point", "missing", "damaged", "store_unreachable"),
                once="kept",
            ),
            Route(
                method="POST",
                path="/v1/collections",
                operation="collect",
                handler=self._collect,
                about="drop what retention does not keep, now, or only say what would go",
                body=CollectionBody,
                answers={200: CollectionAnswer},
                faults=("bad_request", "no_policy", "refused", "damaged", "store_unreachable"),
                once="kept",
            ),
            Route(
                method="GET",
                path="/v1/collections",
                operation="collection",
                handler=self._collection,
                about="what the coordinator keeps, and how the last collection went",
                answers={200: CollectionStatus},
            ),
        )

    async def _mark(self, request: web.Request) -> web.Response:
        number = number_in_path(request)
        body = await body_of(request, MarkBody)
        if body.event in ("unlabel", "unpin"):  # retention may then drop the recovery point
            require("restore", f"{body.event} a recovery point")
        views.point(self._context.driver().core, number)
        service = self._context.service
        mark = partial(
            add_mark,
            service.backend,
            number,
            body.event,
            label=body.label,
            by=caller_now().signed(body.by, SOMEBODY),
            at=datetime.fromtimestamp(time.time(), UTC),
            keys=service.keys,
        )
        marks = await asyncio.to_thread(mark)
        return answer(MarksAnswer(cut=number, labels=marks.labels, pinned=marks.pinned))

    async def _collect(self, request: web.Request) -> web.Response:
        body = await body_of(request, CollectionBody)
        collecting = self._collecting()
        policy = Policy.parse(body.keep) if body.keep else collecting.policy
        if policy is None:
            raise Refused(
                409,
                "no_policy",
                "the coordinator was not told what to keep; nothing was deleted",
                "say it with --keep, or start the coordinator with --keep",
            )
        if body.per_second is not None and not 0 < body.per_second <= PER_SECOND_MAX:
            raise Refused(
                400, "bad_body", f"per_second is {body.per_second:g}; nothing was done", "give a number above 0"
            )
        if body.dry_run:
            return answer(await collecting.plan(policy))
        return answer(
            await collecting.collect(policy, by=caller_now().signed(body.by, SOMEBODY), per_second=body.per_second)
        )

    async def _collection(self, _: web.Request) -> web.Response:
        status: CollectionStatus = self._collecting().status()
        return answer(status)

    def _collecting(self) -> Collecting:
        self._context.driver()
        keeping = self._context.service.keeping
        if keeping is None:
            raise NotLeading("this coordinator does not lead any more")
        return keeping.collecting
