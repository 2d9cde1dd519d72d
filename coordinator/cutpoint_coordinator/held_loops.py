"""``POST /v1/agents/holdups``: the event loop of a process is held, a thread of its says; for agents only.

The process itself cannot answer meanwhile. What is said counts only while that very life of the process is connected
and a cut is open; it is evidence for people, and nothing is decided from it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec
from aiohttp import web

from cutpoint.protocol.holdups import LoopHeld
from cutpoint.wire.checks import check_process, check_texts
from cutpoint.wire.control import check_hold_up
from cutpoint_coordinator.driver import Driver


def held_loops(leading: Callable[[], Driver | str]) -> Callable[[web.Request], Awaitable[web.Response]]:
    """The handler; ``leading`` gives the driver, or why there is none."""

    async def held(request: web.Request) -> web.Response:
        driver = leading()
        if isinstance(driver, str):
            return web.Response(status=503, text=driver)
        try:
            said = msgspec.json.decode(await request.read(), type=LoopHeld)
        except (msgspec.MsgspecError, UnicodeError, RecursionError, ValueError):
            return web.Response(status=400, text="this is not what an agent says of its event loop; nothing was done")
        if complaint := check_process(said.process) or check_texts(said, ("life",)) or check_hold_up(said.what):
            return web.Response(status=400, text=f"{complaint}; nothing was done")
        return web.Response(status=204 if driver.loop_held(said) else 202)

    return held
