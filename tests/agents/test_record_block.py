"""The record block holds no ``await``: the state is captured in the very block in which the core froze its counters.

A service that changes its state and sends between two awaits is atomic to every cut. If the capture came only in a
later turn of the event loop, what the service does meanwhile would be in the state and not in the counters: the
certificate holds, and the books do not balance. This is the ablation of that safeguard.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from cutpoint.protocol import effects as ask
from cutpoint.protocol.consistency import Certificate, certify
from cutpoint.protocol.messages import PartSummary, SessionRecord
from cutpoint.store import Part, open_backend
from cutpoint_agents import Agent
from cutpoint_agents.driver import Driver
from tests.agents.rig import IMPATIENT, Coordinator, running, until
from tests.parts import states_of
from tests.parts import stored as read_back

CUTS = 10
MONEY = 1_000_000


class LateDriver(Driver):
    """Captures the state as if there were an ``await`` before it: in the next turn of the event loop."""

    def _record_state(self, effect: ask.RecordState) -> None:
        asyncio.get_running_loop().call_soon(super()._record_state, effect)


class Payer:
    """Pays 1 as often as the event loop lets it: state and message change between two awaits."""

    def __init__(self, coordinator: str, payee: str) -> None:
        self.agent = Agent("payer", coordinator=coordinator, settings=IMPATIENT)
        self.purse = self.agent.value("purse", MONEY)
        self.payee = payee
        self.agent.task(self._pay)

    async def _pay(self) -> None:
        async with aiohttp.ClientSession() as session, self.agent.wrap(session.ws_connect(self.payee)) as ws:
            while True:
                self.purse.value -= 1
                await ws.send_str("1")
                await asyncio.sleep(0)


class Payee:
    """Adds up what comes."""

    def __init__(self, coordinator: str) -> None:
        self.agent = Agent("payee", coordinator=coordinator, settings=IMPATIENT)
        self.purse = self.agent.value("purse", 0)
        self.app = web.Application()
        self.app.router.add_get("/payments", self._payments)
        self.app.cleanup_ctx.append(self.agent.context)

    async def _payments(self, request: web.Request) -> web.StreamResponse:
        raw = web.WebSocketResponse()
        await raw.prepare(request)
        async for message in self.agent.wrap(raw):
            self.purse.value += int(message.data)
        return raw


async def balances_of_cuts(store: Path) -> list[int]:
    """What each of several cuts of a busy payer holds in all: in both purses, and under way. Each has a certificate."""
    balances = []
    async with Coordinator(str(store)).serving() as coordinator:
        payee = Payee(coordinator.url)
        async with running(payee.app) as url:
            payer = Payer(coordinator.url, url + "/payments")
            await payer.agent.__aenter__()
            await until(lambda: payee.purse.value)
            for _ in range(CUTS):
                await asyncio.sleep(0.01)
                parts = await coordinator.take_cut("payer", "payee")
                assert isinstance(certificate_or_complaints(parts), Certificate)
                balances.append(sum(balance(part) for part in stored(store, parts)))
            await payer.agent.driver.stop("the test is over")
            await payer.agent.__aexit__(None, None, None)
    return balances


def certificate_or_complaints(parts: dict[str, PartSummary]) -> object:
    """The core's own verdict on a cut."""
    first = next(iter(parts.values()))
    return certify(
        cut=first.cut,
        incarnation=first.incarnation,
        members=[part.process for part in parts.values()],
        summaries=list(parts.values()),
    )


def stored(store: Path, parts: dict[str, PartSummary]) -> list[Part]:
    return [read_back(open_backend(str(store)), part) for part in parts.values()]


def balance(part: Part) -> int:
    """One purse, and the payments that this part holds as in-flight."""
    purse: int = states_of(part)["purse"]
    return purse + sum(in_flight(record) for record in part.sessions)


def in_flight(record: SessionRecord) -> int:
    return sum(int(str(m.payload)) for m in (*record.outgoing_in_flight, *record.incoming_in_flight))


async def test_a_busy_payers_cuts_balance_to_the_unit(tmp_path: Path) -> None:
    assert await balances_of_cuts(tmp_path) == [MONEY] * CUTS


async def test_an_await_in_the_record_block_breaks_the_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cutpoint_agents.agent.Driver", LateDriver)
    balances = await balances_of_cuts(tmp_path)
    assert len(balances) == CUTS
    assert any(found != MONEY for found in balances), "every cut balanced although the capture came late"
