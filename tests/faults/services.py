"""Real services that talk to each other without end, and all that they were told about cuts."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence

from cutpoint.names import CutNumber
from cutpoint.protocol.events import CoordinatorSaid, Event
from cutpoint.protocol.messages import Abandon, Begin, Published
from cutpoint_agents import Agent
from tests.agents.ledger import Till, Vault
from tests.agents.rig import until
from tests.integration.fleet import living
from tests.integration.journal import Journal

PAUSE_SECONDS = 0.01


class Services:
    """A till, a vault and a journal. ``published``: when each cut was first heard to be a recovery point.

    ``violations``: what no process may be told of a cut, whoever leads.
    """

    def __init__(self, coordinators: Sequence[str]) -> None:
        self.vault = Vault(list(coordinators))
        self.till = Till(list(coordinators), "", last=1 << 60)
        self.till.pause = PAUSE_SECONDS
        self.journal = Journal(list(coordinators))
        self.published: dict[CutNumber, float] = {}
        self.abandoned: dict[CutNumber, float] = {}
        self.violations: list[str] = []
        self._ended: Counter[tuple[str, CutNumber]] = Counter()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """All run, and end without a word."""
        async with contextlib.AsyncExitStack() as stack:
            for agent in (self.vault.agent, self.till.agent, self.journal.agent):
                self._hear(agent)
            async with asyncio.timeout(60):
                await stack.enter_async_context(self.vault.serving())
                self.till.vault = self.vault.url
                await stack.enter_async_context(living(self.till.agent))
                await stack.enter_async_context(living(self.journal.agent))
            yield

    async def check_end(self) -> None:
        """Let the till come to an end, and compare: every amount has come once, and nobody was rolled back."""
        self.till.last = self.till.sent.value
        await until(lambda: self.till.done, 60)
        assert dict(self.vault.sums) == {"till": self.till.total}
        assert self.till.starts == 1
        for agent in (self.vault.agent, self.till.agent, self.journal.agent):
            assert agent.statistics().faults == 0

    def _hear(self, agent: Agent) -> None:
        step = agent.driver.step

        def heard(event: Event) -> None:
            if isinstance(event, CoordinatorSaid):
                self._told(agent.name, event)
            step(event)

        agent.driver.step = heard  # type: ignore[method-assign]

    def _told(self, name: str, event: CoordinatorSaid) -> None:
        match event.message:
            case Begin() as begin:
                if self._ended[name, begin.cut]:
                    self.violations.append(f"{name} was told to begin cut {begin.cut}, which had ended")
            case Published() as published:
                self._ended[name, published.cut] += 1
                self.published.setdefault(published.cut, time.time())
                if published.cut in self.abandoned:
                    self.violations.append(f"cut {published.cut} was abandoned and is now published")
            case Abandon() as abandoned:
                self._ended[name, abandoned.cut] += 1
                self.abandoned.setdefault(abandoned.cut, time.time())
                if abandoned.cut in self.published:
                    self.violations.append(f"cut {abandoned.cut} was published and is now abandoned")
