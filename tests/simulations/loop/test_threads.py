"""Threads of simulated hosts: they wait for each other and for the loop, lose their turn, and die with their life."""

from __future__ import annotations

import asyncio
import concurrent.futures
import gc
import os
import queue
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from cutpoint_simulations.loop import Simulation
from cutpoint_simulations.loop.threads import Thread
from tests.simulations.loop.running import on_host, started

FOLDER = Path("/simulated/folder")


def run(program: Any, *, seed: int = 1, preempted: float = 0.0) -> Any:
    """What ``program`` returns on a host of its own."""
    with Simulation(seed, shuffled=False, preempted=preempted) as simulation:
        result = simulation.complete(program(), on=started(simulation, "host"))
    assert simulation.unhandled == []
    return result


def test_a_thread_waits_for_the_event_loop() -> None:
    async def program() -> list[float]:
        loop = asyncio.get_running_loop()

        async def later() -> str:
            await asyncio.sleep(5.0)
            return "done"

        began = loop.time()
        found = await asyncio.to_thread(lambda: asyncio.run_coroutine_threadsafe(later(), loop).result())
        assert found == "done"
        return [round(loop.time() - began)]

    assert run(program) == [5]


def test_what_the_event_loop_fails_with_is_raised_in_the_thread() -> None:
    async def fails() -> None:
        raise KeyError("no")

    async def program() -> str:
        future = asyncio.run_coroutine_threadsafe(fails(), asyncio.get_running_loop())
        return repr(await asyncio.to_thread(future.exception))

    assert run(program) == "KeyError('no')"


def test_while_a_thread_sleeps_everything_else_goes_on() -> None:
    async def program() -> tuple[int, float]:
        ticks = 0
        began = time.monotonic()
        sleeping = asyncio.create_task(asyncio.to_thread(time.sleep, 1.0))
        while not sleeping.done():
            ticks += 1
            await asyncio.sleep(0.1)
        return ticks, round(time.monotonic() - began, 1)

    assert run(program) == (11, 1.1)


def test_threads_hand_each_other_what_they_have() -> None:
    async def program() -> list[int]:
        items: queue.Queue[int] = queue.Queue(maxsize=1)
        seen: list[int] = []
        over = threading.Event()

        def take() -> None:
            while not over.is_set() or not items.empty():
                try:
                    seen.append(items.get(timeout=0.5))
                except queue.Empty:
                    continue

        def put() -> None:
            for number in range(5):
                items.put(number)
                time.sleep(0.01)
            over.set()

        await asyncio.gather(asyncio.to_thread(take), asyncio.to_thread(put))
        return seen

    assert run(program) == [0, 1, 2, 3, 4]


def test_a_wait_ends_with_its_time_and_not_before() -> None:
    async def program() -> list[object]:
        event, lock = threading.Event(), threading.Lock()

        def wait() -> list[object]:
            began = time.monotonic()
            lock.acquire()
            found = [event.wait(2.0), lock.acquire(timeout=1.0), lock.acquire(False)]
            return [*found, round(time.monotonic() - began, 1)]

        return await asyncio.to_thread(wait)

    assert run(program) == [False, False, False, 3.0]


@pytest.mark.parametrize("make", [threading.Lock, threading.RLock], ids=["Lock", "RLock"])
def test_one_thread_at_a_time_holds_a_lock(make: Any) -> None:
    async def program() -> list[str]:
        lock, seen = make() if make is threading.Lock else threading.RLock(), list[str]()

        def hold(name: str) -> None:
            with lock:
                seen.append(f"{name} begins")
                time.sleep(0.01)
                seen.append(f"{name} ends")

        await asyncio.gather(*(asyncio.to_thread(hold, name) for name in "abc"))
        return seen

    seen = run(program)
    assert sorted(seen[::2]) == ["a begins", "b begins", "c begins"]
    assert [each.replace("begins", "ends") for each in seen[::2]] == seen[1::2]


def test_an_executor_with_one_thread_keeps_the_order_though_the_first_waits() -> None:
    async def program() -> list[str]:
        loop, seen = asyncio.get_running_loop(), list[str]()

        def work(name: str, seconds: float) -> None:
            time.sleep(seconds)
            seen.append(name)

        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            works = [loop.run_in_executor(pool, work, name, seconds) for name, seconds in (("a", 1.0), ("b", 0.0))]
            await asyncio.gather(*works)
        return seen

    assert run(program) == ["a", "b"]


