"""Agents and coordinators that know one token: who does not know it is told nothing, whichever end it is."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from cutpoint.access import Token
from cutpoint.access.handshake import AgentSide, signed_headers
from cutpoint.access.sources import write_token
from cutpoint.errors import ConfigurationError
from cutpoint_agents import Agent
from cutpoint_coordinator.client import CoordinatorClient
from cutpoint_coordinator.service import Service
from tests.coordinator.access.test_scopes import ADMIN, call, make
from tests.coordinator.conftest import Serve


@contextlib.asynccontextmanager
async def running(agent: Agent) -> AsyncIterator[Agent]:
    """A process that joins, and is gone without a word at the end."""
    agent._begin()
    try:
        async with asyncio.timeout(30):
            await agent._start()
        yield agent
    finally:
        await agent._stop()


async def test_an_agent_with_a_token_takes_part_in_cuts(serve: Serve, tmp_path: Path) -> None:
    service = await serve(token=ADMIN)
    token = await make(service, "services", "agent")
    write_token(tmp_path / "token", token)
    async with (
        running(Agent("ledger", coordinator=service.url, token=token)),
        running(Agent("till", coordinator=service.url, token=token.reveal())),
        running(Agent("shop", coordinator=service.url, token=tmp_path / "token")),
        CoordinatorClient(service.url, token=ADMIN) as client,
    ):
        cut = await client.cut()
        assert cut.point is not None
        assert cut.point.members == ("ledger", "shop", "till")


@pytest.mark.parametrize("scope", ["observe", "administer"])
async def test_an_agent_without_a_right_token_is_turned_away(scope: str, serve: Serve) -> None:
    service = await serve(token=ADMIN)
    other = await make(service, "other", scope)  # type: ignore[arg-type]
    for token, status in ((None, 401), (Token.generate(), 401), (other, 403)):
        with pytest.raises(ConfigurationError, match=rf"denies this agent \(HTTP {status}\)"):
            async with running(Agent("ledger", coordinator=service.url, token=token)):
                pass


async def test_an_agent_with_a_token_wants_it_to_be_asked_for(serve: Serve) -> None:
    service = await serve()
    with pytest.raises(ConfigurationError, match="does not prove that it knows this agent's token"):
        async with running(Agent("ledger", coordinator=service.url, token=Token.generate())):
            pass


async def test_a_forged_secret_proves_nothing_to_either_end(serve: Serve) -> None:
    service = await serve(token=ADMIN)
    token = await make(service, "services", "agent")
    forged = Token(token.id, Token.generate().secret)
    with pytest.raises(ConfigurationError, match="does not prove that it knows"):
        async with running(Agent("ledger", coordinator=service.url, token=forged)):
            pass
    exchange = AgentSide(token)
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{service.url}/v1/agents", headers={"Cutpoint-Token": exchange.header}) as socket,
    ):
        await socket.receive()
        await socket.send_str('{"proof": "' + "A" * 43 + '"}')
        assert (await socket.receive()).type is aiohttp.WSMsgType.CLOSE
    assert socket.close_code == 1008
    assert [entry.what for entry in await service.audit.entries() if entry.denied] == ["log in"]


async def test_revoking_an_agents_token_ends_its_connection_at_once(serve: Serve) -> None:
    service = await serve(token=ADMIN)
    token = await make(service, "services", "agent")
    async with (
        running(Agent("ledger", coordinator=service.url, token=token)) as agent,
        CoordinatorClient(service.url, token=ADMIN) as client,
    ):
        assert agent.statistics().connected
        await client.revoke_token("services")
        async with asyncio.timeout(20):
            while agent.statistics().connected or _connected(service, "ledger"):
                await asyncio.sleep(0.02)


def _connected(service: Service, name: str) -> bool:
    assert service.driver is not None
    return any(member.process == name and member.connected for member in service.driver.core.statistics().members)


async def test_a_single_request_of_an_agent_is_signed(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    service = await serve(token=ADMIN)
    token = await make(service, "services", "agent")
    signed = signed_headers(token, "GET", "/v1/topology", b"")
    assert (await call(service, "GET", "/v1/topology", headers=signed))[0] == 200
    assert (await call(service, "POST", "/v1/agents/holdups", headers=signed))[0] == 401, (
        "a signature of another request"
    )
    assert (await call(service, "GET", "/v1/topology?x=1", headers=signed))[0] == 401, "of another query"
    assert (await call(service, "GET", "/v1/cuts", headers=signed))[0] in (401, 429), "for what an agent may not ask"
    unsigned = {"Cutpoint-Token": signed["Cutpoint-Token"]}
    assert (await call(service, "GET", "/v1/topology", headers=unsigned))[0] in (401, 429)
    monkeypatch.setattr("cutpoint.access.handshake.SIGNED_SECONDS", -1.0)
    assert (await call(service, "GET", "/v1/topology", headers=signed))[0] in (401, 429), "long ago"
