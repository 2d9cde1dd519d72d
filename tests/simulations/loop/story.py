"""A program that asks for everything by which two runs could differ; as a script it prints the digest of one run.

Services that talk HTTP and WebSockets, work in threads, files, sets of tasks, chance, clocks, identifiers, log lines;
one of them is killed, one is paused, a link is held.
"""

from __future__ import annotations

import asyncio
import datetime
import hashlib
import json
import logging
import os
import random
import secrets
import sys
import tempfile
import time
import uuid
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from cutpoint_simulations.loop import Simulation

LOG = logging.getLogger("story")
SECONDS = 3.0


def _drawn() -> dict[str, Any]:
    """Whatever could be another thing in another run."""
    chosen = sorted(random.sample(range(10_000), 3))
    return {
        "random": [random.random(), random.getrandbits(32), chosen, random.Random().random(), secrets.token_hex(4)],
        "uuid": [str(uuid.uuid1()), str(uuid.uuid1()), str(uuid.uuid4())],
        "urandom": os.urandom(4).hex(),
        "time": [time.time(), time.monotonic(), time.perf_counter_ns(), time.process_time()],
        "local": [time.strftime("%x %X"), str(datetime.datetime.now().astimezone())],
        "process": [os.getpid(), os.cpu_count(), os.uname().nodename],
        "tasks": [task.get_name() for task in asyncio.all_tasks()],
    }


def _work(text: str) -> str:
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder, "work")
        place.write_text(text)
        return f"{place.name} {hashlib.sha256(place.read_bytes()).hexdigest()[:8]} {os.listdir(folder)}"


async def _serve() -> None:
    async def post(request: web.Request) -> web.Response:
        LOG.debug("asked at %s by %s", time.time(), request.remote)
        body = await request.json()
        path = Path("/simulated", f"{len(body)}-{random.randrange(100)}")
        await asyncio.to_thread(path.write_text, json.dumps(body))
        return web.json_response(_drawn() | {"work": await asyncio.to_thread(_work, str(body))})

    async def socket(request: web.Request) -> web.WebSocketResponse:
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        async for message in ws:
            tasks = {asyncio.create_task(asyncio.sleep(random.random() / 100, n)) for n in range(5)}
            done, waiting = await asyncio.wait(tasks, timeout=0.005)
            await ws.send_json([message.data, [task.result() for task in done], len(waiting)])
        return ws

    app = web.Application()
    app.router.add_post("/post", post)
    app.router.add_get("/socket", socket)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "0.0.0.0", 8080).start()
    await asyncio.Event().wait()


async def _ask(server: str) -> None:
    async with aiohttp.ClientSession(f"http://{server}:8080") as session:
        while True:
            try:
                await asyncio.gather(*(_post(session, number) for number in range(4)))
                async with session.ws_connect("/socket") as ws:
                    for number in range(5):
                        await ws.send_str(f"{number} {uuid.uuid4()}")
                        await asyncio.wait_for(ws.receive_json(), 1)
                        await asyncio.sleep(0.05)
            except (TimeoutError, OSError, aiohttp.ClientError, TypeError) as error:
                LOG.debug("again, after %r", error)
                await asyncio.sleep(random.uniform(0.01, 0.1))


async def _post(session: aiohttp.ClientSession, number: int) -> None:
    async with session.post("/post", json={"number": number, "token": secrets.token_urlsafe()}) as response:
        LOG.debug("answered %s", await response.json())


def tell(seed: int, *, between: Any = None) -> Simulation:
    """Run it to its end; ``between`` is called in the middle."""
    with Simulation(seed) as simulation:
        agenda, network = simulation.agenda, simulation.network
        one = simulation.host("one", _serve, restart_seconds=0.2)
        two = simulation.host("two", _serve, machine="another", restart_seconds=0.2)
        for number, server in enumerate(("one", "two", "one")):
            simulation.host(f"client{number}", lambda server=server: _ask(server), machine="third")  # type: ignore[misc]
        for host in simulation.hosts.values():
            host.start()
        two.clock.skew_seconds = -100.0
        agenda.at(0.5, one.kill)
        agenda.at(1.0, two.pause)
        agenda.at(1.2, two.resume)
        agenda.at(1.4, network.hold, "client1", "two")
        agenda.at(1.9, network.release, "client1", "two")
        agenda.at(2.0, simulation.lose_power, "machine")
        agenda.at(2.5, two.terminate)
        simulation.run(until=SECONDS / 2)
        if between is not None:
            between()
        simulation.run(until=SECONDS)
        simulation.check()
    assert simulation.unhandled == [], "\n".join(map(str, simulation.unhandled))
    return simulation


if __name__ == "__main__":
    if "debug" in sys.argv:
        logging.basicConfig(level=logging.DEBUG)
    print(tell(int(sys.argv[1])).digest)
