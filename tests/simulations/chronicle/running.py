"""Computations on the Loop for the tests of watching: two services without a coordinator, and three banks with one."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from collections.abc import Callable, Iterator

import aiohttp
from aiohttp import web

from cutpoint_agents import Agent
from cutpoint_simulations.bank import declare
from cutpoint_simulations.chronicle import Chronicle, Observation, Tracing, Watch
from cutpoint_simulations.cluster import Cluster
from cutpoint_simulations.loop import Simulation, Weather
from cutpoint_simulations.oracles import Jury, Oracle, case_of

PORT = 8080
FAR = Weather(latency_seconds=0.002, jitter_seconds=0.02)
"""A network on which there is always something under way."""


async def vault() -> None:
    """Confirms what it is paid."""
    agent = Agent("vault", coordinator=None)

    async def payments(request: web.Request) -> web.WebSocketResponse:
        bare = web.WebSocketResponse()
        await bare.prepare(request)
        channel = agent.wrap(bare)
        async for message in channel:
            await channel.send_str(f"got {message.data}")
        return bare

    app = web.Application()
    app.router.add_get("/", payments)
    app.cleanup_ctx.append(agent.context)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "0.0.0.0", PORT).start()
    await asyncio.Event().wait()


async def till() -> None:
    """Pays three times, and closes the channel when all is confirmed."""
    async with Agent("till", coordinator=None) as agent, aiohttp.ClientSession() as http:
        await asyncio.sleep(0.5)  # until the vault is there
        async with agent.wrap(http.ws_connect(f"http://vault:{PORT}/"), name="pay") as channel:
            for number in (1, 2, 3):
                await channel.send_str(f"pay {number}")
            for _ in range(3):
                await channel.receive_str()
        await asyncio.sleep(1.0)


def pair(seed: int, *hears: Callable[[Observation], object]) -> str:
    """The vault and the till for five virtual seconds; the digest of the run."""
    with Simulation(seed) as simulation, contextlib.ExitStack() as stack:
        if hears:
            stack.enter_context(Watch(*hears))
        for name, main in (("vault", vault), ("till", till)):
            simulation.host(name, main).start()
        simulation.run(until=5.0)
        assert simulation.unhandled == []
        return simulation.digest


@dataclasses.dataclass(frozen=True, kw_only=True)
class Run:
    """Three banks, watched and judged."""

    simulation: Simulation
    cluster: Cluster
    chronicle: Chronicle
    tracing: Tracing
    watch: Watch
    jury: Jury

    def at(self, seconds: float, fault: Callable[[], None]) -> None:
        """Have something happen."""
        self.simulation.agenda.at(seconds, fault)

    def run(self, until: float) -> None:
        """Let virtual time pass."""
        self.simulation.run(until=until)


@contextlib.contextmanager
def banks(seed: int, *oracles: Oracle) -> Iterator[Run]:
    """The banks, far from each other, started."""
    with Simulation(seed) as simulation:
        simulation.network.weather = FAR
        cluster = Cluster(simulation)
        declare(cluster)
        tracing = Tracing(
            title="banks",
            seed=seed,
            clock=lambda: simulation.agenda.now,
            processes=[*cluster.services, "coordinator"],
        )
        chronicle = Chronicle()
        simulation.heard = tracing.host
        with Watch(chronicle.hear, tracing.hear) as watch:
            jury = Jury(
                case_of(cluster, chronicle, watch),
                oracles,
                on_published=tracing.published,
                on_abandoned=tracing.abandoned,
            )
            jury.sits_over(cluster)
            cluster.start()
            yield Run(
                simulation=simulation, cluster=cluster, chronicle=chronicle, tracing=tracing, watch=watch, jury=jury
            )
