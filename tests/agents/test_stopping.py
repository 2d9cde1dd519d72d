"""The end of an agent: no task of its own runs on, no timer waits in the event loop, nobody waits for it for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from cutpoint.errors import RolledBack
from cutpoint.names import CutNumber, Incarnation
from cutpoint.protocol.messages import PartStored, Prepare
from cutpoint_agents import Agent
from cutpoint_agents.background import Background
from tests.agents.ledger import Till, Vault
from tests.agents.rig import IMPATIENT, Coordinator, Wire, lonely, port_of, receiving, running, serving, session, until


class Leftovers:
    """What Cutpoint's own code has put into the event loop and left there. Made before anything begins."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._timers: list[tuple[asyncio.TimerHandle, Callable[..., object]]] = []
        self._call_at = self._loop.call_at
        self._loop.call_at = self._watched  # type: ignore[method-assign,assignment]

    def _watched(self, when: float, callback: Callable[..., Any], *args: Any, **how: Any) -> asyncio.TimerHandle:
        handle = self._call_at(when, callback, *args, **how)
        self._timers.append((handle, callback))
        return handle

    def tasks(self) -> list[str]:
        """The tasks of an agent that have not ended."""
        return [repr(task) for task in asyncio.all_tasks() if is_of_an_agent(task)]

    def timers(self) -> list[str]:
        """The calls of an agent that are still to come."""
        now = self._loop.time()
        waiting = [callback for handle, callback in self._timers if not handle.cancelled() and handle.when() > now]
        return [repr(callback) for callback in waiting if "cutpoint" in getattr(callback, "__module__", "")]


def is_of_an_agent(task: asyncio.Task[Any]) -> bool:
    code = getattr(task.get_coro(), "cr_code", None)
    return code is not None and "cutpoint_agents" in code.co_filename


async def test_an_agent_in_the_middle_of_everything_leaves_nothing_behind(tmp_path: Path) -> None:
    left = Leftovers()
    async with Coordinator(str(tmp_path)).serving() as coordinator, Vault(coordinator.url).serving() as vault:
        coordinator.releases = False
        async with Wire(port_of(vault.url)) as wire:
            till = Till(coordinator.url, wire.through(vault.url), last=100_000)
            till.agent.timer("later")(print).set(seconds=60)
            await till.agent.__aenter__()
            await until(lambda: len(vault.order) > 10)
            await coordinator.begin("till", "vault", "absent", deadline_seconds=60)
            wire.open = False
            wire.cut()
            await asyncio.sleep(0.01)
            assert left.timers(), "the cut is watched"
            assert left.tasks(), "the session is dialled again"
            await till.agent.__aexit__(RuntimeError, None, None)
    assert left.tasks() == []
    assert left.timers() == []


async def test_an_agent_in_the_middle_of_a_recovery_leaves_nothing_behind(tmp_path: Path) -> None:
    left = Leftovers()
    async with Coordinator(str(tmp_path)).serving() as coordinator:
        agent = Agent("vault", coordinator=coordinator.url, settings=IMPATIENT)
        app = web.Application()
        app.router.add_get("/", greet)
        app.cleanup_ctx.append(agent.context)
        async with session() as http:
            async with running(app) as url:
                (part,) = (await coordinator.take_cut("vault")).values()
                prepare = Prepare(
                    computation="test",
                    incarnation=Incarnation(2),
                    cut=CutNumber(1),
                    last_cut=CutNumber(1),
                    object=part.object,
                    store=str(tmp_path),
                )
                await coordinator.say("vault", prepare)
                await until(lambda: not agent.driver.running)
                asked = asyncio.create_task(ask(http, url))
                await asyncio.sleep(0.02)
                assert not asked.done(), "it waits for the recovery"
            assert await asked == 503
    assert (left.tasks(), left.timers()) == ([], [])


async def greet(_: web.Request) -> web.Response:
    return web.Response(text="open")


async def ask(http: aiohttp.ClientSession, url: str) -> int:
    async with http.get(url) as response:
        return response.status