def write(name: str, seen: list[str]) -> None:
    """Several calls to the disk, told one by one."""
    for number in range(4):
        descriptor = os.open(FOLDER / f"{name}{number}", os.O_CREAT | os.O_WRONLY)
        seen.append(name)
        os.close(descriptor)


def interleaved(*, preempted: float, locked: bool = False, seed: int = 1) -> str:
    async def program() -> str:
        FOLDER.mkdir()
        seen, lock = list[str](), threading.Lock()

        def work(name: str) -> None:
            if locked:
                with lock:
                    write(name, seen)
            else:
                write(name, seen)

        await asyncio.gather(*(asyncio.to_thread(work, name) for name in "ab"))
        return "".join(seen)

    result: str = run(program, seed=seed, preempted=preempted)
    return result


def test_threads_lose_their_turn_where_they_ask_for_the_disk() -> None:
    assert {interleaved(preempted=0.0, seed=seed) for seed in range(8)} == {"aaaabbbb", "bbbbaaaa"}
    assert len({interleaved(preempted=0.5, seed=seed) for seed in range(8)}) > 4


def test_the_same_seed_gives_the_same_turns() -> None:
    assert interleaved(preempted=0.5) == interleaved(preempted=0.5)


def test_who_holds_a_lock_keeps_its_turn() -> None:
    assert {interleaved(preempted=1.0, locked=True, seed=seed) for seed in range(8)} <= {"aaaabbbb", "bbbbaaaa"}


def test_a_thread_of_a_dead_life_gets_no_further_and_reaches_nothing() -> None:
    seen: list[str] = []

    def work() -> None:
        try:
            (FOLDER / "begun").touch()
            time.sleep(1.0)
            seen.append("went on")
        finally:
            seen.append("unwound")
            (FOLDER / "finally").touch()
            seen.append("reached the disk")

    async def live() -> None:
        FOLDER.mkdir(exist_ok=True)
        await asyncio.to_thread(work)

    with Simulation(1, preempted=0.0) as simulation:
        host = started(simulation, "host", live)
        simulation.agenda.at(0.5, host.kill)
        simulation.run(until=5.0)
        assert seen == []
        assert [path.rsplit("/")[-1] for path in host.disk.files()] == ["begun"]
    assert seen == ["unwound"]


def test_a_paused_process_has_paused_threads() -> None:
    async def live() -> None:
        await asyncio.to_thread(time.sleep, 1.0)
        woken.append(simulation.agenda.now)
        await asyncio.Event().wait()

    woken: list[float] = []
    with Simulation(1) as simulation:
        host = started(simulation, "host", live)
        simulation.agenda.at(0.5, host.pause)
        simulation.agenda.at(4.0, host.resume)
        simulation.run(until=5.0)
    assert [round(at, 1) for at in woken] == [4.0]


def test_exiting_in_a_thread_ends_the_process_at_once() -> None:
    async def live() -> None:
        await asyncio.to_thread(leave)

    def leave() -> None:
        time.sleep(0.1)
        os._exit(3)

    with Simulation(1) as simulation:
        host = started(simulation, "host", live)
        simulation.run(until=1.0)
        assert host.statuses == [3]


def test_threads_that_never_end_are_let_go_of_with_the_simulation() -> None:
    async def program() -> None:
        asyncio.get_running_loop().run_in_executor(None, threading.Event().wait)
        await asyncio.sleep(0.1)

    assert on_host(program) is None
    gc.collect()
    assert [kept for kept in gc.get_objects() if isinstance(kept, Thread)] == []


@pytest.mark.filterwarnings("error")
def test_what_a_thread_has_asked_of_a_loop_that_dies_is_let_go_of_without_a_word() -> None:
    async def never() -> None:
        """Asked for too late."""

    async def live() -> None:
        loop = asyncio.get_running_loop()

        def work() -> None:
            asyncio.run_coroutine_threadsafe(never(), loop)
            host.kill()

        await asyncio.to_thread(work)

    with Simulation(1) as simulation:
        host = started(simulation, "host", live)
        simulation.run(until=1.0)
        assert not host.alive
        gc.collect()
