"""Functions under ``@agent.task``: what happens when they raise, return, or are caught in a pause by a recovery."""

from __future__ import annotations

import asyncio
import itertools
import logging
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from cutpoint.errors import ConfigurationError, RolledBack
from cutpoint_agents import Agent
from cutpoint_agents.activity import Activity
from cutpoint_agents.producer import Pauses
from tests.agents.rig import IMPATIENT, Coordinator, lonely, receiving, running, serving, until

QUICK = Pauses(first_seconds=0.02, most_seconds=0.08, settled_seconds=0.1)
PATIENT = Pauses(first_seconds=60.0, most_seconds=60.0)


def activity_of(function: Callable[[], Any], pauses: Pauses = QUICK) -> Activity:
    """An activity that has begun to run ``function``."""
    activity = Activity(pauses=pauses, chance=random.Random(1))
    activity.declare(function)
    activity.start()
    return activity


async def stopped(activity: Activity) -> None:
    assert await activity.wait_ended(activity.cancel(()), deadline_seconds=1.0) == ()


async def test_a_refused_connection_is_tried_again_until_the_peer_listens(caplog: pytest.LogCaptureFixture) -> None:
    till, vault = lonely("till"), lonely("vault")
    got: list[Any] = []
    async with running(web.Application()) as vacant:
        pass

    @till.task
    async def sell() -> None:
        async with aiohttp.ClientSession() as http, till.wrap(http.ws_connect(f"{vacant}/transfers")) as channel:
            await channel.send_str("sold")
            await asyncio.sleep(60)

    async with till:
        await until(lambda: till.statistics().tasks_failed == 2)
        assert isinstance(till.failure, aiohttp.ClientConnectorError)
        app = web.Application()
        app.router.add_get("/transfers", receiving(vault, got))
        app.cleanup_ctx.append(vault.context)
        runner = web.AppRunner(app, shutdown_timeout=1.0)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", int(vacant.rsplit(":", 1)[1])).start()
        await until(lambda: got == ["sold"])
    await runner.cleanup()
    told = [record for record in caplog.records if " failed: ClientConnectorError: " in record.getMessage()]
    assert len(told) == till.statistics().tasks_failed
    assert {record.levelno for record in told} == {logging.WARNING}
    assert all(record.exc_info is None and "it is started again in 0." in record.getMessage() for record in told)


async def test_a_bug_is_told_with_its_traceback_and_pauses_grow(caplog: pytest.LogCaptureFixture) -> None:
    began: list[float] = []

    async def producer() -> None:
        began.append(asyncio.get_running_loop().time())
        raise LookupError("no such\nthing")

    activity = activity_of(producer)
    await until(lambda: activity.tasks_failed == 6)
    assert isinstance(activity.failure, LookupError)
    await stopped(activity)
    pauses = [later - earlier for earlier, later in itertools.pairwise(began)]
    assert all(pause >= QUICK.first_seconds / 2 for pause in pauses)
    assert pauses[-1] >= QUICK.most_seconds / 2
    lines = [
        record for record in caplog.records if "producer failed: LookupError: no such thing; it is" in record.message
    ]
    assert len(lines) == 6
    assert all(record.levelno == logging.ERROR and record.exc_info for record in lines)


