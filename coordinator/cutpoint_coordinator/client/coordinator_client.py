"""The HTTP API from the outside: one method for each thing that may be asked, answers as values of `answers`.

A coordinator that does not lead says who does; the client asks there. One that goes away is looked for, and what was
asked is asked again, with the same key (`asking`). Faults are raised as `CutpointError` with a line that says what to
do.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from typing import Any

import aiohttp
from yarl import URL

from cutpoint.errors import CoordinatorUnreachable
from cutpoint_coordinator.answers import (
    CollectionStatus,
    CutAnswer,
    CutsAnswer,
    FaultAnswer,
    HealthAnswer,
    MarksAnswer,
    NoticeAnswer,
    NoticesAnswer,
    PointDetailAnswer,
    PointsAnswer,
    RecoveriesAnswer,
    RecoveryAnswer,
    ReleaseAnswer,
    StreamEnd,
    TopologyAnswer,
    VerifyAnswer,
)
from cutpoint_coordinator.client.administering import Administering
from cutpoint_coordinator.client.asking import T, base_of, decode, error_of, reason_of
from cutpoint_coordinator.client.events import Event, LineReader, Raw
from cutpoint_coordinator.upkeep import CollectionAnswer

GRACE_SECONDS = 10.0
WAIT_SECONDS = 60.0
"""How long one question waits at most for the end of a cut or a recovery before it is asked again."""

PAGE_MAX = 1000
"""How much is asked for at once."""

SILENCE_SECONDS = 60.0
"""After how long without a word, which is four heartbeats, a stream of events is given up and begun anew."""


class CoordinatorClient(Administering):
    """Asks the coordinator at ``url``, or the leader among several. Use it as an async context manager.

    ``token``: what it shows; ``tls``: whom it believes, for an ``https`` URL. A token does not leave this machine
    unencrypted unless ``plain_http`` says that it may. ``patience_seconds``: for how long a coordinator that was there
    and went away is asked again. Raises `ConfigurationError`.
    """

    async def __aenter__(self) -> CoordinatorClient:
        await self.open()
        return self

    async def health(self) -> HealthAnswer:
        """Whether the coordinator leads."""
        return await self._ask("GET", "/healthz", HealthAnswer)

    async def ready(self) -> HealthAnswer:
        """The health of a coordinator that leads. Raises `Declined` if this one does not and names no other."""
        return await self._ask("GET", "/readyz", HealthAnswer)

    async def openapi(self) -> dict[str, Any]:
        """The OpenAPI document of the API."""
        return await self._ask("GET", "/v1/openapi.json", dict[str, Any])

    async def cut(self, *, wait: bool = True, timeout_seconds: float = 60.0) -> CutAnswer:
        """Take a cut. ``state`` of the answer is ``open`` if it has not ended within the time."""
        body = {"wait": wait, "timeout_seconds": timeout_seconds}
        return await self._ask("POST", "/v1/cuts", CutAnswer, body, answer_seconds=timeout_seconds + GRACE_SECONDS)

    async def cut_state(self, cut: int, *, wait_seconds: float = 0.0) -> CutAnswer:
        """How it stands with one cut when it has ended, or after ``wait_seconds``."""
        return await self._once_over(f"/v1/cuts/{cut}", CutAnswer, "open", wait_seconds)

    async def cuts(self, *, limit: int | None = None, newest_first: bool = False) -> CutsAnswer:
        """Cuts by number, page after page, up to ``limit`` of them (None: all)."""
        cuts: list[CutAnswer] = []
        async for page in self._pages("/v1/cuts", CutsAnswer, limit, newest_first):
            cuts += page.cuts
        return CutsAnswer(cuts=tuple(cuts[:limit]))

    async def points(self, *, limit: int | None = None, newest_first: bool = False) -> PointsAnswer:
        """Recovery points by number, page after page, up to ``limit`` of them (None: all)."""
        points: list[Any] = []
        async for page in self._pages("/v1/points", PointsAnswer, limit, newest_first):
            points += page.points
        return PointsAnswer(points=tuple(points[:limit]))

    async def point(self, cut: int) -> PointDetailAnswer:
        """One recovery point with its manifest and certificate."""
        return await self._ask("GET", f"/v1/points/{cut}", PointDetailAnswer)

    async def verify(self, cut: int | None = None) -> VerifyAnswer:
        """Read one recovery point back, or all; takes as long as it takes."""
        return await self._ask("POST", "/v1/verify", VerifyAnswer, {"cut": cut}, answer_seconds=None)

    async def mark(self, cut: int, event: str, *, label: str = "", by: str = "") -> MarksAnswer:
        """Say ``label``, ``unlabel``, ``pin`` or ``unpin`` of a recovery point; what holds of it then."""
        body = {"event": event, "label": label, "by": by}
        return await self._ask("POST", f"/v1/points/{cut}/marks", MarksAnswer, body)

    async def collect(
        self, keep: str = "", *, dry_run: bool = False, per_second: float | None = None, by: str = ""
    ) -> CollectionAnswer:
        """Drop what ``keep`` (empty: the coordinator's own policy) does not keep; takes as long as it takes."""
        body = {"keep": keep, "dry_run": dry_run, "per_second": per_second, "by": by}
        return await self._ask("POST", "/v1/collections", CollectionAnswer, body, answer_seconds=None)

    async def collection(self) -> CollectionStatus:
        """What the coordinator keeps, and how the last collection went."""
        return await self._ask("GET", "/v1/collections", CollectionStatus)

    async def recover(
        self, cut: int | None = None, *, dry_run: bool = False, wait: bool = True, timeout_seconds: float = 60.0
    ) -> RecoveryAnswer:
        """Go back to ``cut`` (None: the last recovery point; 0: the beginning), or only say what that would do."""
        body = {"cut": cut, "dry_run": dry_run, "wait": wait, "timeout_seconds": timeout_seconds}
        seconds = timeout_seconds + GRACE_SECONDS
        return await self._ask("POST", "/v1/recoveries", RecoveryAnswer, body, answer_seconds=seconds)

    async def recovery_state(self, incarnation: int, *, wait_seconds: float = 0.0) -> RecoveryAnswer:
        """How it stands with the recovery that starts ``incarnation``, when it is over or after ``wait_seconds``."""
        return await self._once_over(f"/v1/recoveries/{incarnation}", RecoveryAnswer, "under way", wait_seconds)

    async def recoveries(self, *, limit: int | None = None, newest_first: bool = False) -> RecoveriesAnswer:
        """Completed recoveries by incarnation, page after page, up to ``limit`` of them (None: all)."""
        recoveries: list[RecoveryAnswer] = []
        async for page in self._pages("/v1/recoveries", RecoveriesAnswer, limit, newest_first):
            recoveries += page.recoveries
        return RecoveriesAnswer(recoveries=tuple(recoveries[:limit]))

    async def release(self, process: str, *, timeout_seconds: float = 60.0) -> ReleaseAnswer:
        """Go on without ``process``, which is gone and will not come back."""
        body = {"process": process, "timeout_seconds": timeout_seconds}
        seconds = timeout_seconds + GRACE_SECONDS
        return await self._ask("POST", "/v1/releases", ReleaseAnswer, body, answer_seconds=seconds)

    async def topology(self) -> TopologyAnswer:
        """Processes, channels, the open cut, the recovery under way."""
        return await self._ask("GET", "/v1/topology", TopologyAnswer)

    async def notices(self, kind: str = "", *, limit: int | None = None, newest_first: bool = False) -> NoticesAnswer:
        """The last notices, those of ``kind`` (see the API's reference; empty: all), up to ``limit`` of them."""
        notices: list[NoticeAnswer] = []
        last = ""
        query = str(URL.build(query={"kind": kind}))[1:]
        async for page in self._pages(f"/v1/notices?{query}", NoticesAnswer, limit, newest_first):
            notices += page.notices
            last = last or page.last_event
        return NoticesAnswer(notices=tuple(notices[:limit]), last_event=last)

    async def events(self, kind: str = "", *, last_event: str = "") -> AsyncGenerator[Event, None]:
        """What happens from now on, or after ``last_event``, without an end. Close it, or break the loop and close it.

        When the leader changes it goes on at the next one; what may be missed then is said by an event with a ``gap``.
        Raises `CutpointError` when no coordinator was found for the client's patience.
        """
        last_event = last_event or (await self.notices(limit=1, newest_first=True)).last_event
        while True:
            await self.ready()
            with contextlib.suppress(CoordinatorUnreachable):
                stream = self._stream(kind, last_event)
                async with contextlib.aclosing(stream):
                    async for event in stream:
                        last_event = event.id or last_event
                        yield event

    # --------------------------------------------------------------------------------------------------- inside

    async def _stream(self, kind: str, last_event: str) -> AsyncGenerator[Event, None]:
        """One stream, until it ends. Raises `CoordinatorUnreachable`."""
        assert self._session is not None, "use the client as a context manager"
        headers = self._headers(self.url) | ({"Last-Event-ID": last_event} if last_event else {})
        url = self.url.joinpath("v1/events").with_query({"kind": kind} if kind else {})
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=5.0, sock_read=SILENCE_SECONDS)
        reader = LineReader()
        try:
            async with self._session.get(url, headers=headers, timeout=timeout, allow_redirects=False) as response:
                if response.status != 200:
                    fault = decode(self.url, await response.read(), FaultAnswer).error
                    if fault.code == "not_leading":
                        await asyncio.sleep(0.1)
                        return
                    raise error_of(fault)
                async for data in response.content.iter_any():
                    for raw in reader.feed(data):
                        if event := self._event(raw):
                            yield event
        except (aiohttp.ClientError, OSError, ValueError, TimeoutError) as error:
            raise CoordinatorUnreachable(
                f"the stream of {self.url} broke ({reason_of(error)}); it is begun anew"
            ) from error

    def _event(self, raw: Raw) -> Event | None:
        if not raw.name:
            return Event(id=raw.id, notice=decode(self.url, raw.data.encode(), NoticeAnswer))
        end = decode(self.url, raw.data.encode(), StreamEnd)
        if end.leader:
            self.url = base_of(end.leader)
        return Event(gap=end.reason) if raw.name == "missed" else None

    async def _once_over(self, path: str, kind: type[T], going_on: str, wait_seconds: float) -> T:
        loop = asyncio.get_running_loop()
        until = loop.time() + wait_seconds
        while True:
            wait = max(0.0, min(WAIT_SECONDS, until - loop.time()))
            found = await self._ask("GET", f"{path}?wait={wait:.3f}", kind, answer_seconds=wait + GRACE_SECONDS)
            if getattr(found, "state", "") != going_on or loop.time() >= until:
                return found

    async def _pages(self, path: str, kind: type[T], limit: int | None, newest_first: bool) -> AsyncGenerator[T, None]:
        after, left = None, limit
        while left is None or left > 0:
            query = f"limit={min(left or PAGE_MAX, PAGE_MAX)}"
            query += "" if after is None else f"&after={after}"
            query += "&newest_first=true" if newest_first else ""
            page: Any = await self._ask("GET", f"{path}{'&' if '?' in path else '?'}{query}", kind)
            yield page
            after = page.next
            left = None if left is None else left - min(left, PAGE_MAX)
            if after is None:
                return
