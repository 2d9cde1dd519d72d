"""Tasks that say what they wait for: it is in the cut, it holds no cut up, and the turn goes on after it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from cutpoint.errors import ConfigurationError
from cutpoint.monitors import Wait, waits_of
from cutpoint.monitors.stored import stored_point
from cutpoint.names import CutNumber
from cutpoint.store import open_backend
from cutpoint_agents import Agent
from tests.agents.rig import IMPATIENT, Coordinator, lonely, serving, until


async def test_a_wait_for_a_reply_holds_no_cut_up_and_is_in_it(tmp_path: Path) -> None:
    async with Coordinator(str(tmp_path)).serving() as coordinator:
        stock, desk, till = (
            Agent(name, coordinator=coordinator.url, settings=IMPATIENT) for name in ("stock", "desk", "till")
        )
        asked, answer = asyncio.Event(), asyncio.Event()
        orders = desk.value("orders", 0)
        answered: list[Any] = []

        async def count(request: web.Request) -> web.StreamResponse:
            raw = web.WebSocketResponse()
            await raw.prepare(request)
            channel = stock.wrap(raw)
            async for _ in channel:
                asked.set()
                async with stock.waiting(why="somebody to count"):
                    await answer.wait()
                await channel.send_str("seven")
            return raw

        async def order(request: web.Request) -> web.StreamResponse:
            raw = web.WebSocketResponse()
            await raw.prepare(request)
            async with aiohttp.ClientSession() as http, desk.wrap(http.ws_connect(count_url)) as channel:
                async for _ in desk.wrap(raw):
                    await channel.send_str("how many?")
                    async with desk.waiting(channel, "the number"):
                        answered.append(await channel.receive_str())
                    orders.value += 1
            return raw

        async with serving(stock, count, "/count") as count_url, serving(desk, order, "/order") as order_url:

            @till.task
            async def buy() -> None:
                async with aiohttp.ClientSession() as http, till.wrap(http.ws_connect(order_url)) as channel:
                    await channel.send_str("one, please")
                    await channel.send_str("another, please")
                    await asyncio.sleep(60)

            async with till:
                await asyncio.wait_for(asked.wait(), 3)
                await coordinator.take_cut("stock", "desk", "till")
                states = stored_point(open_backend(str(tmp_path)), CutNumber(coordinator.cut)).states
                (for_count,) = waits_of(states["desk"])
                (for_somebody,) = waits_of(states["stock"])
                assert (for_count.process, for_count.why) == ("stock", "the number")
                assert for_somebody == Wait(
                    process="",
                    turn_of=for_count.channel,
                    seconds=for_somebody.seconds,
                    why="somebody to count",
                    where=for_somebody.where,
                )
                assert "order at " in for_count.where
                assert for_count.turn_of.startswith("till")
                answer.set()
                await until(lambda: answered == ["seven", "seven"] and orders.value == 2)
                await coordinator.take_cut("stock", "desk", "till")
                states = stored_point(open_backend(str(tmp_path)), CutNumber(coordinator.cut)).states
                assert waits_of(states["desk"]) == waits_of(states["stock"]) == ()


async def test_after_a_wait_the_task_has_a_turn_again_and_ends_it_with_the_block() -> None:
    agent = lonely("till")
    turns = agent.driver.turns
    async with agent:
        async with agent.turn():
            first = turns.current()
            async with agent.waiting(why="a lock"):
                assert turns.current() is None
                assert turns.tasks() == (asyncio.current_task(),), "a rollback finds who waits"
            assert turns.current() not in (None, first)
        assert turns.current() is None
        assert turns.tasks() == ()


async def test_who_has_no_turn_waits_without_one() -> None:
    agent = lonely("till")
    async with agent:
        async with agent.waiting("stock"):
            assert agent.driver.turns.tasks() == ()
        assert agent.driver.turns.current() is None


async def test_a_wait_that_fails_is_over_and_the_turn_goes_on() -> None:
    agent = lonely("till")
    async with agent, agent.turn():
        with pytest.raises(TimeoutError):
            async with agent.waiting("stock"), asyncio.timeout(0.01):
                await asyncio.Event().wait()
        assert agent.driver.turns.current() is not None


@pytest.mark.parametrize("whom", ["two words", 7, None])
async def test_nobody_can_be_waited_for_who_has_no_name(whom: Any) -> None:
    agent = lonely("till")
    async with agent:
        with pytest.raises(ConfigurationError, match="nobody to wait for"):
            async with agent.waiting(whom):
                pass


async def test_a_timer_that_waits_fires_once_and_its_turn_ends() -> None:
    agent = lonely("till")
    fired: list[int] = []

    @agent.timer("remind")
    async def remind(number: int) -> None:
        async with agent.waiting(why="a pause"):
            await asyncio.sleep(0)
        fired.append(number)

    async with agent:
        remind.set(1, seconds=0)
        remind.set(2, seconds=0)
        await until(lambda: fired == [1, 2])
        await until(lambda: agent.driver.turns.tasks() == ())
