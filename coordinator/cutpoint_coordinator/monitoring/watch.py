"""One monitor, cut after cut: which recovery point is next, and what is done about what its evaluation says.

What holds is decided in `cutpoint.monitors.results`. Here it is carried out, in this order: new evidence is pinned, the
news are told, the results are handed on to be kept. Whoever leads next begins with the results that were kept, so each
recovery point is looked at once at least, and what was told twice was true twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable

import msgspec

from cutpoint.monitors.deployed import Deployed
from cutpoint.monitors.results import BACKLOG_MAX, Judged, Results, judge, skip
from cutpoint_coordinator.monitoring.evaluators import Evaluator

RETRY_SECONDS = 1.0
RETRY_SECONDS_MAX = 30.0
"""How long to wait before a store that did not answer is asked again, at first and at most."""


class Watch:
    """Looks at what ``points`` lists with ``deployed``.

    ``gate`` bounds how many monitors are asked at a time; ``act`` carries out what was judged.
    """

    def __init__(
        self,
        *,
        deployed: Deployed,
        results: Results,
        evaluator: Evaluator,
        points: Callable[[], Iterable[int]],
        gate: asyncio.Semaphore,
        act: Callable[[Watch, int, Judged], Awaitable[None]],
        clock: Callable[[], str],
    ) -> None:
        self.deployed = deployed
        self.results = results
        self.evaluator = evaluator
        self.due = asyncio.Event()
        self._points = points
        self._gate = gate
        self._act = act
        self._clock = clock

    async def run(self) -> None:
        """Look at every recovery point, until cancelled."""
        try:
            while True:
                self.due.clear()
                cut = await self._next()
                if cut is None:
                    await self.due.wait()
                    continue
                await self._look(cut)
                if self.deployed.period_seconds:
                    await asyncio.sleep(self.deployed.period_seconds)
        finally:
            await self.evaluator.close()

    async def _next(self) -> int | None:
        """The recovery point to look at now, if there is one."""
        waiting = tuple(sorted(cut for cut in self._points() if cut > self.results.last))
        if self.deployed.period_seconds:
            return waiting[-1] if waiting else None
        skipped = waiting[:-BACKLOG_MAX]
        if skipped or (self.results.behind and len(waiting) < BACKLOG_MAX):
            await self._carry_out(skipped[-1] if skipped else 0, skip(self.deployed.name, self.results, skipped))
        return waiting[len(skipped)] if waiting else None

    async def _look(self, cut: int) -> None:
        pause = RETRY_SECONDS
        while cut in self._points():  # retention may have dropped it meanwhile
            async with self._gate:
                evaluation = await self.evaluator.evaluate(cut)
            if evaluation.verdict != "unavailable":
                judged = judge(self.deployed.name, self.results, evaluation, at=self._clock())
                await self._carry_out(cut, judged)
                return
            await asyncio.sleep(pause)
            pause = min(2 * pause, RETRY_SECONDS_MAX)
        self.results = msgspec.structs.replace(self.results, last=cut)

    async def _carry_out(self, cut: int, judged: Judged) -> None:
        self.results = judged.results
        await self._act(self, cut, judged)
