"""Cuts of many agents, measured: a coordinator and the processes of a fleet, all of them programs of their own."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from cutpoint.testing.loopback_server import free_ports
from cutpoint_coordinator.client import CoordinatorClient
from tests.benchmarks.many_agents import coordinator, fleet

PROCESSES = 4
CUT_SECONDS_MAX = 300.0
ROOT = Path(__file__).parents[3]


@dataclasses.dataclass(frozen=True, kw_only=True)
class CutFound:
    """One cut: how long from its request to its publication, from the first record to the last, and what it cost."""

    seconds: float
    spread_seconds: float
    writes: int
    hold_seconds: float
    late_seconds: float
    coordinator_seconds: float
    agents_seconds: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class Found:
    """What a computation of ``agents`` was like; ``joined_seconds`` from the first start until all channels stand."""

    agents: int
    cuts: tuple[CutFound, ...]
    joined_seconds: float
    joining_writes: int
    idle_share: float
    peak_bytes: int

    def seconds(self, share: float) -> float:
        """The duration below which this share of the cuts stays."""
        ordered = sorted(cut.seconds for cut in self.cuts)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]

    def told(self) -> str:
        """In a line, for people."""
        writes = sorted({cut.writes for cut in self.cuts})
        return (
            f"{self.agents} agents: {len(self.cuts)} cuts, p50 {1e3 * self.seconds(0.5):.0f} ms, "
            f"p95 {1e3 * self.seconds(0.95):.0f} ms, records within {self._most('spread_seconds'):.0f} ms, "
            f"{' or '.join(map(str, writes))} registry writes a cut, coordinator: {self.peak_bytes / 2**20:.0f} MiB, "
            f"{self._mean('coordinator_seconds'):.0f} ms of work a cut, loop held {self._most('hold_seconds'):.0f} ms "
            f"(late {self._most('late_seconds'):.0f} ms), {self.idle_share:.1%} when idle; "
            f"agents: {self._mean('agents_seconds') / self.agents:.2f} ms of work each a cut; "
            f"joined in {self.joined_seconds:.1f} s with {self.joining_writes} registry writes"
        )

    def _most(self, name: str) -> float:
        """The most of any cut, in milliseconds."""
        return 1e3 * max(float(getattr(cut, name)) for cut in self.cuts)

    def _mean(self, name: str) -> float:
        """The mean of all cuts, in milliseconds."""
        return 1e3 * statistics.fmean(getattr(cut, name) for cut in self.cuts)


class Program:
    """A program that answers each line with one of JSON."""

    def __init__(self, module: str, *arguments: object, log: Path, answer: type[Any]) -> None:
        self._answer = answer
        self._log = log
        with log.open("wb") as file:
            self._process = subprocess.Popen(
                [sys.executable, "-m", module, *map(str, arguments)],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=file,
            )

    def hear(self) -> Any:
        """The next line."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, self._log.read_text()[-4000:]
        return msgspec.json.decode(line, type=self._answer)

    def ask(self) -> Any:
        """A report."""
        assert self._process.stdin is not None
        self._process.stdin.write(b"\n")
        self._process.stdin.flush()
        return self.hear()

    def end(self) -> None:
        """It ends with its input, or is killed."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def measured(
    folder: Path, agents: int, cuts: int, *, registry: str = "", computation: str = "many", idle_seconds: float = 2.0
) -> Found:
    """Take ``cuts`` cuts of ``agents`` agents, after one that counts for nothing. ``registry``: empty: a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        arguments = (registry or folder / "registry", folder / "store", computation)
        log = folder / "coordinator.log"
        leader = Program(coordinator.__name__, *arguments, log=log, answer=coordinator.Report)
        stack.callback(leader.end)
        return asyncio.run(_measured(stack, leader, folder, agents, cuts, idle_seconds))


async def _measured(
    stack: contextlib.ExitStack, leader: Program, folder: Path, agents: int, cuts: int, idle_seconds: float
) -> Found:
    url = leader.hear().url
    began = time.monotonic()
    fleets = tuple(_fleets(stack, folder, agents, url))
    for one in fleets:
        one.hear()
    joined = time.monotonic() - began
    joining = leader.ask().writes
    await asyncio.sleep(idle_seconds)
    idle = leader.ask().processor_seconds / idle_seconds
    found = []
    async with CoordinatorClient(url) as client:
        await client.cut(timeout_seconds=CUT_SECONDS_MAX)
        for _ in range(cuts):
            found.append(await _one_cut(client, leader, fleets))
    return Found(
        agents=agents,
        cuts=tuple(found),
        joined_seconds=joined,
        joining_writes=joining,
        idle_share=idle,
        peak_bytes=leader.ask().peak_bytes,
    )


def _fleets(stack: contextlib.ExitStack, folder: Path, agents: int, url: str) -> Iterator[Program]:
    processes = min(PROCESSES, agents)
    each = -(-agents // processes)
    ports = free_ports(processes)
    for number in range(processes):
        arguments = (url, number * each, each, agents, *ports)
        one = Program(fleet.__name__, *arguments, log=folder / f"fleet-{number}.log", answer=fleet.Report)
        stack.callback(one.end)
        yield one


async def _one_cut(client: CoordinatorClient, leader: Program, fleets: Sequence[Program]) -> CutFound:
    for one in (leader, *fleets):
        one.ask()
    began = time.monotonic()
    answer = await client.cut(timeout_seconds=CUT_SECONDS_MAX)
    seconds = time.monotonic() - began
    assert answer.state == "published", answer
    mine: coordinator.Report = leader.ask()
    theirs: list[fleet.Report] = [one.ask() for one in fleets]
    assert not any(report.faults for report in theirs), theirs
    records = [at for report in theirs for at in (report.first_record, report.last_record)]
    return CutFound(
        seconds=seconds,
        spread_seconds=max(records) - min(records),
        writes=mine.writes,
        hold_seconds=mine.hold_seconds,
        late_seconds=mine.late_seconds,
        coordinator_seconds=mine.processor_seconds,
        agents_seconds=sum(report.processor_seconds for report in theirs),
    )
