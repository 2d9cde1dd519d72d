"""Tasks that say what they wait for: it is in the cut, it holds no cut up, and the turn goes on after it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from cutpoint.errors import ConfigurationError
from cutpoint.monitors import waits_of
from cutpoint.monitors.stored import stored_point
from cutpoint.names import CutNumber
from cutpoint.store import open_backend
from cutpoint_agents import Agent
from tests.agents.rig import IMPATIENT, Coordinator, lonely, serving, until

NAMES = ("stock", "desk", "till")


class Desk:
    """A till that orders at a desk, which asks the stock and waits; the stock answers when it may."""

    def __init__(self, url: str) -> None:
        self.stock, self.desk, self.till = (Agent(name, coordinator=url, settings=IMPATIENT) for name in NAMES)
        self.asked, self.answer = asyncio.Event(), asyncio.Event()
        self.orders = self.desk.value("orders", 0)
        self.answered: list[Any] = []
        self.count_url = self.order_url = ""

    async def count(self, request: web.Request) -> web.StreamResponse:
        raw = web.WebSocketResponse()
        await raw.prepare(request)
        channel = self.stock.wrap(raw)
        async for _ in channel:
            self.asked.set()
            async with self.stock.waiting(why="somebody to count"):
                await self.answer.wait()
            await channel.send_str("seven")
        return raw

    async def order(self, request: web.Request) -> web.StreamResponse:
        raw = web.WebSocketResponse()
        await raw.prepare(request)
        async with aiohttp.ClientSession() as http, self.desk.wrap(http.ws_connect(self.count_url)) as channel:
            async for _ in self.desk.wrap(raw):
                await channel.send_str("how many?")
                async with self.desk.waiting(channel, "the number"):
                    self.answered.append(await channel.receive_str())
                self.orders.value += 1
        return raw

    async def buy(self) -> None:
        async with aiohttp.ClientSession() as http, self.till.wrap(http.ws_connect(self.order_url)) as channel:
            await channel.send_str("one, please")
            await channel.send_str("another, please")
            await asyncio.sleep(60)

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        self.till.task(self.buy)
        async with (
            serving(self.stock, self.count, "/count") as self.count_url,
            serving(self.desk, self.order, "/order") as self.order_url,
            self.till,
        ):
            yield


async def test_a_wait_for_a_reply_holds_no_cut_up_and_is_in_it(tmp_path: Path) -> None:
    def states() -> Any:
        return stored_point(open_backend(str(tmp_path)), CutNumber(coordinator.cut)).states

    async with Coordinator(str(tmp_path)).serving() as coordinator:
        shop = Desk(coordinator.url)
        async with shop.open():
            await asyncio.wait_for(shop.asked.wait(), 3)
            await coordinator.take_cut(*NAMES)
            (for_count,), (for_somebody,) = waits_of(states()["desk"]), waits_of(states()["stock"])
            assert (for_count.process, for_count.why) == ("stock", "the number")
            assert (for_somebody.process, for_somebody.turn_of) == ("", for_count.channel)
            assert "order at " in for_count.where
            assert for_count.turn_of.startswith("till")
            shop.answer.set()
            await until(lambda: shop.answered == ["seven", "seven"] and shop.orders.value == 2)
            await coordinator.take_cut(*NAMES)
            assert waits_of(states()["desk"]) == waits_of(states()["stock"]) == ()


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
