from __future__ import annotations

import asyncio
import contextlib
import contextvars
import functools
import threading
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from cutpoint_simulations.loop import Simulation
from tests.simulations.loop.running import Program, on_host, started

VARIABLE: contextvars.ContextVar[str] = contextvars.ContextVar("VARIABLE", default="unset")


async def callbacks_in_order() -> list[object]:
    loop, seen = asyncio.get_running_loop(), list[object]()
    loop.call_soon(seen.append, 1)
    loop.call_later(0.02, seen.append, 5)
    loop.call_later(0.01, seen.append, 4)
    cancelled = loop.call_soon(seen.append, "never")
    loop.call_soon(seen.append, 2)
    cancelled.cancel()
    late = loop.call_later(0.005, seen.append, "never")
    late.cancel()
    loop.call_soon(loop.call_soon, seen.append, 3)
    await asyncio.sleep(0.05)
    return seen


async def cancellation() -> list[object]:
    seen = list[object]()

    async def stubborn() -> str:
        try:
            await asyncio.sleep(10)
        except asyncio.CancelledError:
            seen.append("asked")
            await asyncio.sleep(0.001)
            raise
        finally:
            seen.append("finally")
        return "never"

    task = asyncio.create_task(stubborn())
    await asyncio.sleep(0)
    task.cancel("enough")
    with contextlib.suppress(asyncio.CancelledError):
        await task
    shielded = asyncio.create_task(asyncio.sleep(0.01, "kept"))
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(asyncio.shield(shielded), 0.001)
    return [*seen, task.cancelled(), await shielded]


async def groups_and_timeouts() -> list[object]:
    seen = list[object]()

    async def fails() -> None:
        await asyncio.sleep(0.001)
        raise ValueError("the first")

    async def waits() -> None:
        try:
            await asyncio.sleep(10)
        finally:
            seen.append("cancelled with the group")

    try:
        async with asyncio.timeout(0.01):
            await asyncio.Event().wait()
    except TimeoutError:
        seen.append("timeout")
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(waits())
            group.create_task(fails())
    except* ValueError as errors:
        seen.append(str(errors.exceptions[0]))
    results = await asyncio.gather(asyncio.sleep(0.002, "a"), asyncio.sleep(0.001, "b"), return_exceptions=True)
    done, pending = await asyncio.wait({asyncio.create_task(asyncio.sleep(n)) for n in (0.001, 60)}, timeout=0.01)
    return [*seen, *results, len(done), [task.cancel() for task in pending]]


async def queues_locks_and_events() -> list[object]:
    seen = list[object]()
    queue: asyncio.Queue[int] = asyncio.Queue(2)
    event, lock, condition, semaphore = asyncio.Event(), asyncio.Lock(), asyncio.Condition(), asyncio.Semaphore(2)

    async def produce() -> None:
        for number in range(5):
            await queue.put(number)
            seen.append(f"put {number}")
        event.set()

    async def holds(name: str) -> None:
        async with lock, semaphore:
            seen.append(name)
            await asyncio.sleep(0)
        async with condition:
            condition.notify_all()

    producing = asyncio.create_task(produce())
    seen += [await queue.get() for _ in range(5)]
    await event.wait()
    await asyncio.gather(*(holds(name) for name in "xyz"), producing)
    return seen


async def generators() -> list[object]:
    seen = list[object]()

    async def counts() -> AsyncIterator[int]:
        try:
            for number in range(10):
                yield number
                await asyncio.sleep(0)
        finally:
            seen.append("closed")

    async for number in counts():
        if number == 2:
            break
    await asyncio.sleep(0.01)
    left = counts()
    seen.append(await anext(left))
    await asyncio.get_running_loop().shutdown_asyncgens()
    return seen


