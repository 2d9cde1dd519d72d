"""``/v1/events`` and ``/v1/notices``: what happens, as it happens (server-sent events), and the last of it by pages.

An event's id is ``F-N``: notice N of the leadership F. Who comes back with its last one (``Last-Event-ID``) is given
what came after it, as far as this coordinator remembers. What it cannot know, it says: an event ``missed`` comes first
when another coordinator led meanwhile, or when more has happened than is remembered. No fact hangs on events: cuts,
recovery points and recoveries are read at their own routes.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from typing import Final

from aiohttp import web

from cutpoint_coordinator.answers import NoticeAnswer, NoticesAnswer, StreamEnd
from cutpoint_coordinator.asked import EventsQuery, NoticesQuery, query_of
from cutpoint_coordinator.driver import Driver
from cutpoint_coordinator.faults import Refused, answer
from cutpoint_coordinator.http.context import Context
from cutpoint_coordinator.http.route import Route
from cutpoint_coordinator.paging import page_of
from cutpoint_coordinator.streaming import Reader, event_text, wanted

HEARTBEAT_SECONDS = 15.0
"""How often a comment is sent while nothing happens, so that both ends notice a dead connection."""

WRITE_SECONDS = 30.0
"""For how long a reader may take nothing before its connection is closed without a word."""

READERS_MAX = 200
"""How many may read at once."""

_EVENT: Final = re.compile(r"([0-9]{1,19})-([0-9]{1,19})")

RETRY_MILLISECONDS = 1000
"""After how long a browser connects again."""


class Events:
    """The routes."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._fences: dict[int, None] = {}
        self._readers = 0

    def routes(self) -> tuple[Route, ...]:
        """What is served."""
        return (
            Route(
                method="GET",
                path="/v1/events",
                operation="events",
                handler=self._stream,
                about="what happens, as server-sent events; goes on after the event that Last-Event-ID names",
                query=EventsQuery,
                answers={200: None},
                faults=("too_many_readers",),
                media="text/event-stream",
                headers=("Last-Event-ID",),
            ),
            Route(
                method="GET",
                path="/v1/notices",
                operation="notices",
                handler=self._notices,
                about="the last notices of the coordinator that leads; what came before is in its log",
                query=NoticesQuery,
                answers={200: NoticesAnswer},
            ),
        )

    async def _notices(self, request: web.Request) -> web.Response:
        query = query_of(request, NoticesQuery)
        driver, notices = self._context.driver(), self._context.service.notices
        chosen = [notice for notice in notices.latest() if wanted(query.kind, notice.kind)]
        page, following = page_of(chosen, lambda notice: notice.number, query)
        self._fences[driver.fence] = None
        return answer(NoticesAnswer(notices=page, next=following, last_event=f"{driver.fence}-{notices.total}"))

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        query, driver = query_of(request, EventsQuery), self._context.driver()
        if self._readers >= READERS_MAX:
            raise Refused(
                429, "too_many_readers", f"{READERS_MAX} read events already; nothing was begun", "ask again later"
            )
        response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        )
        reader = Reader(query.kind)
        self._fences[driver.fence] = None
        missed, backlog = self._since(request.headers.get("Last-Event-ID", ""), driver)
        for notice in backlog:
            reader.take(notice)
        unsubscribe = self._context.service.notices.subscribe(reader.take)

        def end(_: object) -> None:
            reader.end("this coordinator leads no more")

        driver.ended.add_done_callback(end)
        self._readers += 1
        try:
            await response.prepare(request)
            with contextlib.suppress(ConnectionError):
                await self._carry(response, reader, driver, missed)
        finally:
            self._readers -= 1
            unsubscribe()
            driver.ended.remove_done_callback(end)
        return response

    async def _carry(self, response: web.StreamResponse, reader: Reader, driver: Driver, missed: str) -> None:
        begin = f"retry: {RETRY_MILLISECONDS}\n\n".encode()
        await _write(response, begin + (event_text("missed", StreamEnd(reason=missed)) if missed else b""))
        while True:
            notices = await reader.following(HEARTBEAT_SECONDS)
            if notices:
                await _write(response, b"".join(_text(notice, driver) for notice in notices))
            elif reader.too_slow:
                reason = "this reader was too slow and is dropped; ask again with its Last-Event-ID"
                await _write(response, event_text("dropped", StreamEnd(reason=reason)))
                return
            elif reader.ended:
                leader = self._context.service.leader_address
                await _write(response, event_text("ended", StreamEnd(reason=reader.ended, leader=leader)))
                return
            else:
                await _write(response, b":\n\n")

    def _since(self, last: str, driver: Driver) -> tuple[str, tuple[NoticeAnswer, ...]]:
        """What has happened since the event ``last``, and what may be missing in that, in a line."""
        if not last:
            return "", ()
        notices = self._context.service.notices
        known = notices.latest()
        seen = _EVENT.fullmatch(last)
        if seen is not None and int(seen[1]) in self._fences:
            after = int(seen[2])
            lost = bool(known) and known[0].number > after + 1
            missed = f"{known[0].number - after - 1} events are not remembered" if lost else ""
            return missed, tuple(notice for notice in known if notice.number > after)
        missed = "another coordinator led when that event came, and what it said after that is in its log"
        begun = max((n.number for n in known if n.kind == "leading"), default=0)
        return missed, tuple(notice for notice in known if notice.number >= begun)


def _text(notice: NoticeAnswer, driver: Driver) -> bytes:
    return event_text("", notice, id=f"{driver.fence}-{notice.number}")


async def _write(response: web.StreamResponse, data: bytes) -> None:
    """Write; close the connection of whoever takes nothing."""
    try:
        async with asyncio.timeout(WRITE_SECONDS):
            await response.write(data)
    except TimeoutError:
        raise ConnectionResetError("the reader takes nothing") from None