class Mute:
    """A transport that can be closed in an orderly way only by a peer who never answers."""

    received_bytes_max = 1 << 20

    def __init__(self) -> None:
        self.gone = asyncio.Event()
        self.aborted = False

    async def receive(self) -> bytes | None:
        await self.gone.wait()
        return None

    async def send(self, data: bytes) -> None:
        raise AssertionError("nothing was to be sent")

    async def close(self, code: int, reason: str) -> None:
        await asyncio.Event().wait()

    def abort(self) -> None:
        self.aborted = True


async def test_a_connection_that_is_dropped_while_its_last_words_wait_is_lost_at_once() -> None:
    left, agent, mute = Leftovers(), lonely("till"), Mute()
    async with agent:
        board = agent.driver.switchboard
        connection = board.carry(mute)
        await asyncio.sleep(0)
        connection.close(1000, "")
        mute.gone.set()
        await asyncio.sleep(0.01)
        assert not connection.lost, "it waits for its last words"
        connection.abort()
        await asyncio.sleep(0.01)
        assert connection.lost
        assert mute.aborted
        assert board._connections == {}
        assert left.timers() == []
        assert not [task for task in asyncio.all_tasks() if "writer" in task.get_name()]


async def test_a_task_that_fails_is_told_and_the_others_end_when_they_are_ended() -> None:
    failures: list[BaseException] = []
    background = Background(failures.append)

    async def fails() -> None:
        raise LookupError("a bug")

    async def waits() -> None:
        await asyncio.Event().wait()

    background.spawn(fails())
    task = background.spawn(waits(), name="waits")
    await asyncio.sleep(0.01)
    assert [str(error) for error in failures] == ["a bug"]
    assert not task.done()
    await background.end()
    assert task.cancelled()


async def test_an_agent_may_be_stopped_twice_and_does_not_start_again() -> None:
    agent = lonely("till")
    async with agent:
        await agent.driver.stop("once")
        await agent.driver.stop("twice")
        with pytest.raises(Exception, match="the agent till has ended"):
            await agent.driver.wait_running()


async def test_a_task_that_opens_a_channel_as_its_agent_ends_is_not_blamed(caplog: pytest.LogCaptureFixture) -> None:
    """The members of a task group hear of the end a turn of the loop later than the task that waits for them."""
    vault = lonely("vault")
    till, opens, found = lonely("till"), asyncio.Event(), list[Exception]()
    async with serving(vault, receiving(vault, [])) as url, session() as http:
        bare = await http.ws_connect(url)

        async def open_late() -> None:
            await opens.wait()
            try:
                till.wrap(bare)
            except Exception as error:
                found.append(error)
                raise

        @till.task
        async def trade() -> None:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(open_late())

        async def fail() -> None:
            async with till:
                await asyncio.sleep(0)
                opens.set()
                raise LookupError

        with pytest.raises(LookupError):
            await fail()
        assert [type(error) for error in found] == [RolledBack]
        assert "its agent has ended" in str(found[0])
        assert not [record for record in caplog.records if "while it was being ended" in record.getMessage()]


async def test_a_turn_that_the_end_of_its_agent_breaks_off_is_in_no_part(tmp_path: Path) -> None:
    """Half of what it does is done. What is recorded then would say so for ever; as after a crash, nothing is."""
    async with Coordinator(str(tmp_path)).serving() as coordinator:
        agent = Agent("till", coordinator=coordinator.url, settings=IMPATIENT)
        books = agent.table("books")

        @agent.task
        async def transfer() -> None:
            async with agent.turn():
                books["from"] = -5
                await asyncio.Event().wait()
                books["to"] = 5

        await agent.__aenter__()
        await until(lambda: books)
        await coordinator.begin("till", deadline_seconds=60)
        await until(lambda: agent.driver.process.recorder.waiting)
        await agent.driver.stop("the process ends")
        await asyncio.sleep(0.2)
        assert agent.driver.process.cut == 0
        assert coordinator.heard_from("till", PartStored) == []
        await agent.__aexit__(RuntimeError, None, None)
