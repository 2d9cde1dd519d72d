"""``POST /v1/agents/holdups``: the event loop of a process is held, a thread of its says; for agents only.

The process itself cannot answer meanwhile. What is said counts only while that very life of the process is connected
and a cut is open; it is evidence for people, and nothing is decided from it.
"""

from __future__ import annotations

import msgspec
from aiohttp import web

from cutpoint.protocol.holdups import LoopHeld
from cutpoint.wire.checks import check_process, check_texts
from cutpoint.wire.control import check_hold_up
from cutpoint_coordinator.asked import body_of
from cutpoint_coordinator.faults import Refused, answer
from cutpoint_coordinator.http.context import Context
from cutpoint_coordinator.http.route import Route


class HoldUpAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Whether what was said ``counts``: a cut is open, and it waits for this life of the process."""

    counts: bool


class HoldUps:
    """The route."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def routes(self) -> tuple[Route, ...]:
        """What is served."""
        return (
            Route(
                method="POST",
                path="/v1/agents/holdups",
                operation="",
                handler=self._held,
                about="an agent's event loop is held, a thread of its says; for agents only",
                body=LoopHeld,
                answers={200: HoldUpAnswer},
            ),
        )

    async def _held(self, request: web.Request) -> web.Response:
        said = await body_of(request, LoopHeld)
        driver = self._context.driver()
        if complaint := check_process(said.process) or check_texts(said, ("life",)) or check_hold_up(said.what):
            raise Refused(400, "bad_body", f"{complaint}; nothing was done", "say what an agent of this version says")
        return answer(HoldUpAnswer(counts=driver.loop_held(said)))
