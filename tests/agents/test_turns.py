"""Turns: which handling is open, when state may be recorded, and what a cut that is held up says about it."""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import web

from cutpoint.protocol.effects import RecordState
from cutpoint.protocol.messages import HeldUp
from cutpoint_agents import Agent
from cutpoint_agents.whereabouts import whereabouts
from tests.agents.rig import Handler, begin, lonely, serving, session, until


def recorded(agent: Agent) -> list[int]:
    """The cuts that ``agent`` records from now on."""
    cuts: list[int] = []
    record = agent.driver._record_state

    def noting(effect: RecordState) -> None:
        cuts.append(effect.cut)
        record(effect)

    agent.driver._record_state = noting  # type: ignore[method-assign]
    return cuts


def open_turns(agent: Agent) -> int:
    return len(agent.driver.process.open_turns)


class Gate:
    """A handler that stops in the middle of each message until it is let on."""

    def __init__(self, agent: Agent) -> None:
        self.agent = agent
        self.seen: list[str] = []
        self.go = asyncio.Event()

    async def handler(self, request: web.Request) -> web.StreamResponse:
        raw = web.WebSocketResponse()
        await raw.prepare(request)
        async for message in self.agent.wrap(raw):
            self.seen.append(message.data)
            await self.go.wait()
        return raw


async def test_state_is_recorded_between_turns_and_no_turn_begins_meanwhile() -> None:
    server, client = lonely("server"), lonely("client")
    gate = Gate(server)
    cuts = recorded(server)
    async with (
        serving(server, gate.handler) as url,
        client,
        session() as one,
        client.wrap(one.ws_connect(url)) as ws,
    ):
        await ws.send_str("a")
        await until(lambda: gate.seen)
        await ws.send_str("b")
        server.driver.step(begin(1, "server", "client"))
        await asyncio.sleep(0.02)
        assert (cuts, open_turns(server), gate.seen) == ([], 1, ["a"])
        gate.go.set()
        await until(lambda: cuts == [1])
        await until(lambda: gate.seen == ["a", "b"])


async def test_no_turn_is_open_while_a_task_waits_in_receive() -> None:
    server, client = lonely("server"), lonely("client")
    gate = Gate(server)
    gate.go.set()
    cuts = recorded(server)
    async with (
        serving(server, gate.handler) as url,
        client,
        session() as one,
        client.wrap(one.ws_connect(url)) as ws,
    ):
        await ws.send_str("a")
        await until(lambda: gate.seen)
        await until(lambda: open_turns(server) == 0)
        server.driver.step(begin(1, "server", "client"))
        assert cuts == [1]


async def test_a_receive_on_another_channel_belongs_to_the_open_turn() -> None:
    front, back, client = lonely("front"), lonely("back"), lonely("client")

    async def answer(request: web.Request) -> web.StreamResponse:
        raw = web.WebSocketResponse()
        await raw.prepare(request)
        ws = back.wrap(raw)
        async for message in ws:
            await ws.send_str(f"answer to {message.data}")
        return raw

    turns: list[tuple[int, ...]] = []
    async with serving(back, answer) as behind, session() as one:

        async def ask(request: web.Request) -> web.StreamResponse:
            raw = web.WebSocketResponse()
            await raw.prepare(request)
            ws = front.wrap(raw)
            async with front.wrap(one.ws_connect(behind)) as other:
                async for message in ws:
                    turns.append(front.driver.process.open_turns)
                    await other.send_str(message.data)
                    reply = await other.receive_str()
                    turns.append(front.driver.process.open_turns)
                    await ws.send_str(reply)
            return raw

        async with serving(front, ask) as url, client, client.wrap(one.ws_connect(url)) as ws:
            await ws.send_str("x")
            assert await ws.receive_str() == "answer to x"
            await ws.send_str("y")
            assert await ws.receive_str() == "answer to y"
    assert [len(t) for t in turns] == [1, 1, 1, 1]
    assert turns[0] == turns[1] != turns[2] == turns[3]