async def contexts() -> list[object]:
    VARIABLE.set("outer")

    async def inner() -> str:
        before = VARIABLE.get()
        VARIABLE.set("inner")
        return before

    found = await asyncio.create_task(inner())
    called = list[object]()
    context = contextvars.copy_context()
    context.run(VARIABLE.set, "given")
    asyncio.get_running_loop().call_soon(lambda: called.append(VARIABLE.get()), context=context)
    await asyncio.sleep(0)
    return [found, VARIABLE.get(), *called, await asyncio.to_thread(VARIABLE.get)]


async def work_in_threads() -> list[object]:
    loop = asyncio.get_running_loop()

    def fails() -> None:
        raise KeyError("in a thread")

    outcomes = await asyncio.gather(
        asyncio.to_thread(str, 7), loop.run_in_executor(None, fails), return_exceptions=True
    )
    results: list[object] = list(outcomes)
    with ThreadPoolExecutor(1) as pool:
        results += [await loop.run_in_executor(pool, functools.partial(int, "12")), pool.submit(len, "abc").result()]
        results += list(pool.map(abs, (-1, -2)))
    future = asyncio.run_coroutine_threadsafe(asyncio.sleep(0.001, "sent"), loop)
    sent = await asyncio.wrap_future(future)
    results.append(sent)
    return [repr(result) for result in results]


async def names_and_current_task() -> list[object]:
    task = asyncio.create_task(asyncio.sleep(0, 1), name="mine")
    current = asyncio.current_task()
    tasks = asyncio.all_tasks()
    return [task.get_name(), task in tasks, current in tasks, len(tasks), await task, len(asyncio.all_tasks())]


async def errors_of_callbacks_and_handlers() -> list[object]:
    loop, told = asyncio.get_running_loop(), list[object]()
    loop.set_exception_handler(lambda _, context: told.append((context["message"][:21], repr(context["exception"]))))
    loop.call_soon(lambda: 1 // 0)

    async def fails() -> None:
        raise ValueError("nobody asked")

    asyncio.create_task(fails())  # noqa: RUF006
    await asyncio.sleep(0.01)
    loop.set_exception_handler(None)
    return told


PROGRAMS: list[Program[list[object]]] = [
    callbacks_in_order,
    cancellation,
    groups_and_timeouts,
    queues_locks_and_events,
    generators,
    contexts,
    work_in_threads,
    names_and_current_task,
    errors_of_callbacks_and_handlers,
]


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: str(program.__name__))
def test_a_program_sees_what_asyncio_shows_it_outside(program: Program[list[object]]) -> None:
    def real() -> list[object]:
        return asyncio.run(program())

    with Simulation(1, shuffled=False) as simulation:
        host = started(simulation, "host")
        assert simulation.complete(program(), on=host) == contextvars.Context().run(real)
        simulation.check()


@pytest.mark.parametrize("seed", range(5))
def test_shuffling_changes_the_order_of_ready_tasks_and_of_nothing_else(seed: int) -> None:
    async def program() -> tuple[list[str], list[str]]:
        stepped, called = list[str](), list[str]()

        async def step(name: str) -> None:
            stepped.append(name)

        loop = asyncio.get_running_loop()
        async with asyncio.TaskGroup() as group:
            for name in "abcdef":
                group.create_task(step(name))
        for name in "abcdef":
            loop.call_soon(called.append, name)
        await asyncio.sleep(0.01)
        return stepped, called

    stepped, called = on_host(program, seed=seed, shuffled=True)
    assert "".join(called) == "abcdef"
    assert sorted(stepped) == list("abcdef")
    assert on_host(program, seed=seed, shuffled=False)[0] == list("abcdef")


def test_some_seed_shuffles_ready_tasks() -> None:
    async def program() -> list[int]:
        seen = list[int]()

        async def step(number: int) -> None:
            seen.append(number)

        await asyncio.gather(*map(step, range(6)))
        return seen

    orders = {tuple(on_host(program, seed=seed, shuffled=True)) for seed in range(8)}
    assert len(orders) > 4


