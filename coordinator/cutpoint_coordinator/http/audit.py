"""``/v1/audit``: who did what, when, from where, and how it ended; the newest first, a page at a time."""

from __future__ import annotations

from aiohttp import web

from cutpoint_coordinator.access.answers import AuditAnswer, AuditQuery
from cutpoint_coordinator.asked import query_of
from cutpoint_coordinator.faults import answer
from cutpoint_coordinator.http.context import Context
from cutpoint_coordinator.http.route import Route
from cutpoint_coordinator.paging import page_of


class AuditLog:
    """The route."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def routes(self) -> tuple[Route, ...]:
        """What is served."""
        return (
            Route(
                method="GET",
                path="/v1/audit",
                operation="audit",
                handler=self._audit,
                about="who did what, when, from where, and how it ended; the newest first",
                query=AuditQuery,
                answers={200: AuditAnswer},
            ),
        )

    async def _audit(self, request: web.Request) -> web.Response:
        self._context.driver()
        asked = query_of(request, AuditQuery)
        found = await self._context.service.audit.entries()
        page, following = page_of(found, lambda entry: entry.number, asked)
        return answer(AuditAnswer(entries=page, next=following))
