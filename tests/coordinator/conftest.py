"""A real coordinator in this process, on a free port, and real processes for it to coordinate."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from cutpoint.registry import Registry
from cutpoint.store import Backend, loaded_keys, open_backend
from cutpoint.store.identity import identify
from cutpoint.store.retention import Policy
from cutpoint_coordinator.client import CoordinatorClient
from cutpoint_coordinator.opening import Opened, bind
from cutpoint_coordinator.registry import MemoryRegistry
from cutpoint_coordinator.service import Service
from cutpoint_coordinator.settings import Address, Settings
from tests.coordinator.scripted import Scripted

Serve = Callable[..., Awaitable[Service]]
Agents = Callable[..., Awaitable[Scripted]]


@pytest.fixture
async def cleanup() -> AsyncIterator[contextlib.AsyncExitStack]:
    """What was started last is stopped first, also when a test fails."""
    async with contextlib.AsyncExitStack() as stack:
        yield stack


@pytest.fixture
def registry() -> Registry:
    """The registry that the coordinators of a test share."""
    return MemoryRegistry()


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """The store's folder."""
    return tmp_path / "store"


@pytest.fixture
def serve(cleanup: contextlib.AsyncExitStack, registry: Registry, store: Path) -> Serve:
    """Start a coordinator with these settings; ``leads=False`` does not wait until it leads."""

    async def start(
        *,
        leads: bool = True,
        registry: Registry = registry,
        backend: Backend | None = None,
        replica: Backend | None = None,
        **settings: Any,
    ) -> Service:
        listener = await bind(Address(host="127.0.0.1", port=0))
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        told = Settings(store=str(store), **settings)
        opened = Opened(
            listener=listener,
            url=url,
            registry=registry,
            backend=backend or open_backend(str(store)),
            keys=loaded_keys(told.keys),
            replica=replica or (open_backend(told.replica) if told.replica else None),
            retention=Policy.parse(told.keep) if told.keep else None,
        )
        identify(opened.backend, created="2026-11-23T12:00:00+00:00", keys=opened.keys)
        service = Service(told, opened)
        task = asyncio.create_task(service.run())

        async def stop() -> None:
            task.cancel()
            await asyncio.wait((task,))
            await service.close()

        cleanup.push_async_callback(stop)
        service.stop, service.task = stop, task  # type: ignore[attr-defined]
        if leads:
            async with asyncio.timeout(10):
                await service.wait_leading()
        return service

    return start


@pytest.fixture
def agents(cleanup: contextlib.AsyncExitStack) -> Agents:
    """Start a process that joins the coordinator at ``url``."""

    async def start(name: str, url: str, life: str = "life-1") -> Scripted:
        agent = Scripted(name, life)
        cleanup.push_async_callback(agent.vanish)
        return await agent.join(url)

    return start


@pytest.fixture
async def ask(cleanup: contextlib.AsyncExitStack) -> Callable[..., Awaitable[CoordinatorClient]]:
    """A client of the coordinator at this address."""

    async def connect(url: str, **settings: Any) -> CoordinatorClient:
        return await cleanup.enter_async_context(CoordinatorClient(url, **settings))

    return connect
