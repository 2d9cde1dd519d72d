"""Work that was handed over is refused with the line that handed it over: no caller of its own is the program's."""

from __future__ import annotations

import asyncio
import os
import pathlib
import socket
import subprocess
import urllib.request
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from cutpoint_simulations.loop import Simulation
from cutpoint_simulations.refusal import NotSimulated
from tests.simulations.loop.running import started

HERE = "tests/simulations/loop/test_handed_over.py"


def refusal_of(program: Callable[[], Coroutine[Any, Any, Any]]) -> str:
    with Simulation(1) as simulation:
        host = started(simulation, "purse")

        def go_on() -> None:
            simulation.complete(program(), on=host, seconds=60.0)
            simulation.run(until=simulation.agenda.now + 5.0)

        with pytest.raises(NotSimulated) as caught:
            go_on()
    return str(caught.value)


def as_handed_over(refusal: str, program: Callable[[], Any]) -> bool:
    """Whether the refusal names the one line of ``program``."""
    return f"asked for at {HERE}:{program.__code__.co_firstlineno + 1} in {program.__qualname__}: " in refusal


async def in_a_thread_it_writes() -> None:
    await asyncio.to_thread(pathlib.Path("/tmp/elsewhere").write_text, "x")


async def in_a_thread_it_has_a_child() -> None:
    await asyncio.to_thread(subprocess.run, ["true"])


async def in_a_thread_it_opens_a_page() -> None:
    await asyncio.to_thread(urllib.request.urlopen, "http://shop")


async def in_a_thread_it_runs_a_loop() -> None:
    await asyncio.to_thread(asyncio.run, None)  # type: ignore[arg-type]


async def in_a_thread_it_asks_somebody() -> None:
    await asyncio.to_thread(input)


async def in_an_executor_it_connects() -> None:
    await asyncio.get_running_loop().run_in_executor(None, socket.create_connection, ("shop", 1))


async def in_an_executor_of_its_own_it_has_a_child() -> None:
    await asyncio.get_running_loop().run_in_executor(ThreadPoolExecutor(1), os.system, "true")


async def in_a_task_it_has_a_child() -> None:
    await asyncio.create_task(asyncio.create_subprocess_exec("date"))


async def in_a_task_it_has_a_thread_that_has_a_child() -> None:
    await asyncio.create_task(asyncio.to_thread(os.system, "date"))


async def in_a_group_of_tasks_it_has_a_child() -> None:
    await asyncio.gather(asyncio.sleep(1), asyncio.wait_for(asyncio.create_subprocess_shell("date"), 5))


async def soon_it_has_a_child() -> None:
    asyncio.get_running_loop().call_soon(os.system, "date")


async def later_it_has_a_child() -> None:
    asyncio.get_running_loop().call_later(1, os.system, "date")


async def at_some_time_it_has_a_child() -> None:
    asyncio.get_running_loop().call_at(1001, os.system, "date")


@pytest.mark.parametrize(
    "program",
    [
        in_a_thread_it_writes,
        in_a_thread_it_has_a_child,
        in_a_thread_it_opens_a_page,
        in_a_thread_it_runs_a_loop,
        in_a_thread_it_asks_somebody,
        in_an_executor_it_connects,
        in_an_executor_of_its_own_it_has_a_child,
        in_a_task_it_has_a_child,
        in_a_task_it_has_a_thread_that_has_a_child,
        in_a_group_of_tasks_it_has_a_child,
        soon_it_has_a_child,
        later_it_has_a_child,
        at_some_time_it_has_a_child,
    ],
)
@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")
def test_the_line_is_the_one_that_handed_it_over(program: Callable[[], Coroutine[Any, Any, Any]]) -> None:
    refusal = refusal_of(program)
    assert as_handed_over(refusal, program), refusal


async def nobody_knows_who_has_a_child() -> None:
    loop = asyncio.get_running_loop()
    threadsafe = loop.call_soon_threadsafe
    for _ in map(threadsafe, [os.system], ["date"]):
        await asyncio.sleep(1)


def test_where_nobody_knows_the_line_it_is_the_host_and_the_name() -> None:
    refusal = refusal_of(nobody_knows_who_has_a_child)
    assert "asked for at host purse, in system: " in refusal


@pytest.mark.parametrize("program", [in_a_thread_it_writes, in_a_task_it_has_a_child, soon_it_has_a_child])
def test_it_is_never_a_line_of_cutpoints_own(program: Callable[[], Coroutine[Any, Any, Any]]) -> None:
    refusal = refusal_of(program)
    assert "cutpoint/" not in refusal
    assert "cutpoint_simulations/" not in refusal
