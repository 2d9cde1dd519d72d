"""One real coordinator as a program of its own, which tells what a measurement wants to know of it.

``python -m tests.benchmarks.many_agents.coordinator REGISTRY STORE COMPUTATION`` listens on a free port and prints a
line of JSON as soon as it leads; after that each line that it reads is answered by one (`Report`). It ends when its
input does.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import resource
import sys
import time
from typing import Any

import msgspec

from cutpoint_coordinator.opening import open_all
from cutpoint_coordinator.service import Service
from cutpoint_coordinator.settings import Address, Settings

TICK_SECONDS = 0.001
DEADLINE_SECONDS = 300.0


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What has happened since the report before.

    ``writes``: transactions that the registry has taken; ``hold_seconds``: the longest that the event loop was held
    by itself, in processor time; ``late_seconds``: the longest that it was late by the clock, others' work included.
    ``peak_bytes``: the most memory that the process has ever had.
    """

    url: str
    writes: int = 0
    hold_seconds: float = 0.0
    late_seconds: float = 0.0
    processor_seconds: float = 0.0
    peak_bytes: int = 0


class Counted:
    """A registry, and how many transactions it has taken."""

    def __init__(self, registry: Any) -> None:
        self._registry = registry
        self.writes = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._registry, name)

    async def commit(self, leadership: Any, transaction: Any) -> Any:
        """One transaction."""
        answer = await self._registry.commit(leadership, transaction)
        self.writes += 1
        return answer


class Meter:
    """Looks at the clocks once in a millisecond, as far as the event loop lets it."""

    def __init__(self, registry: Counted, url: str) -> None:
        self._loop = asyncio.get_running_loop()
        self._registry = registry
        self._url = url
        self._writes = registry.writes
        self._due = self._loop.time()
        self._hold = self._late = 0.0
        self._worked = time.process_time()
        self._thread = time.thread_time()
        self._tick()

    def _tick(self) -> None:
        now, thread = self._loop.time(), time.thread_time()
        self._hold = max(self._hold, thread - self._thread)
        self._late = max(self._late, now - self._due)
        self._thread, self._due = thread, now + TICK_SECONDS
        self._loop.call_at(self._due, self._tick)

    def report(self) -> Report:
        """What has happened, and begin anew."""
        writes, worked = self._registry.writes, time.process_time()
        report = Report(
            url=self._url,
            writes=writes - self._writes,
            hold_seconds=self._hold,
            late_seconds=self._late,
            processor_seconds=worked - self._worked,
            peak_bytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        )
        self._writes, self._worked = writes, worked
        self._hold = self._late = 0.0
        return report


async def coordinate(registry: str, store: str, computation: str) -> None:
    """Lead until nobody listens any more."""
    settings = Settings(
        registry=registry,
        store=store,
        listen=Address(host="127.0.0.1", port=0),
        computation=computation,
        deadline_seconds=DEADLINE_SECONDS,
    )
    opened = await open_all(settings)
    counted: Any = Counted(opened.registry)
    service = Service(settings, dataclasses.replace(opened, registry=counted))
    logging.basicConfig(stream=sys.stderr, level=logging.INFO)
    running = asyncio.create_task(service.run())
    await service.wait_leading()
    meter, loop, ended = Meter(counted, service.url), asyncio.get_running_loop(), asyncio.Event()

    def asked() -> None:
        if not sys.stdin.readline():
            loop.remove_reader(0)
            ended.set()
            return
        tell(meter.report())

    tell(meter.report())
    loop.add_reader(0, asked)
    await ended.wait()
    running.cancel()
    await asyncio.wait((running,))
    await service.close()


def tell(report: msgspec.Struct) -> None:
    """One line of JSON."""
    sys.stdout.write(msgspec.json.encode(report).decode() + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(coordinate(*sys.argv[1:]))
