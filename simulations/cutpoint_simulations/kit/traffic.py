"""Services of any number that send each other what a workload says: a computation to try Cutpoint itself with.

What they have sent, what they have received and how far they have come is their state, with a log of it that is stored
in many small pieces. In every recovery point, what was sent is what was received and what is in flight, and every log
says the same; at the end all of it has arrived.
"""

from __future__ import annotations

import asyncio
import dataclasses
import functools
import json
from collections.abc import Sequence
from typing import Any

import aiohttp
import msgspec
from aiohttp import web

from cutpoint.store import Tiers
from cutpoint_agents import Agent
from cutpoint_simulations.bank.computation import AGENT
from cutpoint_simulations.cluster import Cluster, Recorded
from cutpoint_simulations.world.topology import Topology

IN_PIECES = dataclasses.replace(
    AGENT,
    slice_entries=1,
    chunk_bytes=100,
    pack_bytes=1000,
    tiers=Tiers(deltas_min=2, deltas_max=3, small_bytes=1),
)
"""Tables are written entry by entry, and merged after every other cut."""

PATIENCE_SECONDS = 0.1
"""How long a service sleeps before it looks whether it is to make haste."""


class Send(msgspec.Struct, frozen=True, kw_only=True, repr_omit_defaults=True):
    """``amount`` goes from ``sender`` to ``receiver``, so long after what the sender sent before."""

    sender: str
    receiver: str
    amount: int = 1
    pause_seconds: float = 0.0


Workload = tuple[Send, ...]
"""What is sent; each sender keeps the order."""


class Haste:
    """Whether pauses are left out: the run is to become quiet."""

    def __init__(self) -> None:
        self.made = False

    def make(self) -> None:
        """No more pauses."""
        self.made = True


@dataclasses.dataclass(frozen=True, kw_only=True)
class Traffic:
    """Call it with a cluster: it declares the services of ``topology``, which send what ``workload`` says."""

    topology: Topology
    workload: Workload

    def __post_init__(self) -> None:
        channels = {(edge.opener, edge.acceptor) for edge in self.topology.edges}
        for send in self.workload:
            if (send.sender, send.receiver) not in channels:
                raise ValueError(f"{send.sender} opens no channel to {send.receiver}, and cannot send to it")

    def __call__(self, cluster: Cluster) -> None:
        haste = Haste()
        for name in self.topology.names:
            create = functools.partial(
                create_service,
                name,
                coordinator=cluster.coordinator_urls,
                peers={
                    edge.acceptor: cluster.url(edge.acceptor) for edge in self.topology.edges if edge.opener == name
                },
                sends=[send for send in self.workload if send.sender == name],
                haste=haste,
            )
            cluster.service(name, create)
        cluster.on_quiet(haste.make)
        cluster.invariant("nothing is lost on the way", nothing_is_lost)
        cluster.finally_("everything has arrived", self.everything_has_arrived)

    @property
    def __name__(self) -> str:
        return "traffic"

    def everything_has_arrived(self, point: Recorded) -> str | None:
        """At the end."""
        wanted = sum(send.amount for send in self.workload)
        found = sum(states["received"] for states in point.states.values())
        return None if found == wanted else f"{found} of {wanted} arrived"


def nothing_is_lost(point: Recorded) -> str | None:
    """In every recovery point."""
    sent = sum(states["sent"] for states in point.states.values())
    received = sum(states["received"] for states in point.states.values())
    under_way = sum(json.loads(message.payload)["amount"] for message in point.in_flight)
    if sent != received + under_way:
        return f"{sent} was sent, {received} was received, and {under_way} is in flight"
    for name, states in point.states.items():
        for what in ("sent", "received"):
            logged = sum(amount for (done, _), amount in states["log"].items() if done == what)
            if logged != states[what]:
                return f"{name} has {what} {states[what]}, and its log says {logged}"
    return None


def create_service(
    name: str, *, coordinator: Sequence[str], peers: dict[str, str], sends: Sequence[Send], haste: Haste
) -> web.Application:
    """One service. It opens a channel to each of ``peers`` (name to URL) and sends over it; anybody may send to it."""
    agent = Agent(name, coordinator=coordinator, settings=IN_PIECES)
    log = agent.table("log")
    position, sent, received = agent.value("position", 0), agent.value("sent", 0), agent.value("received", 0)

    @agent.task
    async def send_all() -> None:
        async with aiohttp.ClientSession() as http:
            channels: dict[str, Any] = {}
            for peer, url in peers.items():
                channels[peer] = agent.wrap(await http.ws_connect(f"{url}/traffic"), name=f"{name}-{peer}")
            for send in sends[position.value :]:
                await pause(send.pause_seconds)
                position.value += 1  # no await from here to the call of send: a cut has both or neither
                sent.value += send.amount
                log["sent", position.value] = send.amount
                await channels[send.receiver].send_json({"amount": send.amount})
            await asyncio.Event().wait()  # for as long as this runs, the channels are open

    async def pause(seconds: float) -> None:
        left = seconds
        while left > 0 and not haste.made:
            await asyncio.sleep(min(left, PATIENCE_SECONDS))
            left -= PATIENCE_SECONDS

    async def receive(request: web.Request) -> web.WebSocketResponse:
        bare = web.WebSocketResponse()
        await bare.prepare(request)
        async for message in agent.wrap(bare):
            amount = message.json()["amount"]
            received.value += amount
            log["received", len(log)] = amount
        return bare

    app = web.Application()
    app.router.add_get("/traffic", receive)
    app.cleanup_ctx.append(agent.context)
    return app
