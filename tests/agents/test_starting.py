"""A start that waits, and a part that is at fault: the service itself says what for, and what is wrong."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from cutpoint.names import CutNumber, Incarnation, ProcessName
from cutpoint.protocol.messages import CutRefused, PartSummary, Prepare, Ready, Start, Unfit
from cutpoint_agents import Agent
from cutpoint_agents.credentials import Credentials
from cutpoint_agents.starting import coordinators_view, with_scheme
from tests.agents.rig import IMPATIENT, Coordinator, running, until


def prepare(part: PartSummary | None, incarnation: int, store: Path) -> Prepare:
    return Prepare(
        computation="test",
        incarnation=Incarnation(incarnation),
        cut=CutNumber(1),
        last_cut=CutNumber(1),
        object=part.object if part else "",
        store=str(store),
    )


@asynccontextmanager
async def asking(topology: Any) -> AsyncIterator[str]:
    """Something that answers ``topology``, whoever asks."""

    async def answer(request: web.Request) -> web.Response:
        return web.json_response(topology)

    app = web.Application()
    app.router.add_get("/v1/topology", answer)
    async with running(app) as url:
        yield url


async def test_a_start_that_waits_for_a_recovery_warns_once_and_then_informs(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    coordinator = Coordinator(str(tmp_path))
    coordinator.admits = False
    async with coordinator.serving():
        agent = Agent("one", coordinator=coordinator.url, settings=IMPATIENT)
        starting = asyncio.create_task(agent.__aenter__())
        await until(lambda: "one" in coordinator.connections)
        await coordinator.say("one", prepare(None, 2, tmp_path))
        text = "one is not started yet, it waits for all other processes to be ready for the recovery"
        await until(lambda: caplog.text.count(text) == 3)
        told = [record.levelno for record in caplog.records if text in record.getMessage()]
        assert told == [logging.WARNING, logging.INFO, logging.INFO]
        await coordinator.say("one", Start(incarnation=Incarnation(2)))
        await asyncio.wait_for(starting, 3)
        await agent._stop()


async def test_a_part_that_does_not_fit_is_said_as_an_error_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    coordinator = Coordinator(str(tmp_path))
    async with coordinator.serving():
        before = Agent("one", coordinator=coordinator.url, settings=IMPATIENT)
        before.table("kept")
        async with before:
            part = (await coordinator.take_cut("one"))["one"]
        coordinator.admits = False
        agent = Agent("one", coordinator=coordinator.url, settings=IMPATIENT)
        starting = asyncio.create_task(agent.__aenter__())
        await until(lambda: "one" in coordinator.connections)
        for incarnation in (2, 3):
            await coordinator.say("one", prepare(part, incarnation, tmp_path))
            await until(lambda: coordinator.heard_from("one", Unfit)[-1:], 3)
            await until(lambda n=incarnation: coordinator.heard_from("one", Unfit)[-1].incarnation == n)  # type: ignore[misc]
        errors = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
        assert len(errors) == 1
        assert errors[0].startswith("one cannot be restored: ")
        assert "kept" in errors[0]
        await until(lambda: "it waits for a program or a recovery point that fits, because" in caplog.text)
        await coordinator.say("one", prepare(None, 4, tmp_path))
        await until(lambda: coordinator.heard_from("one", Ready))
        await coordinator.say("one", Start(incarnation=Incarnation(4)))
        await asyncio.wait_for(starting, 3)
        await agent._stop()


async def test_a_value_that_cannot_be_stored_is_said_as_an_error_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with Coordinator(str(tmp_path)).serving() as coordinator:
        agent = Agent("one", coordinator=coordinator.url, settings=IMPATIENT)
        table: Any = agent.table("kept")
        async with agent:
            table["key"] = object()
            for cuts in (1, 2):
                await coordinator.begin("one")
                await until(lambda n=cuts: len(coordinator.heard_from("one", CutRefused)) == n)  # type: ignore[misc]
            errors = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
            assert len(errors) == 1
            assert errors[0].startswith("one has no part in cut 1, nor in the next ones: state 'kept'")
            table["key"] = 1
            await coordinator.take_cut("one")
            assert "one has stored its part of cut 3" in caplog.text


@pytest.mark.parametrize(
    ("topology", "told"),
    [
        (
            {"recovery": {"target": 3, "reason": "till lost its memory", "waits_for": ["stock is not connected"]}},
            "; the coordinator goes back to cut 3 because till lost its memory, and waits: stock is not connected",
        ),
        ({"hold": "recovery is left to you", "recovery": None}, "; the coordinator holds: recovery is left to you"),
        (
            {"members": [{"process": "one", "waits_for": "a recovery"}], "more": 1},
            "; the coordinator says that it waits for a recovery",
        ),
        ({"members": []}, ""),
        ({"members": 7}, ""),
        ("nonsense", ""),
    ],
)
async def test_what_the_coordinator_waits_for_is_passed_on(topology: Any, told: str) -> None:
    async with asking(topology) as url:
        urls = ("http://127.0.0.1:9", url.replace("http", "ws") + "/")
        assert await coordinators_view(urls, Credentials(None, None), ProcessName("one")) == told


@pytest.mark.parametrize("url", ["127.0.0.1:7420", "localhost", "[::1]:7420"])
def test_a_coordinator_without_a_scheme_is_asked_over_http(url: str) -> None:
    Agent("one", coordinator=url)
    assert with_scheme(url) == f"http://{url}"
    assert with_scheme(f"https://{url}") == f"https://{url}"
