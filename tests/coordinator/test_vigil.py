"""When a leader counts as gone: its process has ended and its port is refused, and in no other case."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

from cutpoint.registry import Leader
from cutpoint_coordinator.following import Following
from cutpoint_coordinator.notices import Notices
from cutpoint_coordinator.registry import MemoryRegistry
from cutpoint_coordinator.vigil import wait_gone
from tests.agents.rig import until


class Listener:
    """Somebody who listens, and may go."""

    def __init__(self) -> None:
        self.writers: list[asyncio.StreamWriter] = []
        self.server: asyncio.Server | None = None
        self.port = 0

    async def open(self) -> Listener:
        self.server = await asyncio.start_server(self._accept, "127.0.0.1", self.port, reuse_address=True)
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    async def _accept(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.append(writer)

    def hang_up(self) -> None:
        for writer in self.writers:
            writer.close()
        self.writers.clear()

    def go(self) -> None:
        assert self.server is not None
        self.server.close()
        self.hang_up()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextlib.asynccontextmanager
async def waiting(url: str) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(wait_gone(url))
    yield task
    task.cancel()
    await asyncio.wait((task,))


async def test_who_has_gone_is_noticed_at_once() -> None:
    listener = await Listener().open()
    async with waiting(listener.url) as task:
        await until(lambda: bool(listener.writers))
        listener.go()
        await asyncio.wait_for(task, 5)


async def test_a_connection_that_is_lost_says_nothing_while_somebody_listens() -> None:
    listener = await Listener().open()
    async with waiting(listener.url) as task:
        for _ in range(3):
            await until(lambda: bool(listener.writers))
            listener.hang_up()
        await until(lambda: bool(listener.writers))
        assert not task.done()
        listener.go()
        await asyncio.wait_for(task, 5)


async def test_who_was_never_reached_is_not_gone() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        async with waiting(url) as task, waiting("nonsense") as other:
            await asyncio.sleep(0.3)
            assert not task.done()
            assert not other.done()


async def test_a_leader_that_is_gone_is_dismissed_and_the_next_one_leads() -> None:
    registry, notices, listener = MemoryRegistry(), Notices(), await Listener().open()
    await registry.campaign("first", ttl_seconds=60, address=listener.url)
    following = Following(registry, Leader("me", "http://me:1"), notices)
    task = asyncio.create_task(following.run())
    await until(lambda: bool(listener.writers))
    campaign = asyncio.create_task(registry.campaign("me", ttl_seconds=60, address="http://me:1"))
    listener.go()
    assert (await asyncio.wait_for(campaign, 5)).candidate == "me"
    assert [notice.kind for notice in notices.latest()] == ["waiting to lead", "leader gone"]
    task.cancel()
    await asyncio.wait((task,))
