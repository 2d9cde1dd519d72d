"""Cuts wait for the store on threads of their own: who reads the API, or collects, cannot take them away."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

from cutpoint.store import DirectoryBackend
from tests.agents.rig import until
from tests.coordinator.conftest import Agents, Serve
from tests.coordinator.test_collecting import take_cuts
from tests.coordinator.test_cuts import Ask

READERS = 40
"""More than the event loop has threads for whoever asks."""


class Slow(DirectoryBackend):
    """Answers nobody who asks for labels and pins until it is told to."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.asked = 0
        self.answers = threading.Event()

    def list(self, prefix: str) -> tuple[str, ...]:
        if prefix.startswith("marks/"):
            self.asked += 1
            self.answers.wait(120)
        return super().list(prefix)


async def test_cuts_go_on_while_the_store_keeps_every_reader_of_the_api_waiting(
    serve: Serve, agents: Agents, ask: Ask, store: Path
) -> None:
    backend = Slow(store)
    service = await serve(backend=backend)
    client, ledger = await ask(service.url), await agents("ledger", service.url)
    await take_cuts(client, ledger, 1)
    readers = [asyncio.create_task(client.points()) for _ in range(READERS)]
    try:
        await until(lambda: backend.asked >= 2, 60)
        await take_cuts(client, ledger, 2)
        assert not any(reader.done() for reader in readers)
    finally:
        backend.answers.set()
        found = await asyncio.gather(*readers)
    assert all(len(answer.points) >= 1 for answer in found)
