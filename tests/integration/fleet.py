"""Three real services of one computation: a till that sends amounts to a vault, and a journal that talks to nobody.

What a recovery brings back is compared exactly: the journal with its model at that position, and the sums of till and
vault when all amounts have come, each once.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from aiohttp import web

from cutpoint.testing.loopback_server import free_ports
from cutpoint_agents import Agent
from tests.agents.ledger import Till, Vault
from tests.agents.rig import until
from tests.integration.journal import Journal


@contextlib.asynccontextmanager
async def living(agent: Agent) -> AsyncIterator[None]:
    """The agent runs, and in the end vanishes without a word, as if it was killed."""
    agent._begin()
    try:
        await agent._start()
        yield
    finally:
        await agent._stop()


class Fleet:
    """One life of all three, at the coordinator ``url``; the till sends 1, 2, 3, ... up to ``last``.

    ``options`` are for each agent.
    """

    def __init__(self, url: str, *, last: int, **options: Any) -> None:
        (self._port,) = free_ports(1)
        self.vault = Vault(url, **options)
        self.till = Till(url, f"http://127.0.0.1:{self._port}/deposits", last=last, **options)
        self.journal = Journal(url, **options)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Fleet]:
        """All run; each waits until it is admitted or restored."""
        async with contextlib.AsyncExitStack() as stack:
            runner = web.AppRunner(self._application(), shutdown_timeout=0.2)
            stack.push_async_callback(runner.cleanup)
            async with asyncio.timeout(30):
                await asyncio.gather(
                    self._listen(runner),
                    stack.enter_async_context(living(self.till.agent)),
                    stack.enter_async_context(living(self.journal.agent)),
                )
            yield self

    def _application(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/deposits", self.vault._deposits)
        app.cleanup_ctx.append(self.vault.agent.context)
        return app

    async def _listen(self, runner: web.AppRunner) -> None:
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", self._port).start()

    async def check_end(self) -> None:
        """Wait until every amount was sent and confirmed, and assert that each has come once."""
        await until(lambda: self.till.done, 30)
        assert (dict(self.vault.sums), self.till.confirmed.value) == ({"till": self.till.total}, self.till.total)
        self.journal.check()
        for agent in (self.vault.agent, self.till.agent, self.journal.agent):
            assert agent.statistics().faults == 0
