"""A turn that waits for a reply on another channel: what it does to a cut, and how a service avoids it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from cutpoint.names import CutNumber, Incarnation
from cutpoint.protocol.messages import Abandon, HeldUp, PartStored
from cutpoint_agents import Agent
from tests.agents.rig import IMPATIENT, Coordinator, serving, until


async def test_a_reply_from_after_the_cut_holds_it_up_until_it_is_abandoned_and_then_arrives(tmp_path: Path) -> None:
    async with Coordinator(str(tmp_path)).serving() as coordinator:
        stock, desk, till = (
            Agent(name, coordinator=coordinator.url, settings=IMPATIENT) for name in ("stock", "desk", "till")
        )
        asked, answer = asyncio.Event(), asyncio.Event()
        answered: list[Any] = []

        async def count(request: web.Request) -> web.StreamResponse:
            raw = web.WebSocketResponse()
            await raw.prepare(request)
            channel = stock.wrap(raw)

            async def reply() -> None:
                await answer.wait()
                await channel.send_str("seven")

            async with asyncio.TaskGroup() as replies:
                async for _ in channel:
                    asked.set()
                    replies.create_task(reply())
            return raw

        async def order(request: web.Request) -> web.StreamResponse:
            raw = web.WebSocketResponse()
            await raw.prepare(request)
            async with aiohttp.ClientSession() as http, desk.wrap(http.ws_connect(count_url)) as channel:
                async for _ in desk.wrap(raw):
                    await channel.send_str("how many?")
                    answered.append(await channel.receive_str())
            return raw

        async with serving(stock, count, "/count") as count_url, serving(desk, order, "/order") as order_url:

            @till.task
            async def buy() -> None:
                async with aiohttp.ClientSession() as http, till.wrap(http.ws_connect(order_url)) as channel:
                    await channel.send_str("one, please")
                    await asyncio.sleep(60)

            async with till:
                await asyncio.wait_for(asked.wait(), 3)
                cut = await coordinator.begin("stock", "desk", "till", deadline_seconds=0.2)
                await until(lambda: stock.statistics().cut == cut)
                answer.set()
                await until(lambda: coordinator.heard_from("desk", HeldUp))
                (held,) = coordinator.heard_from("desk", HeldUp)
                assert "order at " in held.by
                assert answered == []
                assert coordinator.heard_from("desk", PartStored) == []
                abandon = Abandon(incarnation=Incarnation(1), cut=CutNumber(cut), reason="its deadline passed")
                await coordinator.say_all(abandon)
                await until(lambda: answered == ["seven"])
                await coordinator.take_cut("stock", "desk", "till")
