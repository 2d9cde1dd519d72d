"""``/v1/webhooks``: to whom alerts go. A secret is in the answer that makes it, and nowhere else; a URL in none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from cutpoint.errors import ConfigurationError
from cutpoint.webhooks import check_secret
from cutpoint_coordinator.access.callers import caller_now
from cutpoint_coordinator.asked import body_of
from cutpoint_coordinator.faults import Refused, answer
from cutpoint_coordinator.http.context import Context
from cutpoint_coordinator.http.route import Route
from cutpoint_coordinator.requests import NotLeading
from cutpoint_coordinator.webhooks.answers import HookAnswer, HookBody, HooksAnswer, NewHookAnswer, TrialAnswer
from cutpoint_coordinator.webhooks.kept import check_kinds, check_name, check_url

if TYPE_CHECKING:
    from cutpoint_coordinator.webhooks.webhooks import Webhooks as Sending


class Webhooks:
    """The routes."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def routes(self) -> tuple[Route, ...]:
        """What is served."""
        return (
            Route(
                method="GET",
                path="/v1/webhooks",
                operation="webhooks",
                handler=self._list,
                about="the webhooks, and what became of their alerts",
                answers={200: HooksAnswer},
                faults=("no_webhooks",),
            ),
            Route(
                method="GET",
                path="/v1/webhooks/{name}",
                operation="webhook",
                handler=self._get,
                about="one webhook, and what became of its alerts",
                answers={200: HookAnswer},
                faults=("no_webhooks", "bad_name", "unknown_webhook"),
            ),
            Route(
                method="PUT",
                path="/v1/webhooks/{name}",
                operation="put_webhook",
                handler=self._put,
                about="send alerts somewhere; a secret that is made is in the answer and nowhere else",
                body=HookBody,
                answers={200: NewHookAnswer},
                faults=("no_webhooks", "bad_name", "bad_webhook", "too_many_webhooks"),
                once="secret",
            ),
            Route(
                method="DELETE",
                path="/v1/webhooks/{name}",
                operation="remove_webhook",
                handler=self._remove,
                about="send no alerts there any more; those that wait for it are dropped",
                answers={200: HookAnswer},
                faults=("no_webhooks", "bad_name", "unknown_webhook"),
                once="kept",
            ),
            Route(
                method="POST",
                path="/v1/webhooks/{name}/test",
                operation="test_webhook",
                handler=self._test,
                about="send one alert of the kind test there, now, and say what became of it",
                answers={200: TrialAnswer},
                faults=("no_webhooks", "bad_name", "unknown_webhook"),
                once="kept",
            ),
        )

    async def _list(self, _: web.Request) -> web.Response:
        return answer(self._webhooks().status())

    async def _get(self, request: web.Request) -> web.Response:
        return answer(self._webhooks().one(_name_in_path(request)))

    async def _put(self, request: web.Request) -> web.Response:
        name = _name_in_path(request)
        body = await body_of(request, HookBody)
        try:
            check_url(body.url)
            check_kinds(body.kinds)
            if body.secret:
                check_secret(body.secret)
        except ConfigurationError as error:
            raise _refused("bad_webhook", error) from error
        told = await self._webhooks().put(
            name,
            url=body.url,
            kinds=tuple(dict.fromkeys(body.kinds)),
            secret=body.secret,
            new_secret=body.new_secret,
            by=caller_now().title,
        )
        response = answer(told)
        response.headers["Cache-Control"] = "no-store"
        return response

    async def _remove(self, request: web.Request) -> web.Response:
        return answer(await self._webhooks().remove(_name_in_path(request)))

    async def _test(self, request: web.Request) -> web.Response:
        return answer(await self._webhooks().test(_name_in_path(request)))

    def _webhooks(self) -> Sending:
        self._context.driver()
        service = self._context.service
        if not service.settings.webhooks:
            raise Refused(
                409,
                "no_webhooks",
                "this coordinator was told to send no alerts; nothing was done",
                "start the coordinators without --no-webhooks",
            )
        if service.webhooks is None:
            raise NotLeading("this coordinator does not lead any more")
        return service.webhooks


def _name_in_path(request: web.Request) -> str:
    name = request.match_info["name"]
    try:
        check_name(name)
    except ConfigurationError as error:
        raise _refused("bad_name", error) from error
    return name


def _refused(code: str, error: ConfigurationError) -> Refused:
    message, _, remedy = str(error).rpartition("; ")
    return Refused(400, code, message, remedy)
