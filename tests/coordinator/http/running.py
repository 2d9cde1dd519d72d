"""A coordinator that asks for tokens, and three processes of it, on a thread of their own, for tests that block."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

from cutpoint.access import Token
from cutpoint.testing.loopback_server import free_ports
from cutpoint_coordinator.client import CoordinatorClient
from cutpoint_coordinator.service import Service
from cutpoint_coordinator.settings import Address, Settings
from tests.integration.fleet import Fleet

CUTS = 3
"""How many recovery points there are when it is ready."""


class Running:
    """The embedded registry and a store in ``folder``; ``administrator`` came with the start: no request revokes it.

    ``services``: the token of its processes.
    """

    def __init__(self, folder: Path) -> None:
        (port,) = free_ports(1)
        self.administrator = Token.generate()
        self.services = self.administrator  # until there is theirs
        self._settings = Settings(
            registry=str(folder / "registry"),
            store=str(folder / "store"),
            listen=Address(host="127.0.0.1", port=port),
            keep="last 5",
            token=self.administrator,
            requests_per_second=100_000.0,
        )
        self.url = self._settings.listen.url
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._run(),))

    def start(self) -> None:
        """Return when there are recovery points."""
        self._thread.start()
        assert self._ready.wait(60)

    def stop(self) -> None:
        """End all of it."""
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(60)
        self._loop.close()

    async def _run(self) -> None:
        service = await Service.open(self._settings)
        running = asyncio.create_task(service.run())
        try:
            await service.wait_leading()
            async with CoordinatorClient(self.url, token=self.administrator) as client:
                self.services = Token.parse((await client.create_token("services", "agent")).secret)
                async with Fleet(self.url, last=10**6, token=self.services).running():
                    for _ in range(CUTS):
                        await client.cut()
                    self._ready.set()
                    await self._stop.wait()
        finally:
            running.cancel()
            await asyncio.wait((running,))
            await service.close()
