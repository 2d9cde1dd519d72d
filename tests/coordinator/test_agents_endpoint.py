"""Whatever an agent's connection brings, it ends in one line for that agent, and concerns nobody else."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import aiohttp
import msgspec
import pytest

from cutpoint.names import CutNumber, Incarnation, Life, ProcessName
from cutpoint.protocol.messages import PROTOCOL_VERSION, Join, PartCaptured, Ready, ToCoordinator
from cutpoint.wire import encode_control
from cutpoint_coordinator.service import Service
from tests.coordinator.conftest import Agents, Serve
from tests.coordinator.scripted import Scripted
from tests.coordinator.test_cuts import Ask

Say = Callable[[aiohttp.ClientWebSocketResponse], Awaitable[None]]


def join(name: str = "stranger", version: int = PROTOCOL_VERSION) -> str:
    never = Incarnation(0)
    message = Join(
        version=version,
        process=ProcessName(name),
        life=Life("x"),
        incarnation=never,
        cut=CutNumber(0),
        prepared=never,
    )
    return encode_control(message)


def text(*texts: str) -> Say:
    async def say(socket: aiohttp.ClientWebSocketResponse) -> None:
        for each in texts:
            await socket.send_str(each)

    return say


async def say_bytes(socket: aiohttp.ClientWebSocketResponse) -> None:
    await socket.send_bytes(b"\x00\x01")


async def say_nothing(socket: aiohttp.ClientWebSocketResponse) -> None:
    pass


def said(message: ToCoordinator) -> str:
    return encode_control(message)


@pytest.mark.parametrize(
    ("say", "reason"),
    [
        (text("hello\nthere"), "the agent sent what is not a control message (JSON is malformed"),
        (text('{"type":"dance"}'), "the agent sent what is not a control message (Invalid value 'dance'"),
        (text('{"type":"join","version":99}'), "the agent speaks version 99 of the protocol, this end version 1"),
        (text(said(Ready(incarnation=Incarnation(1)))), "the agent's first message is Ready and must be Join"),
        (text(join("../etc")), "the agent sent a bad Join"),
        (text(join(), join()), "the agent said Join twice"),
        (say_bytes, "the agent sent a binary message; control messages are text"),
        (say_nothing, "the agent said nothing for 0.2 s"),
    ],
    ids=[
        "no json",
        "unknown message",
        "another version",
        "no Join",
        "bad name",
        "Join twice",
        "binary",
        "silence",
    ],
)
async def test_garbage_closes_that_connection_with_one_line_and_concerns_nobody_else(
    say: Say, reason: str, serve: Serve, agents: Agents, ask: Ask, caplog: pytest.LogCaptureFixture
) -> None:
    service = await serve(join_seconds=0.2)
    await agents("ledger", service.url)
    async with aiohttp.ClientSession() as session, session.ws_connect(f"{service.url}/v1/agents") as socket:
        await say(socket)
        async with asyncio.timeout(10):
            closed = await closing(socket)
    assert closed.extra is not None
    assert str(closed.extra).startswith(reason[:100])
    assert "\n" not in str(closed.extra)
    assert all(record.exc_info is None for record in caplog.records)
    still_there = [member.running for member in (await (await ask(service.url)).topology()).members]
    assert still_there[0] is True


async def test_a_message_over_the_limit_closes_that_connection(
    serve: Serve, agents: Agents, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cutpoint_coordinator.agents_endpoint.CONTROL_BYTES_MAX", 1000)
    service = await serve()
    await agents("ledger", service.url)
    async with aiohttp.ClientSession() as session, session.ws_connect(f"{service.url}/v1/agents") as socket:
        await socket.send_str(" " * 1001)
        closed = await closing(socket)
    assert closed.data == aiohttp.WSCloseCode.MESSAGE_TOO_BIG
    assert (await (await ask(service.url)).cut()).state == "published"


async def closing(socket: aiohttp.ClientWebSocketResponse) -> aiohttp.WSMessage:
    while (message := await socket.receive()).type is aiohttp.WSMsgType.TEXT:
        pass
    return message


async def test_another_version_in_a_well_formed_join_is_rejected_with_what_to_do(serve: Serve) -> None:
    service = await serve()
    async with aiohttp.ClientSession() as session, session.ws_connect(f"{service.url}/v1/agents") as socket:
        await socket.send_str(join(version=2))
        rejected = msgspec.json.decode((await socket.receive()).data)
        closed = await closing(socket)
    assert (rejected["type"], rejected["waiting_helps"]) == ("rejected", False)
    assert "install the same version of Cutpoint at both ends" in rejected["reason"]
    assert closed.type is aiohttp.WSMsgType.CLOSE


async def test_a_second_process_of_one_name_is_turned_away_and_the_first_runs_on(
    serve: Serve, agents: Agents, ask: Ask
) -> None:
    service = await serve()
    await agents("ledger", service.url)
    second = await Scripted("ledger", "life-2").connect(service.url)
    await second.until(lambda: bool(second.rejections))
    assert "give each process a name of its own" in second.rejections[0].reason
    assert (await (await ask(service.url)).cut()).state == "published"
    await second.vanish()


async def test_a_reconnect_of_the_same_life_replaces_the_connection_before(
    serve: Serve, agents: Agents, ask: Ask
) -> None:
    service = await serve()
    ledger = await agents("ledger", service.url)
    former = ledger._socket
    await ledger.connect(service.url)  # the former connection is still open
    assert former is not None
    await ledger.until(lambda: "has connected again" in ledger.close_reason or former.closed)
    assert (await (await ask(service.url)).cut()).state == "published"


async def test_late_and_foreign_messages_of_a_member_change_nothing(serve: Serve, agents: Agents, ask: Ask) -> None:
    service = await serve()
    ledger = await agents("ledger", service.url)
    for cut in (0, 7, 2**52):
        ledger.say(said(PartCaptured(cut=CutNumber(cut))))
    assert (await (await ask(service.url)).cut()).cut == 1
    assert ignored(service) >= 3


def ignored(service: Service) -> int:
    assert service.driver is not None
    return service.driver.core.statistics().ignored
