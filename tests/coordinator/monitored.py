"""Services of a small bank, real agents on loopback, and the monitors that look at them."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any

from aiohttp import ClientSession, web

from cutpoint.monitors import Limits, Monitor, Recorded, conservation, deadlock, monitor, termination
from cutpoint.monitors.deployed import Deployed, deploy
from cutpoint_agents import Agent
from tests.agents.rig import IMPATIENT, serving


def held(states: Mapping[str, Any]) -> int:
    return sum(states["accounts"].values())


money = conservation("money", states=held, payload=lambda payload: json.loads(payload)["amount"], total=100)
locked = deadlock("locked")
done = termination("done", passive=lambda _, states: not states["accounts"])


@monitor("calm")
def calm(point: Recorded) -> str | None:
    """Content with everything."""
    return None


@monitor("crash")
def crash(point: Recorded) -> str | None:
    raise ValueError(f"no idea about cut {point.cut}")


@monitor("vanish")
def vanish(point: Recorded) -> str | None:
    os._exit(3)


@monitor("hang", limits=Limits(seconds=0.5))
def hang(point: Recorded) -> str | None:
    time.sleep(3600)
    return None


@monitor("greedy", limits=Limits(memory_bytes=512 * 1024 * 1024))
def greedy(point: Recorded) -> str | None:
    return str(len(bytearray(1 << 31)))


@monitor("nonsense")
def nonsense(point: Recorded) -> str | None:
    return 7  # type: ignore[return-value]


@monitor("talkative")
def talkative(point: Recorded) -> str | None:
    print("x" * 10_000_000)
    sys.stdout.flush()
    return "y" * 10_000_000


@monitor("writes")
def writes(point: Recorded) -> str | None:
    with tempfile.TemporaryFile() as file:
        file.write(b"something")
        file.flush()
    return None


FAULTY = {
    "crash": "it raised ValueError: no idea about cut 1, at ",
    "vanish": "its process ended with status 3",
    "hang": "it took more than 0.5 seconds for it, and was killed",
    "greedy": "it wanted more memory than the 536870912 bytes that it may have",
    "nonsense": "it returned 7, neither None nor a complaint",
    "writes": "it raised FileNotFoundError: [Errno 2] No usable temporary directory",
}


def brought(one: Monitor) -> Deployed:
    """As `cutpoint monitors add` makes it."""
    return deploy(one, written_in=sys.modules[__name__], by="ada@build-3")


class Bank:
    """One service: accounts, and transfers that come and go over a channel."""

    def __init__(self, name: str, url: str, **accounts: int) -> None:
        self.agent = Agent(name, coordinator=url, settings=IMPATIENT)
        self.accounts = self.agent.table("accounts")
        self._first = accounts
        self.url = ""

    async def transfers(self, request: web.Request) -> web.StreamResponse:
        raw = web.WebSocketResponse()
        await raw.prepare(request)
        async for message in self.agent.wrap(raw):
            transfer = message.json()
            self.accounts[transfer["to"]] = self.accounts.get(transfer["to"], 0) + transfer["amount"]
        return raw

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[Bank]:
        async with serving(self.agent, self.transfers) as self.url:
            self.accounts.update(self._first)
            yield self

    @contextlib.asynccontextmanager
    async def channel_to(self, other: Bank) -> AsyncIterator[Any]:
        async with ClientSession() as http, self.agent.wrap(http.ws_connect(other.url)) as channel:
            yield channel

    async def send(self, channel: Any, account: str, to: str, amount: int) -> None:
        async with self.agent.turn():
            self.accounts[account] -= amount
            await channel.send_json({"to": to, "amount": amount})
