"""``/v1/policy``: the policy in force, and how another one is declared, which holds at once."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from cutpoint.policy import BYTES_MAX, Change, PolicyMistakes, changes, read_document, read_policy, to_document, to_toml
from cutpoint_coordinator import policies
from cutpoint_coordinator.access.callers import caller_now
from cutpoint_coordinator.asked import body_of
from cutpoint_coordinator.faults import Refused, answer
from cutpoint_coordinator.http.context import Context
from cutpoint_coordinator.http.keeping import SOMEBODY
from cutpoint_coordinator.http.route import Route
from cutpoint_coordinator.policy_answers import PolicyAnswer, PolicyBody
from cutpoint_coordinator.requests import NotLeading

MISTAKES_TOLD = 10
"""How many mistakes one answer lists."""


class Policies:
    """The routes."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def routes(self) -> tuple[Route, ...]:
        """What is served."""
        return (
            Route(
                method="GET",
                path="/v1/policy",
                operation="policy",
                handler=self._show,
                about="the policy in force, who has declared it, and when; its version is the ETag",
                answers={200: PolicyAnswer},
            ),
            Route(
                method="PUT",
                path="/v1/policy",
                operation="declare_policy",
                handler=self._declare,
                about="declare a policy, which holds at once, or only say what it would change",
                body=PolicyBody,
                body_bytes_max=2 * BYTES_MAX,  # a text is longer in JSON
                answers={200: PolicyAnswer},
                faults=("bad_policy", "policy_changed", "bad_request"),
                once="kept",
                headers=("If-Match",),
            ),
        )

    async def _show(self, _: web.Request) -> web.Response:
        return _answer(self._policies(), ())

    async def _declare(self, request: web.Request) -> web.Response:
        body = await body_of(request, PolicyBody)
        declared = _read(body)
        version = _version(request, body)
        standing = self._policies()
        if body.dry_run:
            standing.check_version(version)
            return _answer(standing, changes(standing.policy, declared))
        source = body.source or "the API"
        by = caller_now().signed(body.by, SOMEBODY)
        found = await standing.declare(declared, by=by, source=source, version=version)
        return _answer(standing, found)

    def _policies(self) -> policies.Policies:
        self._context.driver()
        standing = self._context.service.policies
        if standing is None:
            raise NotLeading("this coordinator does not lead any more")
        return standing


def _read(body: PolicyBody) -> Any:
    if (body.toml is None) == (body.policy is None):
        raise Refused(
            400, "bad_body", "the body has to have toml or policy, one of them; nothing was changed", "send one of them"
        )
    if not body.source.isprintable() or len(body.source) > 1000:
        raise Refused(400, "bad_body", "no file is called like this; nothing was changed", "give its name in one line")
    try:
        if body.toml is not None:
            return read_policy(body.toml.encode(errors="surrogatepass"), name=body.source or "policy")
        return read_document(body.policy)
    except PolicyMistakes as error:
        told = [str(mistake) for mistake in error.mistakes[:MISTAKES_TOLD]]
        more = len(error.mistakes) - len(told)
        told += [f"and {more} more"] if more else []
        raise Refused(
            400,
            "bad_policy",
            f"nothing was changed: {' | '.join(told)}",
            "correct it; `cutpoint policy check FILE` lists what is wrong",
        ) from error


def _version(request: web.Request, body: PolicyBody) -> int | None:
    """The version that has to be in force, from the body or from ``If-Match``."""
    asked = request.headers.get("If-Match", "*").strip()
    if asked == "*":
        return body.version
    number = asked.removeprefix("W/").strip('"')
    if not (number.isascii() and number.isdecimal() and len(number) <= 15):
        raise Refused(400, "bad_request", "If-Match is no version of a policy", "give the ETag of GET /v1/policy")
    if body.version not in (None, int(number)):
        raise Refused(400, "bad_request", "If-Match and version contradict each other", "give one of them")
    return int(number)


def _answer(standing: policies.Policies, found: tuple[Change, ...]) -> web.Response:
    record = standing.record
    response = answer(
        PolicyAnswer(
            version=record.version,
            by=record.by,
            at=record.at,
            source=record.source,
            policy=to_document(record.policy),
            toml=to_toml(record.policy),
            changes=found,
        )
    )
    response.headers["ETag"] = f'"{record.version}"'
    return response
