"""The demo's seven services at full speed, now with a cut every second and now without: flights a second, as JSON.

``python -m tests.benchmarks.cut_speed.flights PAIRS``: one deployment, started afresh and warmed up; then pairs of
stretches, one with cuts and one without, now this first and now that. Cuts are taken as a deployment takes them: by the
policy that is declared, and nobody has to ask for them over HTTP, on the processors that are measured. Counted is what
lands; nobody is killed and nothing holds the landings back. Beside the flights of a second stand those of a second of
processor time of all processes of the deployment, which says the same where nobody else uses the machine, and is not
disturbed by others.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import aiohttp

from cutpoint_coordinator.client import CoordinatorClient
from cutpoint_simulations.flights.children import EtcdChild, Nursery, PythonChild
from cutpoint_simulations.flights.reading import JANUARY, origins_of, read_flights
from cutpoint_simulations.flights.stage import DemoSettings, Stage

STRETCH_SECONDS = 3.0
CUT_SECONDS = 1.0
PAUSE_SECONDS = 0.9
"""From the end of a cut to the next: cuts take less than a tenth of a second, so there is at least one a second."""

WARM_UP_SECONDS = 2.0
START_SECONDS = 60.0
MONTHS = 160
"""So many Januaries, one behind the other: nobody lands them all in the time."""

ON_DEMAND_SECONDS = 1_000_000.0
_TICKS = os.sysconf("SC_CLK_TCK")


class Rate(NamedTuple):
    """Flights that landed in a second, and in a second of processor time."""

    wall: float
    processor: float


class Sum(NamedTuple):
    """So far: seconds of the clock, seconds of processor time, flights that landed."""

    clock: float
    processor: float
    landed: int


class Flown:
    """One deployment that runs. ``http`` asks its services."""

    def __init__(self, stage: Stage, http: aiohttp.ClientSession, client: CoordinatorClient) -> None:
        self._stage = stage
        self._http = http
        self._client = client
        self.cuts: list[float] = []

    async def serving(self) -> None:
        """Wait until every service answers and flights land."""
        deadline = time.monotonic() + START_SECONDS
        while True:
            assert time.monotonic() < deadline, "the deployment does not start"
            try:
                if (await self.sum()).landed > 0:
                    return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.2)

    async def stretch(self, *, cuts: bool) -> Rate:
        """Some seconds with cuts or without."""
        taken = await self._declare(PAUSE_SECONDS if cuts else ON_DEMAND_SECONDS)
        before = await self.sum()
        await asyncio.sleep(STRETCH_SECONDS)
        after = await self.sum()
        if cuts:
            await self._hear_of(taken)
        landed = after.landed - before.landed
        return Rate(landed / (after.clock - before.clock), landed / (after.processor - before.processor))

    async def _declare(self, interval_seconds: float) -> int:
        """Have a cut so often; the last cut so far. None is open then."""
        await self._client.declare_policy(f"[cuts]\ninterval = {interval_seconds}\n")
        while (topology := await self._client.topology()).open_cut is not None:
            await asyncio.sleep(0.02)
        return topology.last_cut

    async def _hear_of(self, last: int) -> None:
        """Note how long the cuts after ``last`` took. There must have been one a second."""
        answer = await self._client.points(newest_first=True, limit=20)
        taken = [point for point in answer.points if point.cut > last]
        assert len(taken) >= STRETCH_SECONDS / CUT_SECONDS - 1, f"only {len(taken)} cuts in {STRETCH_SECONDS} seconds"
        self.cuts.extend(point.duration_seconds for point in taken)

    async def sum(self) -> Sum:
        """What there is by now."""
        answers = await asyncio.gather(*(self._landed(name) for name in self._stage.regions))
        return Sum(time.monotonic(), sum(map(_processor_seconds, self._pids())), sum(answers))

    async def _landed(self, region: str) -> int:
        async with self._http.get(f"{self._stage.url(region)}/tallies") as response:
            return int((await response.json())["position"])

    def _pids(self) -> Iterator[int]:
        for child in (self._stage.etcd, self._stage.coordinator, *self._stage.services):
            pid = child.server.pid if isinstance(child, EtcdChild) else child.pid if child is not None else None
            assert pid is not None, "a process of the deployment is gone"
            yield pid


def _processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


@contextmanager
def started(folder: Path) -> Iterator[tuple[Stage, int]]:
    """All processes of the demo, for as long as they are needed, and the number of flights that they have."""
    month = gzip.decompress(JANUARY.read_bytes()).splitlines(keepends=True)
    flights = folder / "flights.csv"
    flights.write_bytes(b"".join([month[0], *month[1:] * MONTHS]))
    settings = DemoSettings(
        flights=flights,
        directory=folder,
        landings=1e9,
        kills=(),
        seed=0,
        uncoordinated=False,
        interval_seconds=ON_DEMAND_SECONDS,
    )
    stage = Stage(settings, origins_of(read_flights(JANUARY)))
    ended: list[str] = []
    nursery = Nursery(lambda child: ended.append(child.name))
    try:
        assert stage.etcd is not None
        assert isinstance(stage.coordinator, PythonChild)
        nursery.add(stage.etcd)
        stage.etcd.server.wait_healthy()
        nursery.add(stage.coordinator)
        for service in stage.services:
            nursery.add(service)
        yield stage, MONTHS * (len(month) - 1)
    finally:
        nursery.stop()


async def fly(stage: Stage, flights: int, pairs: int) -> dict[str, object]:
    """See the module's text. ``with`` and ``without``: the rates of each pair."""
    async with aiohttp.ClientSession() as http, CoordinatorClient(stage.coordinator_url) as client:
        flown = Flown(stage, http, client)
        await flown.serving()
        await asyncio.sleep(WARM_UP_SECONDS)
        found: dict[bool, list[Rate]] = {True: [], False: []}
        for number in range(pairs):
            for cuts in (True, False) if number % 2 else (False, True):
                found[cuts].append(await flown.stretch(cuts=cuts))
        assert (await flown.sum()).landed < flights, "there were too few flights"
    return {"with": found[True], "without": found[False], "cut_seconds": flown.cuts}


def main(pairs: int) -> dict[str, object]:
    """What is measured, in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="cutpoint-bench-") as folder, started(Path(folder)) as (stage, flights):
        return asyncio.run(fly(stage, flights, pairs))


if __name__ == "__main__":
    print(json.dumps(main(int(sys.argv[1]))))
