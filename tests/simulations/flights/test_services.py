"""Origins and regions over real sockets, without a coordinator: what they count is what the file says."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
import msgspec
from aiohttp import web

from cutpoint.testing.etcd_server import free_ports
from cutpoint_agents import Agent
from cutpoint_simulations.flights import destination, origin
from cutpoint_simulations.flights.hosting import Host
from cutpoint_simulations.flights.local import LocalCheckpoints
from cutpoint_simulations.flights.reading import Flight, origins_of
from cutpoint_simulations.flights.regions import REGIONS
from cutpoint_simulations.flights.standing import Standing
from cutpoint_simulations.flights.tallies import answer, merge
from tests.simulations.flights.flight_files import january

HostMaker = Callable[[str], Host]


class Town:
    """Services in this process, each at a port of its own that it keeps."""

    def __init__(self, flights: tuple[Flight, ...], host: HostMaker) -> None:
        self.flights = flights
        self.names = (*REGIONS, *origins_of(flights))
        self.urls = dict(zip(self.names, (f"http://127.0.0.1:{p}" for p in free_ports(len(self.names))), strict=True))
        self._host = host
        self._runners: dict[str, web.AppRunner] = {}

    async def start(self, name: str) -> None:
        if name in REGIONS:
            app = destination.create_app(name=name, landings=100_000, agent=self._host(name))
        else:
            own = tuple(flight for flight in self.flights if flight.origin == name)
            regions = {region: self.urls[region] for region in REGIONS}
            app = origin.create_app(name=name, flights=own, destinations=regions, agent=self._host(name))
        runner = self._runners[name] = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", int(self.urls[name].rsplit(":", 1)[1])).start()

    async def stop(self, name: str) -> None:
        await self._runners.pop(name).cleanup()

    async def close(self) -> None:
        for name in tuple(self._runners):
            await self.stop(name)

    async def standing(self, name: str) -> Standing:
        async with aiohttp.ClientSession() as http, http.get(f"{self.urls[name]}/tallies") as response:
            return msgspec.json.decode(await response.read(), type=Standing)

    async def wait(self, condition: Callable[[], Awaitable[bool]]) -> None:
        async with asyncio.timeout(20):
            while not await condition():
                await asyncio.sleep(0.02)

    async def all_origins_done(self) -> bool:
        return all([(await self.standing(name)).done for name in self.names if name not in REGIONS])


async def test_wrapped_channels_count_every_flight_once() -> None:
    flights = january(2000)
    async with AsyncExitStack() as stack:
        town = Town(flights, lambda name: Agent(name, coordinator=None, window=48))
        stack.push_async_callback(town.close)
        for name in reversed(town.names):  # origins first: they wait until the regions can be reached
            await town.start(name)
        await town.wait(town.all_origins_done)
        standings = [await town.standing(name) for name in town.names]
    assert merge(standing.tallies for standing in standings) == ordered(flights)
    assert {s.name: s.position for s in standings if s.name not in REGIONS} == {
        name: sum(1 for flight in flights if flight.origin == name) for name in ("EWR", "JFK", "LGA")
    }


async def test_bare_channels_are_as_good_while_nothing_fails(tmp_path: Path) -> None:
    flights = january(1000)
    async with AsyncExitStack() as stack:
        town = Town(flights, local_in(tmp_path))
        stack.push_async_callback(town.close)
        for name in town.names:
            await town.start(name)
        await town.wait(town.all_origins_done)
        standings = [await town.standing(name) for name in town.names]
    assert merge(standing.tallies for standing in standings) == ordered(flights)


async def test_a_service_restarts_from_its_own_checkpoint_and_no_later(tmp_path: Path) -> None:
    flights = january(1000)
    async with AsyncExitStack() as stack:
        town = Town(flights, local_in(tmp_path))
        stack.push_async_callback(town.close)
        for name in town.names:
            await town.start(name)
        await town.wait(town.all_origins_done)

        async def written() -> bool:
            counts = [Path(tmp_path / f"{name}.json") for name in town.names]
            return all(path.exists() and b"-" in path.read_bytes() for path in counts)

        await town.wait(written)
        before = await town.standing("south")
        await asyncio.sleep(0.1)
        await town.stop("south")
        await town.start("south")
        after = await town.standing("south")
    assert after.tallies == before.tallies


def local_in(folder: Path) -> HostMaker:
    return lambda name: LocalCheckpoints(folder / f"{name}.json", interval_seconds=0.05, window=48)


def ordered(flights: tuple[Flight, ...]) -> object:
    return merge([answer(flights)])
