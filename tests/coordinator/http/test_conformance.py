"""Whatever is asked of a running coordinator, it answers as its OpenAPI document says, and never fails.

schemathesis draws requests from the document, good ones and bad ones, and holds every answer against it. The
coordinator is real, with the embedded registry, and so are the three processes that it coordinates.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import schemathesis
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi import checks

from cutpoint.testing.loopback_server import free_ports
from cutpoint_coordinator.service import Service
from cutpoint_coordinator.settings import Address, Settings
from tests.coordinator.http.test_document import KEPT
from tests.integration.fleet import Fleet

EXAMPLES = 25
"""How many requests are drawn for each operation, besides those that walk along the edges of its schema."""

CHECKS = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
    checks.negative_data_rejection,
    checks.unsupported_method,
]


class Running:
    """A coordinator and its processes on a thread of their own, until ``stop``."""

    def __init__(self, folder: Path) -> None:
        (port,) = free_ports(1)
        self._settings = Settings(
            registry=str(folder / "registry"),
            store=str(folder / "store"),
            listen=Address(host="127.0.0.1", port=port),
            keep="last 5",
        )
        self.url = self._settings.listen.url
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._run(),))

    def start(self) -> None:
        self._thread.start()
        assert self._ready.wait(30)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(30)
        self._loop.close()

    async def _run(self) -> None:
        service = await Service.open(self._settings)
        running = asyncio.create_task(service.run())
        try:
            await service.wait_leading()
            async with Fleet(self.url, last=10**6).running():
                self._ready.set()
                await self._stop.wait()
        finally:
            running.cancel()
            await asyncio.wait((running,))
            await service.close()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    coordinator = Running(tmp_path_factory.mktemp("conformance"))
    coordinator.start()
    yield coordinator
    coordinator.stop()


# A stream has no end, and agents speak WebSocket: tests of their own.
described = schemathesis.openapi.from_path(KEPT).exclude(path=["/v1/events", "/v1/agents"])


@pytest.mark.timeout(180)
@described.parametrize()
@hypothesis.settings(
    max_examples=EXAMPLES,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(hypothesis.HealthCheck),
)
def test_whatever_is_asked_is_answered_as_the_document_says(case: Any, running: Running) -> None:
    case.call_and_validate(base_url=running.url, checks=CHECKS)
