"""Doing what is asked with an Idempotency-Key once, and answering it again as often as it is asked again.

Before a request with a key is carried out, the registry is told that it begins; when it is done, what was answered.
Both are records of this leadership (``asked/<key>``), so the next leader knows them. A request that is refused leaves
no trace. One that had begun and of which nobody knows the end, because its leader is gone, is carried out again: every
route that is kept like this does the same thing twice without harm, or finds out what became of the first time.

The latest `KEPT_MAX` keys are remembered. A cut's key is not kept here: it lies in the ledger, with the cut.
"""

from __future__ import annotations

import asyncio
import contextvars
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

import msgspec
from aiohttp import web

from cutpoint.errors import Fenced
from cutpoint_coordinator.faults import Refused
from cutpoint_coordinator.http.context import Context
from cutpoint_coordinator.http.keys import HEADER, Key, key_of, key_reused
from cutpoint_coordinator.http.route import Route
from cutpoint_coordinator.requests import NotLeading

if TYPE_CHECKING:
    from cutpoint_coordinator.driver import Driver

KEPT_MAX = 1000
"""How many keys are remembered."""

BODY_BYTES_MAX = 16 * 1024
"""The longest answer that is kept. Of a longer one it is only known that it was given."""

REPLAYED = "Idempotent-Replayed"
PREFIX = "asked/"

Act = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """One request. ``least``: the incarnation that a recovery it asked for had at least.

    ``status`` 0: it has begun. ``body`` empty: the answer was not kept. ``at``: seconds since the epoch.
    """

    fingerprint: str
    at: float
    least: int = 0
    status: int = 0
    body: str = ""


BEGUN: contextvars.ContextVar[Kept | None] = contextvars.ContextVar("cutpoint begun", default=None)
"""Where a handler finds the record of its request, if that had begun before, maybe under a former leader."""


class Once:
    """The keys of one service. What it remembers of the registry is read anew by each leadership."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._known: dict[str, Kept] = {}
        self._driver: Driver | None = None
        self._loading = asyncio.Lock()
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def carry_out(self, route: Route, request: web.Request) -> web.StreamResponse:
        """Answer ``request``: do it, or say again what was answered. Raises `Refused`."""
        key = await key_of(request) if route.once else None
        if key is None:
            return await route.handler(request)
        driver = self._context.driver()
        await self._load(driver)
        if route.once == "ledger":
            if key.name in self._known:
                raise key_reused()
            return await route.handler(request)
        if any(asked.startswith(key.prefix) for asked in _asked_for_cuts(driver)):
            raise key_reused()
        turn = self._turns.setdefault(key.name, asyncio.Lock())
        async with turn:
            return await self._in_turn(route, request, key, driver)

    async def _in_turn(self, route: Route, request: web.Request, key: Key, driver: Driver) -> web.StreamResponse:
        kept = self._known.get(key.name)
        if kept is not None and kept.fingerprint != key.fingerprint:
            raise key_reused()
        if kept is not None and kept.status:
            return _again(kept)
        if kept is None:
            await self._keep(driver, key, Kept(fingerprint=key.fingerprint, at=time.time(), least=_least(driver)))
        before = BEGUN.set(kept)
        try:
            response = await route.handler(request)
        except Refused as refused:
            if refused.status < 500:
                await self._forget(driver, key)
            raise
        finally:
            BEGUN.reset(before)  # a connection's requests share a task
        if isinstance(response, web.Response) and response.status != 202:
            await self._keep(driver, key, self._ended(route, self._known[key.name], response))
        return response

    def _ended(self, route: Route, kept: Kept, response: web.Response) -> Kept:
        body = response.body if route.once == "kept" and isinstance(response.body, bytes) else b""
        text = body.decode() if len(body) <= BODY_BYTES_MAX else ""
        return msgspec.structs.replace(kept, status=response.status, body=text)

    async def _load(self, driver: Driver) -> None:
        """Read what is kept, once for each leadership."""
        async with self._loading:
            if self._driver is driver:
                return
            records = await driver.records.scan(PREFIX)
            found = {record.key[len(PREFIX) :]: msgspec.json.decode(record.value, type=Kept) for record in records}
            self._known = dict(sorted(found.items(), key=lambda item: item[1].at))
            self._driver = driver

    async def _keep(self, driver: Driver, key: Key, kept: Kept) -> None:
        others = [name for name in self._known if name != key.name]
        over = others[: max(0, len(others) + 1 - KEPT_MAX)][:50]
        await self._write(driver, ((PREFIX + key.name, msgspec.json.encode(kept)),), over)
        self._known[key.name] = kept

    async def _forget(self, driver: Driver, key: Key) -> None:
        await self._write(driver, (), [key.name])

    async def _write(self, driver: Driver, puts: tuple[tuple[str, bytes], ...], forgotten: list[str]) -> None:
        try:
            await driver.records.write("asked", puts, [PREFIX + name for name in forgotten])
        except Fenced as error:
            raise NotLeading(str(error)) from error
        for name in forgotten:
            self._known.pop(name, None)


def _again(kept: Kept) -> web.Response:
    if not kept.body:
        raise Refused(
            409,
            "not_kept",
            f"it was done for this {HEADER} before, and its answer was not kept",
            "look at what there is now; to do it again, give a new key",
        )
    return web.Response(
        body=kept.body.encode(), status=kept.status, content_type="application/json", headers={REPLAYED: "true"}
    )


def _least(driver: Driver) -> int:
    """The incarnation that a recovery which is asked for now will have at least; it may join the one under way."""
    computation = driver.core.ledger.computation
    return computation.incarnation + (computation.recovering is None)


def _asked_for_cuts(driver: Driver) -> tuple[str, ...]:
    ledger = driver.core.ledger
    published = (asked for point in ledger.points.values() for asked in point.asked)
    abandoned = (asked for record in ledger.abandoned.values() for asked in record.asked)
    return (*ledger.computation.asked, *published, *abandoned)
