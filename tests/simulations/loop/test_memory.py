from __future__ import annotations

import asyncio
import contextlib
import gc
import sys

from cutpoint_simulations.loop import Simulation
from cutpoint_simulations.loop.host import Host
from cutpoint_simulations.loop.substitution import SUBSTITUTED
from tests.simulations.loop.running import started


async def serve() -> None:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(1000):
                writer.write(data)

    server = await asyncio.start_server(echo, "0.0.0.0", 80)
    await server.serve_forever()


async def ask() -> None:
    while True:
        try:
            reader, writer = await asyncio.open_connection("server", 80)
            for _ in range(5):
                writer.write(b"x" * 1000)
                await reader.read(1000)
        except OSError:
            await asyncio.sleep(0.01)


def run(seed: int) -> None:
    with Simulation(seed) as simulation:
        server = started(simulation, "server", serve, restart_seconds=0.01)
        started(simulation, "client", ask)
        simulation.agenda.at(0.02, server.kill)
        simulation.run(until=0.05)


def test_two_hundred_simulations_keep_nothing() -> None:
    with SUBSTITUTED:
        for seed in range(20):
            run(seed)
        gc.collect()
        before = sys.getallocatedblocks()
        for seed in range(200):
            run(seed)
        gc.collect()
        after = sys.getallocatedblocks()
    assert after - before < 2000, "less than ten blocks a simulation"
    assert [kept for kept in gc.get_objects() if isinstance(kept, Host)] == []


def test_collecting_is_off_within_a_simulation_and_as_it_was_after_it() -> None:
    assert gc.isenabled()
    with Simulation(1):
        assert not gc.isenabled()
    assert gc.isenabled()
    gc.disable()
    try:
        with Simulation(1):
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_a_long_run_forgets_the_tasks_and_sockets_that_are_done() -> None:
    async def comes_and_goes() -> None:
        for _ in range(3000):
            _, writer = await asyncio.open_connection("server", 80)
            writer.close()
            await asyncio.create_task(asyncio.sleep(0.001))

    async def serve_briefly() -> None:
        await asyncio.start_server(lambda reader, writer: writer.close(), "0.0.0.0", 80)

    with Simulation(1) as simulation:
        server, client = started(simulation, "server"), started(simulation, "client")
        simulation.complete(serve_briefly(), on=server)
        simulation.complete(comes_and_goes(), on=client)
        assert client.loop is not None
        assert len(client.loop._tasks) < 1500
        assert len(client._sockets) < 10
        assert len(server._sockets) < 10
