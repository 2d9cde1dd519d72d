"""``/v1/recoveries`` and ``/v1/releases``: go back, and go on without a process that is gone."""

from __future__ import annotations

from aiohttp import web

from cutpoint.protocol import coordinator_effects as told
from cutpoint_coordinator import views
from cutpoint_coordinator.answers import RecoveriesAnswer, RecoveryAnswer, ReleaseAnswer
from cutpoint_coordinator.asked import (
    PageQuery,
    RecoveryBody,
    ReleaseBody,
    WaitQuery,
    body_of,
    number_in_path,
    number_of,
    process_of,
    query_of,
)
from cutpoint_coordinator.faults import answer
from cutpoint_coordinator.http.context import Context
from cutpoint_coordinator.http.once import BEGUN
from cutpoint_coordinator.http.outcomes import refusal
from cutpoint_coordinator.http.route import Route
from cutpoint_coordinator.http.waiting import wait_until


class Recoveries:
    """The routes."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def routes(self) -> tuple[Route, ...]:
        """What is served."""
        return (
            Route(
                method="POST",
                path="/v1/recoveries",
                operation="recover",
                handler=self._recover,
                about="go back to a recovery point, or only say what that would do; 202 if it is not over in time",
                body=RecoveryBody,
                answers={200: RecoveryAnswer, 202: RecoveryAnswer},
                faults=("bad_number", "unknown_point", "no_point", "no_point_left", "refused"),
                once="kept",
            ),
            Route(
                method="GET",
                path="/v1/recoveries",
                operation="recoveries",
                handler=self._all,
                about="the recoveries that were completed",
                query=PageQuery,
                answers={200: RecoveriesAnswer},
            ),
            Route(
                method="GET",
                path="/v1/recoveries/{incarnation}",
                operation="recovery_state",
                handler=self._one,
                about="how it stands with the recovery that starts this incarnation; with `wait`, once it is over",
                query=WaitQuery,
                answers={200: RecoveryAnswer},
                faults=("bad_number", "unknown_recovery"),
            ),
            Route(
                method="POST",
                path="/v1/releases",
                operation="release",
                handler=self._release,
                about="go on without a process that is gone and will not come back",
                body=ReleaseBody,
                answers={200: ReleaseAnswer, 202: ReleaseAnswer},
                faults=("bad_name", "refused"),
                once="kept",
            ),
        )

    async def _recover(self, request: web.Request) -> web.Response:
        body = await body_of(request, RecoveryBody)
        target = number_of(body.cut, least=0)
        driver = self._context.driver()
        begun = BEGUN.get()
        if begun is not None and (done := views.recovery_since(driver.core, begun.least, target)) is not None:
            return answer(done)
        plan = views.plan(driver.core, target)
        if body.dry_run:
            return answer(plan)
        asked = driver.request_recovery(target)
        outcome = await asked.wait_outcome(body.timeout_seconds if body.wait else 0.0)
        match outcome:
            case None:
                current = views.recovery_under_way(driver.core)
                return answer(RecoveryAnswer.under_way(current, plan.cut), status=202)
            case told.RecoveryDone():
                return answer(RecoveryAnswer.done(outcome.recovery))
            case told.RecoveryFailed():
                return answer(RecoveryAnswer(state="failed", incarnation=0, cut=plan.cut, reason=outcome.reason))
        raise refusal(outcome)

    async def _all(self, request: web.Request) -> web.Response:
        return answer(views.recoveries(self._context.driver().core, query_of(request, PageQuery)))

    async def _one(self, request: web.Request) -> web.Response:
        number, query = number_in_path(request, "incarnation"), query_of(request, WaitQuery)
        driver = self._context.driver()
        await wait_until(driver, lambda: views.recovery(driver.core, number).state != "under way", query.wait)
        return answer(views.recovery(self._context.driver().core, number))

    async def _release(self, request: web.Request) -> web.Response:
        body = await body_of(request, ReleaseBody)
        driver, process = self._context.driver(), process_of(body.process)
        if BEGUN.get() is not None and views.is_released(driver.core, process):
            return answer(ReleaseAnswer(process=process))
        asked = driver.request_release(process)
        match outcome := await asked.wait_outcome(body.timeout_seconds):
            case None:
                return answer(ReleaseAnswer(process=body.process, state="asked"), status=202)
            case told.Released():
                return answer(ReleaseAnswer(process=outcome.process))
        raise refusal(outcome)