async def test_a_channel_that_is_over_holds_no_turn_for_the_next() -> None:
    server, client = lonely("server"), lonely("client")

    async def one_word(request: web.Request) -> web.StreamResponse:
        raw = web.WebSocketResponse()
        await raw.prepare(request)
        await server.wrap(raw).send_str("word")
        return raw

    never: Handler = Gate(server).handler
    async with serving(server, one_word) as url, client, session() as one:
        first = await client.wrap(one.ws_connect(url))
        second = await client.wrap(one.ws_connect(url))
        assert [message.data async for message in first] == ["word"]
        assert open_turns(client) == 0
        assert await second.receive_str() == "word"
        assert open_turns(client) == 1
        await second.close()
        third = await client.wrap(one.ws_connect(url))
        assert await third.receive_str() == "word"
        assert open_turns(client) == 1
    assert never is not None


async def test_a_task_that_ends_ends_its_turn() -> None:
    server, client = lonely("server"), lonely("client")
    gate = Gate(server)
    async with (
        serving(server, gate.handler) as url,
        client,
        session() as one,
        client.wrap(one.ws_connect(url)) as ws,
    ):

        async def once() -> None:
            await ws.receive()

        server_ws_sends = asyncio.create_task(once())
        await ws.send_str("a")
        await until(lambda: gate.seen)
        server_ws_sends.cancel()
        gate.go.set()
        await until(lambda: open_turns(client) == 0 and open_turns(server) == 0)


async def test_an_explicit_turn_holds_the_record_and_waits_for_it() -> None:
    agent = lonely("one")
    cuts = recorded(agent)
    async with agent:
        async with agent.turn():
            async with agent.turn():
                assert open_turns(agent) == 1
            agent.driver.step(begin(1, "one"))
            assert cuts == []

            async def other() -> str:
                async with agent.turn():
                    return "after the record" if cuts else "before"

            waiting = asyncio.create_task(other())
            await asyncio.sleep(0.01)
            assert not waiting.done()
        assert cuts == [1]
        assert await waiting == "after the record"


async def test_a_cut_that_is_held_up_names_channel_handler_and_line() -> None:
    server, client = lonely("server"), lonely("client")
    gate = Gate(server)
    said: list[Any] = []

    def told(message: Any) -> bool:
        said.append(message)
        return True

    async with (
        serving(server, gate.handler) as url,
        client,
        session() as one,
        client.wrap(one.ws_connect(url)) as ws,
    ):
        server.driver.tell = told
        await ws.send_str("a")
        await until(lambda: gate.seen)
        server.driver.step(begin(1, "server", "client", deadline_seconds=0.05))
        await until(lambda: any(isinstance(message, HeldUp) for message in said))
        line = Gate.handler.__code__.co_firstlineno + 5
        (held,) = [message for message in said if isinstance(message, HeldUp)]
        assert held.by == (f"a turn of client~server:/transfers in Gate.handler at {__file__}:{line}")
        gate.go.set()


async def test_whereabouts_pass_over_what_is_not_the_users() -> None:
    async def inner() -> None:
        await asyncio.wait_for(asyncio.Event().wait(), 10)

    async def outer() -> None:
        await inner()

    task = asyncio.create_task(outer())
    await asyncio.sleep(0)
    found = whereabouts(task)
    assert found.handler.endswith("outer")
    assert found.place == f"{__file__}:{inner.__code__.co_firstlineno + 1}"
    task.cancel()


async def test_a_close_inside_a_turn_does_not_hold_up_a_cut() -> None:
    server, client = lonely("server"), lonely("client")
    cuts = recorded(server)
    closing = asyncio.Event()

    async def hangs_up(request: web.Request) -> web.StreamResponse:
        raw = web.WebSocketResponse(timeout=30.0)
        await raw.prepare(request)
        ws = server.wrap(raw)
        await ws.receive()
        closing.set()
        await ws.close()
        await asyncio.sleep(0)
        return raw

    async with serving(server, hangs_up) as url, client, session() as one:
        ws = await client.wrap(one.ws_connect(url))
        await ws.send_str("a")
        await closing.wait()
        server.driver.step(begin(1, "server", "client"))
        await until(lambda: cuts == [1])
        await ws.close()