async def test_a_failure_is_forgotten_once_the_function_runs_well(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    faults: list[Exception] = [OSError("one"), OSError("two")]

    async def producer() -> None:
        if faults:
            raise faults.pop(0)
        await asyncio.sleep(60)

    activity = activity_of(producer)
    await until(lambda: not faults)
    assert isinstance(activity.failure, OSError)
    await until(lambda: activity.failure is None)
    assert "producer runs again" in caplog.text
    assert activity.tasks_failed == 2
    await stopped(activity)


async def test_the_last_of_several_failures_is_kept() -> None:
    activity = Activity(pauses=PATIENT)

    async def first() -> None:
        raise OSError("first")

    async def second() -> None:
        await asyncio.sleep(0.01)
        raise OSError("second")

    activity.declare(second)
    activity.declare(first)
    activity.start()
    await until(lambda: activity.tasks_failed == 1)
    assert str(activity.failure) == "first"
    await until(lambda: activity.tasks_failed == 2)
    assert str(activity.failure) == "second"
    await stopped(activity)


async def test_a_function_that_returns_is_done_until_the_next_recovery() -> None:
    runs: list[int] = []

    async def producer() -> None:
        runs.append(1)

    activity = activity_of(producer)
    await asyncio.sleep(0.2)
    assert (len(runs), activity.tasks_failed, activity.failure) == (1, 0, None)
    await stopped(activity)
    activity.start()
    await until(lambda: len(runs) == 2)
    await stopped(activity)


async def test_nothing_runs_again_after_a_stop_in_the_pause() -> None:
    runs: list[int] = []

    async def producer() -> None:
        runs.append(1)
        raise OSError

    activity = activity_of(producer)
    await until(lambda: activity.tasks_failed == 1)
    await stopped(activity)
    await asyncio.sleep(0.1)
    assert len(runs) == 1


async def test_a_recovery_in_the_pause_starts_the_function_at_once_and_once(tmp_path: Path) -> None:
    async with Coordinator(str(tmp_path)).serving() as coordinator:
        agent = Agent("till", coordinator=coordinator.url, settings=IMPATIENT)
        agent.driver.activity = activity = Activity(pauses=PATIENT)
        runs: list[int] = []

        @agent.task
        async def producer() -> None:
            runs.append(1)
            if len(runs) == 1:
                raise OSError("not yet")
            await asyncio.sleep(60)

        async with agent:
            await until(lambda: activity.tasks_failed == 1)
            assert agent.failure is not None
            parts = await coordinator.take_cut("till")
            await coordinator.recover(parts, "till")
            await until(lambda: len(runs) == 2)
            assert agent.failure is None
            await asyncio.sleep(0.05)
            assert len(runs) == 2


async def test_what_a_recovery_causes_is_no_failure(caplog: pytest.LogCaptureFixture) -> None:
    async def producer() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            raise RolledBack("the channel is of the past")

    activity = activity_of(producer)
    await asyncio.sleep(0)
    await stopped(activity)
    assert (activity.tasks_failed, activity.failure, caplog.text) == (0, None, "")


async def test_a_process_that_leaves_starts_nothing_again() -> None:
    activity = Activity(pauses=QUICK, leaving=lambda: True)
    runs: list[int] = []

    @activity.declare
    async def producer() -> None:
        runs.append(1)
        raise ConnectionResetError

    activity.start()
    await asyncio.sleep(0.1)
    assert (len(runs), activity.tasks_failed) == (1, 0)


async def test_a_task_that_the_program_cancels_stays_ended_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    runs: list[int] = []

    async def producer() -> None:
        runs.append(1)
        raise asyncio.CancelledError

    activity = activity_of(producer)
    await asyncio.sleep(0.1)
    assert len(runs) == 1
    assert "producer was cancelled by the program itself" in caplog.text
    await stopped(activity)


async def test_a_group_of_refused_connections_needs_no_traceback(caplog: pytest.LogCaptureFixture) -> None:
    async def refused() -> None:
        raise ConnectionRefusedError("nobody listens")

    async def producer() -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(refused())
            tasks.create_task(refused())

    activity = activity_of(producer, PATIENT)
    await until(lambda: activity.tasks_failed)
    assert "producer failed: ConnectionRefusedError: nobody listens; it is started again in" in caplog.text
    assert caplog.records[-1].exc_info is None
    await stopped(activity)


async def test_the_channels_of_a_run_that_failed_are_closed_after_what_was_sent() -> None:
    till, vault = lonely("till"), lonely("vault")
    till.driver.activity = Activity(pauses=QUICK)
    got: list[Any] = []
    async with serving(vault, receiving(vault, got)) as url:

        @till.task
        async def sell() -> None:
            async with aiohttp.ClientSession() as http, asyncio.TaskGroup() as tasks:
                tasks.create_task(send(http, "a"))

        async def send(http: aiohttp.ClientSession, text: str) -> None:
            channel = till.wrap(await http.ws_connect(url))
            for number in range(20):
                _ = channel.send_str(f"{text}{number}")
            if till.statistics().tasks_failed < 3:
                raise LookupError("in the middle")
            await asyncio.sleep(60)

        async with till:
            await until(lambda: len(got) == 80)
            sessions = till.driver.process.handshakes.sessions
            await until(lambda: [session.phase for session in sessions.values()].count("ended") == len(sessions) - 1)
            assert sorted(got) == sorted([f"a{number}" for number in range(20)] * 4)


def test_a_function_that_needs_arguments_is_refused_at_once() -> None:
    async def needs(argument: int) -> None:
        raise LookupError(argument)

    with pytest.raises(ConfigurationError, match="without parameters"):
        lonely("one").task(needs)  # type: ignore[type-var]
