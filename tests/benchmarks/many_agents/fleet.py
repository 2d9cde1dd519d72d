"""Some of the agents of a large computation, all in this process: each with a connection to the coordinator of its own,
a channel to the next agent in the ring, and a small state.

``python -m tests.benchmarks.many_agents.fleet COORDINATOR FIRST COUNT TOTAL PORT...`` runs the agents FIRST, FIRST + 1,
...; ``PORT``: where each process of the fleet listens, each with COUNT agents. It prints a line of JSON when all its
channels stand, one for each line that it reads (`Report`), and ends when its input does.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from typing import Any

import aiohttp
import msgspec
from aiohttp import web

from cutpoint_agents import Agent

CONNECTIONS_AT_ONCE = 50
RETRY_SECONDS = 0.05


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What has happened since the report before: when the first and the last agent recorded, on the machine's clock."""

    agents: int
    recorded: int = 0
    first_record: float = 0.0
    last_record: float = 0.0
    processor_seconds: float = 0.0
    faults: int = 0


class One:
    """One agent of the ring."""

    def __init__(self, number: int, coordinator: str, records: list[float]) -> None:
        self.agent = Agent(f"agent-{number:05d}", coordinator=coordinator)
        self._records = records
        self._entries = self.agent.table("entries")
        self._number = number
        self.agent.state("pulse", capture=self._capture, restore=lambda _: None)
        self.heard = asyncio.Event()

    def _capture(self) -> int:
        self._records.append(time.monotonic())
        return len(self._records)

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """The channel from the agent before."""
        raw = web.WebSocketResponse()
        await raw.prepare(request)
        async for _ in self.agent.wrap(raw):
            self.heard.set()
        return raw

    async def speak(self, session: aiohttp.ClientSession, url: str) -> Any:
        """Open the channel to the next agent and say one word."""
        self._entries.update({f"key-{i}": f"value {i} of {self._number}" for i in range(10)})
        while True:
            with contextlib.suppress(aiohttp.ClientError, OSError):
                channel = await self.agent.wrap(session.ws_connect(url))
                await channel.send_str("hello")
                return channel
            await asyncio.sleep(RETRY_SECONDS)


class Fleet:
    """The agents of this process. ``ports``: of all processes."""

    def __init__(self, coordinator: str, first: int, count: int, total: int, ports: list[int]) -> None:
        self.records: list[float] = []
        self._first, self._count, self._total, self._ports = first, count, total, ports
        self._ones = {n: One(n, coordinator, self.records) for n in range(first, min(first + count, total))}
        self._worked = 0.0

    async def run(self) -> None:
        """Start everybody, say so, and answer until the input ends."""
        app = web.Application()
        app.router.add_get("/ring/{number}", self._accept)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", self._ports[self._first // self._count], backlog=1024).start()
        async with contextlib.AsyncExitStack() as stack:
            connector = aiohttp.TCPConnector(limit=0)
            session = await stack.enter_async_context(aiohttp.ClientSession(connector=connector))
            for one in self._ones.values():
                one.agent._begin()
                stack.push_async_callback(one.agent._stop)
            await asyncio.gather(*(one.agent._start() for one in self._ones.values()))
            at_once = asyncio.Semaphore(CONNECTIONS_AT_ONCE)
            channels = await asyncio.gather(*(self._speak(number, session, at_once) for number in self._ones))
            await asyncio.gather(*(one.heard.wait() for one in self._ones.values()))
            self._tell()
            while await asyncio.to_thread(sys.stdin.readline):
                self._tell()
            assert len(channels) == len(self._ones)
            sys.stdout.flush()
        await runner.cleanup()

    async def _accept(self, request: web.Request) -> web.StreamResponse:
        return await self._ones[int(request.match_info["number"])].serve(request)

    async def _speak(self, number: int, session: aiohttp.ClientSession, at_once: asyncio.Semaphore) -> Any:
        after = (number + 1) % self._total
        async with at_once:
            url = f"http://127.0.0.1:{self._ports[after // self._count]}/ring/{after}"
            return await self._ones[number].speak(session, url)

    def _tell(self) -> None:
        worked, before, records = time.process_time(), self._worked, tuple(self.records)
        self._worked = worked
        self.records.clear()
        report = Report(
            agents=len(self._ones),
            recorded=len(records),
            first_record=min(records, default=0.0),
            last_record=max(records, default=0.0),
            processor_seconds=worked - before,
            faults=sum(one.agent.statistics().faults for one in self._ones.values()),
        )
        sys.stdout.write(msgspec.json.encode(report).decode() + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    url, first, count, total, *ports = sys.argv[1:]
    asyncio.run(Fleet(url, int(first), int(count), int(total), [int(port) for port in ports]).run())
