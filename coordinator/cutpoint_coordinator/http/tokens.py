"""``/v1/tokens``: make, list, rotate and revoke tokens. A secret is in the answer that makes it, and nowhere else."""

from __future__ import annotations

from datetime import UTC, datetime

from aiohttp import web

from cutpoint_coordinator.access.answers import (
    SECONDS_MAX,
    NewTokenAnswer,
    RotateBody,
    TokenAnswer,
    TokenBody,
    TokensAnswer,
)
from cutpoint_coordinator.access.callers import caller_now
from cutpoint_coordinator.access.tokens import TokenBook, TokenRecord
from cutpoint_coordinator.asked import body_of
from cutpoint_coordinator.faults import Refused, answer
from cutpoint_coordinator.http.context import Context
from cutpoint_coordinator.http.route import Route


class Tokens:
    """The routes."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def routes(self) -> tuple[Route, ...]:
        """What is served."""
        return (
            Route(
                method="GET",
                path="/v1/tokens",
                operation="tokens",
                handler=self._list,
                about="all tokens, without their secrets",
                answers={200: TokensAnswer},
            ),
            Route(
                method="POST",
                path="/v1/tokens",
                operation="create_token",
                handler=self._create,
                about="make a token; its secret is in the answer and nowhere else",
                body=TokenBody,
                answers={201: NewTokenAnswer},
                faults=("bad_name", "token_exists", "too_many_tokens"),
                once="secret",
            ),
            Route(
                method="POST",
                path="/v1/tokens/{name}/rotate",
                operation="rotate_token",
                handler=self._rotate,
                about="give a token a new secret; the old one counts for a while beside it",
                body=RotateBody,
                answers={200: NewTokenAnswer},
                faults=("unknown_token",),
                once="secret",
            ),
            Route(
                method="DELETE",
                path="/v1/tokens/{name}",
                operation="revoke_token",
                handler=self._revoke,
                about="let a token count no more, from now on, and close what its holder has open",
                answers={200: TokenAnswer},
                faults=("unknown_token", "last_administrator"),
                once="kept",
            ),
        )

    async def _list(self, _: web.Request) -> web.Response:
        self._context.driver()
        return answer(TokensAnswer(tokens=tuple(self._shown(record) for record in self._book.records)))

    async def _create(self, request: web.Request) -> web.Response:
        body = await body_of(request, TokenBody)
        _check_seconds("expires_seconds", body.expires_seconds, above=0.0)
        token, record = await self._book.create(
            self._context.driver().records,
            body.name,
            body.scope,
            seconds=body.expires_seconds,
            by=caller_now().title,
        )
        return self._told(NewTokenAnswer(token=self._shown(record), secret=token.reveal()), 201)

    async def _rotate(self, request: web.Request) -> web.Response:
        body = await body_of(request, RotateBody)
        _check_seconds("grace_seconds", body.grace_seconds)
        _check_seconds("expires_seconds", body.expires_seconds, above=0.0)
        token, record = await self._book.rotate(
            self._context.driver().records,
            request.match_info["name"],
            grace_seconds=body.grace_seconds,
            seconds=body.expires_seconds,
        )
        return self._told(NewTokenAnswer(token=self._shown(record), secret=token.reveal()), 200)

    async def _revoke(self, request: web.Request) -> web.Response:
        record = await self._book.revoke(self._context.driver().records, request.match_info["name"])
        return answer(self._shown(record))

    @property
    def _book(self) -> TokenBook:
        return self._context.service.access.tokens

    @staticmethod
    def _told(new: NewTokenAnswer, status: int) -> web.Response:
        response = answer(new, status=status)
        response.headers["Cache-Control"] = "no-store"
        return response

    def _shown(self, record: TokenRecord) -> TokenAnswer:
        return TokenAnswer(
            name=record.name,
            scope=record.scope,
            id=record.verifier.id,
            state=record.state(),
            created=record.created,
            created_by=record.created_by,
            expires=_moment(record.expires),
            rotated=record.rotated,
            revoked=record.revoked,
            used=self._book.used.get(record.name, ""),
        )


def _check_seconds(name: str, seconds: float | None, above: float | None = None) -> None:
    least = 0.0 if above is None else above
    if seconds is None or (least <= seconds <= SECONDS_MAX and seconds != above):
        return
    raise Refused(
        400,
        "bad_body",
        f"{name} is {seconds:g}; nothing was done",
        f"give a number of seconds up to {SECONDS_MAX:.0f}",
    )


def _moment(seconds: float | None) -> str:
    return "" if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
