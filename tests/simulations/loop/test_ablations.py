"""Each safeguard of determinism is there for a reason: without it, two runs of a short program differ."""

from __future__ import annotations

import asyncio
import gc
import os
import random
import sys
import time
import uuid
from collections.abc import Callable
from types import ModuleType
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from cutpoint_simulations.loop import Simulation, shared_chance, substitution
from cutpoint_simulations.loop.event_loop import SimulatedFuture, SimulatedTask
from cutpoint_simulations.loop.replacements import replacements
from tests.simulations.loop.running import Program, started

RUNS = 8


@pytest.fixture(autouse=True, scope="module")
def substituted() -> None:
    """Nothing: here not everything is substituted."""


def digests(program: Program[Any]) -> set[str]:
    """Of several runs with the same seed, with other things in memory each time."""
    with substitution.SUBSTITUTED:
        return _digests(program)


def _digests(program: Program[Any]) -> set[str]:
    found, kept = set[str](), list[object]()
    for number in range(RUNS):
        kept.append([object() for _ in range(number * 37)] + [bytearray(number * 11) for _ in range(50)])
        with Simulation(1, shuffled=False) as simulation:
            listener, host = started(simulation, "listener"), started(simulation, "host")
            simulation.complete(_listens(), on=listener)
            simulation.complete(_tells(program), on=host)
            found.add(simulation.digest)
    return found


async def _listens() -> None:
    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    await asyncio.start_server(listen, "0.0.0.0", 9)


async def _tells(program: Program[Any]) -> None:
    told = str(await program())
    _, writer = await asyncio.open_connection("listener", 9)
    writer.write(told.encode())
    await asyncio.sleep(0.1)


def without(*names: str) -> Callable[[pytest.MonkeyPatch], None]:
    """Do not replace these."""

    def take_out(patch: pytest.MonkeyPatch) -> None:
        def some() -> list[Any]:
            planned = replacements()
            kept = [one for one in planned if f"{one[0].__name__}.{one[1]}" not in names]
            assert len(kept) == len(planned) - len(names)
            return kept

        patch.setattr(substitution, "replacements", some)

    return take_out


async def sets_of_tasks() -> list[str]:
    tasks = {asyncio.create_task(asyncio.sleep(0.001 * (n % 3)), name=f"{n}") for n in range(40)}
    done, waiting = await asyncio.wait(tasks, timeout=0.0015)
    return [task.get_name() for task in (*done, *waiting)]


def _addresses_of_tasks(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(SimulatedTask, "__hash__", object.__hash__)
    patch.setattr(SimulatedFuture, "__hash__", object.__hash__)


async def sets_of_futures() -> list[int]:
    loop = asyncio.get_running_loop()
    futures = {loop.create_future(): n for n in range(40)}
    for future in futures:
        future.set_result(None)
    done, _ = await asyncio.wait(futures)
    return [futures[future] for future in done]


async def sets_of_queues() -> list[int]:
    queues = {asyncio.Queue[int](n + 1) for n in range(40)}
    return [queue.maxsize for queue in queues]


async def bytes_of_the_operating_system() -> str:
    return f"{os.urandom(8).hex()} {uuid.uuid4()}"


async def generators_without_a_seed() -> float:
    return random.Random().random()


async def generator_behind_random() -> float:
    return random.random()


def _no_shared_chance(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(shared_chance.SharedChance, "seed", lambda self, seed: None)


def _both_ends_of_random(patch: pytest.MonkeyPatch) -> None:
    """Its functions are each host's own, and the generator behind them begins anew: either would be enough here."""
    _no_shared_chance(patch)
    without("random.random")(patch)


async def generator_of_a_library() -> float:
    found: random.Random = vars(sys.modules["library_with_chance"])["GENERATOR"]
    return found.random()


async def steady_clock() -> float:
    return time.perf_counter()


def _real_wall_clock(patch: pytest.MonkeyPatch) -> None:
    travel = substitution._travel

    def stays() -> Any:
        made = travel()
        import time_machine

        vars(time_machine)["traveller_stack"][-1].time_ns = time_machine.escape_hatch.time.time_ns
        return made

    patch.setattr(substitution, "_travel", stays)


async def wall_clock() -> int:
    return time.time_ns()


async def process_of_its_own() -> int:
    return os.getpid()


async def garbage_with_a_last_word() -> int:
    said = 0

    class Cycle:
        def __init__(self) -> None:
            self.me = self

        def __del__(self) -> None:
            nonlocal said
            said += 1

    for _ in range(3000):
        Cycle()
    return said


def _collecting(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(gc, "disable", lambda: None)


async def connections_closed_together() -> None:
    async def slow(request: web.Request) -> web.Response:
        await asyncio.sleep(1000)
        return web.Response()

    app = web.Application()
    app.router.add_get("/", slow)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "0.0.0.0", 80).start()
    session = aiohttp.ClientSession()
    asking = [asyncio.create_task(_swallowed(session.get("http://host/"))) for _ in range(30)]
    await asyncio.sleep(1)
    await session.close()
    await asyncio.wait(asking)
    await asyncio.sleep(1)


async def _swallowed(asked: Any) -> None:
    try:
        await asked
    except aiohttp.ClientError:
        return


SAFEGUARDS: list[tuple[Program[Any], Callable[[pytest.MonkeyPatch], None]]] = [
    (sets_of_tasks, _addresses_of_tasks),
    (sets_of_futures, _addresses_of_tasks),
    (sets_of_queues, without("Queue.__hash__")),
    (connections_closed_together, without("ResponseHandler.__hash__")),
    (connections_closed_together, without("_TransportPlaceholder.__hash__")),
    (bytes_of_the_operating_system, without("os.urandom")),
    (generators_without_a_seed, without("Random.seed")),
    (generator_behind_random, _both_ends_of_random),
    (generator_of_a_library, _no_shared_chance),
    (steady_clock, without("time.perf_counter")),
    (wall_clock, _real_wall_clock),
    (garbage_with_a_last_word, _collecting),
]


@pytest.fixture(autouse=True)
def library(monkeypatch: pytest.MonkeyPatch) -> None:
    """A library that made a generator when it was imported."""
    made = ModuleType("library_with_chance")
    vars(made)["GENERATOR"] = random.Random()
    monkeypatch.setitem(sys.modules, made.__name__, made)


PROGRAMS = {program.__name__: program for program, _ in SAFEGUARDS}


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=list(PROGRAMS))
def test_with_every_safeguard_all_runs_are_the_same(program: Program[Any]) -> None:
    assert len(digests(program)) == 1


@pytest.mark.parametrize(("program", "take_out"), SAFEGUARDS, ids=lambda value: getattr(value, "__name__", ""))
def test_without_its_safeguard_runs_differ(
    program: Program[Any], take_out: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    take_out(monkeypatch)
    assert len(digests(program)) > 1