def test_a_task_factory_of_the_program_is_used() -> None:
    async def program() -> str:
        class Mine(asyncio.Task[Any]):
            pass

        loop = asyncio.get_running_loop()
        loop.set_task_factory(lambda loop, coro, **options: Mine(coro, loop=loop, **options))
        task = asyncio.create_task(asyncio.sleep(0, "x"))
        assert task in asyncio.all_tasks()
        return f"{type(task).__name__} {await task}"

    assert on_host(program) == "Mine x"


def test_virtual_time_passes_without_real_time() -> None:
    async def program() -> tuple[float, float]:
        loop = asyncio.get_running_loop()
        began, wall = loop.time(), time.time()
        await asyncio.sleep(86_400)
        return loop.time() - began, time.time() - wall

    began = time.perf_counter()
    steady, wall = on_host(program, seconds=100_000)
    assert (round(steady), round(wall)) == (86_400, 86_400)
    assert time.perf_counter() - began < 60


def test_timers_fire_in_order_and_never_early() -> None:
    async def program() -> list[tuple[float, float]]:
        loop = asyncio.get_running_loop()
        fired = list[tuple[float, float]]()

        def fire(due: float) -> None:
            fired.append((due, loop.time()))

        for wait in (0.3, 0.1, 0.2, 0.1000001, 0.0):
            due = loop.time() + wait
            loop.call_at(due, fire, due)
        for _ in range(300):
            loop.call_later(0.05, fired.append, (0.0, 0.0)).cancel()
        await asyncio.sleep(1)
        return fired

    fired = on_host(program)
    assert fired == sorted(fired)
    assert len(fired) == 5
    assert all(due <= at + 1e-9 < due + 0.001 for due, at in fired)


def test_a_thread_that_calls_back_is_heard() -> None:
    async def program() -> list[str]:
        loop, seen, event = asyncio.get_running_loop(), list[str](), asyncio.Event()

        def work() -> None:
            seen.append(threading.current_thread().name and "worked")
            loop.call_soon_threadsafe(event.set)

        loop.run_in_executor(None, work)
        await asyncio.wait_for(event.wait(), 1)
        return seen

    assert on_host(program) == ["worked"]


def test_what_is_called_from_outside_between_two_runs_is_not_forgotten() -> None:
    with Simulation(1) as simulation:
        host = started(simulation, "host")
        task = host.spawn(asyncio.sleep(1000))
        simulation.run(until=1.0)
        task.cancel()
        simulation.run(until=2.0)
        assert task.cancelled()
        assert host.loop is not None
        event = asyncio.Event()
        waiting = host.spawn(event.wait())
        simulation.run(until=3.0)
        host.loop.call_soon_threadsafe(event.set)
        simulation.run(until=4.0)
        assert waiting.result() is True


def test_an_exception_that_nobody_asked_for_is_remembered() -> None:
    async def fails() -> None:
        raise ValueError("nobody asked")

    kept = list[object]()

    async def main() -> None:
        asyncio.create_task(fails())  # noqa: RUF006
        task = asyncio.create_task(fails())
        kept.append(task)
        await asyncio.sleep(1)

    with Simulation(1) as simulation:
        started(simulation, "host", main)
        simulation.run(until=0.5)
        assert [str(told.error) for told in simulation.unhandled] == ["nobody asked"]
        assert str(simulation.unhandled[0]).startswith("0.0000")
    assert [told.message for told in simulation.unhandled] == ["Task exception was never retrieved"] * 2
    assert kept


def test_completing_raises_what_the_coroutine_raises_and_tells_of_a_host_that_ends_or_takes_for_ever() -> None:
    async def fails() -> None:
        raise ValueError("mine")

    with Simulation(1) as simulation:
        host = started(simulation, "host")
        with pytest.raises(ValueError, match="mine"):
            simulation.complete(fails(), on=host)
        with pytest.raises(TimeoutError, match="did not finish within 5 virtual seconds"):
            simulation.complete(asyncio.sleep(60), on=host, seconds=5)
        simulation.agenda.after(1, host.kill)
        with pytest.raises(Exception, match="host ended before"):
            simulation.complete(asyncio.sleep(60), on=host)
