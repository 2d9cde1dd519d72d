"""``/v1/history``: how cuts went, with the figures that a person on call asks for."""

from __future__ import annotations

import time
from itertools import islice

import msgspec
from aiohttp import web

from cutpoint_coordinator.answers import HistoryAnswer
from cutpoint_coordinator.asked import query_of
from cutpoint_coordinator.faults import Refused, answer
from cutpoint_coordinator.history.figures import figures
from cutpoint_coordinator.http.context import Context
from cutpoint_coordinator.http.route import Route

LIMIT_MAX = 500
HOURS_SHOWN = 7 * 24


class HistoryQuery(msgspec.Struct, frozen=True, kw_only=True):
    """``limit``: how many cuts are told one by one, the newest first; ``before``: only those with a lower number."""

    limit: int = 50
    before: int = 0


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
                faults=("bad_query",),
            ),
        )

    async def _history(self, request: web.Request) -> web.Response:
        asked = query_of(request, HistoryQuery)
        if not 0 <= asked.limit <= LIMIT_MAX or asked.before < 0:
            raise Refused(
                400,
                "bad_query",
                "no history can be told like that; nothing was done",
                f"give a limit up to {LIMIT_MAX}",
            )
        history, settings = self._context.driver().history, self._context.service.settings
        older = (each for each in reversed(history.cuts.values()) if not asked.before or each.story.cut < asked.before)
        found = tuple(islice(older, asked.limit + 1))
        more = len(found) > asked.limit and asked.limit > 0
        return answer(
            HistoryAnswer(
                figures=figures(
                    history, now=time.time(), window_seconds=settings.objective_seconds, objective=settings.objective
                ),
                hours=tuple(history.hours.values())[-HOURS_SHOWN:],
                cuts=found[: asked.limit],
                before=found[asked.limit - 1].story.cut if more else None,
            )
        )
