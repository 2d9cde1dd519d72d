"""``/v1/history``: how cuts went, with the figures that a person on call asks for."""

from __future__ import annotations

import time
from typing import Annotated

import msgspec
from aiohttp import web

from cutpoint_coordinator.answers import HistoryAnswer
from cutpoint_coordinator.asked import PageQuery, query_of
from cutpoint_coordinator.faults import answer
from cutpoint_coordinator.history.figures import figures
from cutpoint_coordinator.http.context import Context
from cutpoint_coordinator.http.route import Route
from cutpoint_coordinator.paging import page_of

LIMIT_MAX = 500
HOURS_SHOWN = 7 * 24


class HistoryQuery(PageQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One page of the cuts that are told one by one, the newest first unless that is denied; ``limit`` 0: none."""

    limit: Annotated[int, msgspec.Meta(ge=0, le=LIMIT_MAX)] = 50
    newest_first: bool = True


class CutHistory:
    """The route."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def routes(self) -> tuple[Route, ...]:
        """What is served."""
        return (
            Route(
                method="GET",
                path="/v1/history",
                operation="history",
                handler=self._history,
                about="how cuts went: success rate, durations by phase, share of time, error budget",
                query=HistoryQuery,
                answers={200: HistoryAnswer},
            ),
        )

    async def _history(self, request: web.Request) -> web.Response:
        asked = query_of(request, HistoryQuery)
        history, settings = self._context.driver().history, self._context.service.settings
        page, following = page_of(history.cuts.values(), lambda record: record.story.cut, asked)
        return answer(
            HistoryAnswer(
                figures=figures(
                    history, now=time.time(), window_seconds=settings.objective_seconds, objective=settings.objective
                ),
                hours=tuple(history.hours.values())[-HOURS_SHOWN:],
                cuts=page,
                next=following,
            )
        )
