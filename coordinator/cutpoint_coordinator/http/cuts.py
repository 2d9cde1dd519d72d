"""``/v1/cuts``: take a cut, and how cuts ended or what the open one waits for."""

from __future__ import annotations

from aiohttp import web

from cutpoint.names import CutNumber
from cutpoint.protocol import coordinator_effects as told
from cutpoint_coordinator import views
from cutpoint_coordinator.answers import CutAnswer, CutsAnswer
from cutpoint_coordinator.asked import CutBody, PageQuery, WaitQuery, body_of, number_in_path, query_of
from cutpoint_coordinator.driver import Driver
from cutpoint_coordinator.faults import Refused, answer
from cutpoint_coordinator.http.context import Context
from cutpoint_coordinator.http.keys import key_of, key_reused
from cutpoint_coordinator.http.once import REPLAYED
from cutpoint_coordinator.http.outcomes import refusal
from cutpoint_coordinator.http.route import Route
from cutpoint_coordinator.http.waiting import wait_until
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
                faults=("refused",),
                once="ledger",
            ),
            Route(
                method="GET",
                path="/v1/cuts",
                operation="cuts",
                handler=self._all,
                about="cuts that were published or abandoned, or are open",
                query=PageQuery,
                answers={200: CutsAnswer},
            ),
            Route(
                method="GET",
                path="/v1/cuts/{number}",
                operation="cut_state",
                handler=self._one,
                about="how it stands with one cut; with `wait`, once it has ended",
                query=WaitQuery,
                answers={200: CutAnswer},
                faults=("bad_number", "unknown_cut"),
            ),
        )

    async def _take(self, request: web.Request) -> web.Response:
        body = await body_of(request, CutBody)
        driver = self._context.driver()
        key = await key_of(request)
        if key is not None and (known := views.cut_of_key(driver.core, key.prefix)) is not None:
            number, asked_as = known
            if asked_as != key.request:
                raise key_reused()
            return await self._again(number, body.timeout_seconds if body.wait else 0.0)
        asked = driver.request_cut(key.request if key is not None else "")
        if not body.wait:
            await asked.wait_opened(body.timeout_seconds)
            if not asked.outcome.done():
                return _not_ended(driver, asked)
        outcome = await asked.wait_outcome(body.timeout_seconds)
        if outcome is None:
            return _not_ended(driver, asked)
        match outcome:
            case told.CutPublished():
                return answer(views.with_history(CutAnswer.published(outcome.point), driver.history))
            case told.CutAbandoned():
                found = CutAnswer(cut=outcome.cut, state="abandoned", reason=outcome.reason)
                return answer(views.with_history(found, driver.history))
        raise refusal(outcome)

    async def _again(self, number: CutNumber, seconds: float) -> web.Response:
        """What became of the cut that this request led to when it was given before, maybe to another coordinator."""
        found = await self._settled(number, seconds)
        return answer(found, status=202 if found.state == "open" else 200, headers={REPLAYED: "true"})

    async def _settled(self, number: CutNumber, seconds: float) -> CutAnswer:
        """The cut when it has ended, or after ``seconds``. Raises `Refused`."""
        driver = self._context.driver()

        def ended() -> bool:
            found = views.cut(driver.core, number)
            return found is None or found.state != "open"

        await wait_until(driver, ended, seconds)
        driver = self._context.driver()
        found = views.cut(driver.core, number)
        if found is None:
            raise Refused(404, "unknown_cut", f"there is no cut {number} yet", "see /v1/cuts for those there are")
        return views.with_history(found, driver.history)

    async def _all(self, request: web.Request) -> web.Response:
        return answer(views.cuts(self._context.driver().core, query_of(request, PageQuery)))

    async def _one(self, request: web.Request) -> web.Response:
        number, query = number_in_path(request), query_of(request, WaitQuery)
        return answer(await self._settled(number, query.wait))


def _not_ended(driver: Driver, asked: Request) -> web.Response:
    if asked.cut is None:
        return answer(CutAnswer(cut=0, state="asked"), status=202)
    found = views.cut(driver.core, asked.cut)
    return answer(found or CutAnswer(cut=asked.cut, state="open"), status=202)
