"""``/v1/cuts``: take a cut, and how cuts ended or what the open one waits for."""

from __future__ import annotations

from aiohttp import web

from cutpoint.protocol import coordinator_effects as told
from cutpoint_coordinator import views
from cutpoint_coordinator.answers import CutAnswer, CutsAnswer
from cutpoint_coordinator.asked import CutBody, body_of, number_in_path
from cutpoint_coordinator.driver import Driver
from cutpoint_coordinator.faults import Refused, answer
from cutpoint_coordinator.http.context import Context
from cutpoint_coordinator.http.outcomes import late, refusal
from cutpoint_coordinator.http.route import Route
from cutpoint_coordinator.requests import Request


class Cuts:
    """The routes."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def routes(self) -> tuple[Route, ...]:
        """What is served."""
        return (
            Route(
                method="POST",
                path="/v1/cuts",
                operation="cut",
                handler=self._take,
                about="take a cut; 202 if it has not ended within the time",
                body=CutBody,
                answers={200: CutAnswer, 202: CutAnswer},
                faults=("refused", "no_answer_yet"),
            ),
            Route(
                method="GET",
                path="/v1/cuts",
                operation="cuts",
                handler=self._all,
                about="cuts that were published or abandoned, or are open",
                answers={200: CutsAnswer},
            ),
            Route(
                method="GET",
                path="/v1/cuts/{number}",
                operation="cut_state",
                handler=self._one,
                about="how it stands with one cut",
                answers={200: CutAnswer},
                faults=("unknown_cut",),
            ),
        )

    async def _take(self, request: web.Request) -> web.Response:
        body = await body_of(request, CutBody)
        driver = self._context.driver()
        asked = driver.request_cut()
        if not body.wait:
            if not await asked.wait_opened(body.timeout_seconds):
                raise late("cut")
            if asked.cut is not None and not asked.outcome.done():
                return answer(CutAnswer(cut=asked.cut, state="open"), status=202)
        outcome = await asked.wait_outcome(body.timeout_seconds)
        if outcome is None:
            return _still_open(driver, asked)
        match outcome:
            case told.CutPublished():
                return answer(views.with_history(CutAnswer.published(outcome.point), driver.history))
            case told.CutAbandoned():
                found = CutAnswer(cut=outcome.cut, state="abandoned", reason=outcome.reason)
                return answer(views.with_history(found, driver.history))
        raise refusal(outcome)

    async def _all(self, _: web.Request) -> web.Response:
        return answer(views.cuts(self._context.driver().core))

    async def _one(self, request: web.Request) -> web.Response:
        number = number_in_path(request)
        driver = self._context.driver()
        found = views.cut(driver.core, number)
        if found is None:
            raise Refused(404, "unknown_cut", f"there is no cut {number} yet", "see /v1/cuts for those there are")
        return answer(views.with_history(found, driver.history))


def _still_open(driver: Driver, asked: Request) -> web.Response:
    if asked.cut is None:
        raise late("cut")
    found = views.cut(driver.core, asked.cut)
    return answer(found or CutAnswer(cut=asked.cut, state="open"), status=202)
