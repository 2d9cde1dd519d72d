"""Real services on loopback: servers, a wire that can be cut, and a coordinator that follows a script."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
from aiohttp import web

from cutpoint.names import CutNumber, Incarnation, ProcessName
from cutpoint.protocol.events import CoordinatorSaid
from cutpoint.protocol.messages import (
    Admit,
    Begin,
    Leave,
    PartStored,
    PartSummary,
    Prepare,
    Published,
    Start,
    ToAgent,
    ToCoordinator,
)
from cutpoint.store import Manifest, list_manifests, manifest_part, open_backend, publish_manifest
from cutpoint.wire import decode_to_coordinator, encode_control
from cutpoint_agents import Agent, Settings

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

IMPATIENT = Settings(
    hello_seconds=0.3,
    welcome_seconds=0.6,
    close_seconds=2.0,
    leave_seconds=3.0,
    stop_seconds=1.0,
    report_seconds=0.2,
)


def lonely(name: str, **options: Any) -> Agent:
    """An agent without a coordinator, which runs at once."""
    options.setdefault("settings", IMPATIENT)
    return Agent(name, coordinator=None, **options)


@contextlib.asynccontextmanager
async def serving(agent: Agent | None, handler: Handler, path: str = "/transfers") -> AsyncIterator[str]:
    """A server with one route; its URL, route included."""
    app = web.Application()
    app.router.add_get(path, handler)
    if agent is not None:
        app.cleanup_ctx.append(agent.context)
    async with running(app) as url:
        yield url + path


@contextlib.asynccontextmanager
async def running(app: web.Application) -> AsyncIterator[str]:
    """A server; its URL."""
    runner = web.AppRunner(app, shutdown_timeout=1.0)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def receiving(agent: Agent, into: list[Any]) -> Handler:
    """A handler that keeps what it receives, and says at the end what it has closed with."""

    async def transfers(request: web.Request) -> web.StreamResponse:
        raw = web.WebSocketResponse()
        await raw.prepare(request)
        async for message in agent.wrap(raw):
            into.append(message.data)
        return raw

    return transfers


async def until(condition: Callable[[], Any], seconds: float = 5.0) -> None:
    """Wait until ``condition`` holds."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.005)


class Wire:
    """A TCP proxy: everything passes, until it is cut."""

    def __init__(self, port: int) -> None:
        self._target = self._to = port
        self._server: asyncio.Server | None = None
        self._transports: list[asyncio.WriteTransport] = []
        self.connections = 0
        self.open = True

    async def __aenter__(self) -> Wire:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        self.cut()

    def through(self, url: str) -> str:
        """``url`` by way of this wire."""
        assert self._server is not None
        return url.replace(f":{self._target}", f":{self._server.sockets[0].getsockname()[1]}")

    def lead_to(self, port: int) -> None:
        """New connections end up there."""
        self._to = port

    def cut(self) -> None:
        """Reset every connection now; new ones pass."""
        transports, self._transports = self._transports, []
        for transport in transports:
            transport.abort()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self.open:
            writer.transport.abort()
            return
        self.connections += 1
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self._to)
        self._transports += [writer.transport, there_writer.transport]
        await asyncio.gather(_pass(reader, there_writer), _pass(there_reader, writer))


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


def port_of(url: str) -> int:
    """The port of a URL."""
    return int(url.split(":")[2].split("/")[0])


def begin(
    cut: int, *members: str, base: int = 0, incarnation: int = 1, deadline_seconds: float = 10.0
) -> CoordinatorSaid:
    """Begin, as the coordinator says it."""
    return CoordinatorSaid(
        message=Begin(
            incarnation=Incarnation(incarnation),
            cut=CutNumber(cut),
            base=CutNumber(base),
            members=tuple(ProcessName(m) for m in members),
            released=(),
            deadline_seconds=deadline_seconds,
        )
    )


class Coordinator:
    """A small coordinator: it speaks the control protocol for real and does what a test tells it.

    By itself it admits, and it takes a cut of whoever leaves, which releases them (``releases``).
    """

    def __init__(self, store: str) -> None:
        self.store = store
        self.url = ""
        self.incarnation = 1
        self.cut = 0
        self.base = 0
        self.admits = True
        self.releases = True
        self.heard: list[tuple[str, ToCoordinator]] = []
        self.connections: dict[str, web.WebSocketResponse] = {}
        self._releasing: dict[str, int] = {}

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[Coordinator]:
        app = web.Application()
        app.router.add_get("/v1/agents", self._agents)
        async with running(app) as url:
            self.url = url
            try:
                yield self
            finally:
                await self.drop()

    async def drop(self) -> None:
        """Close every control connection."""
        for ws in tuple(self.connections.values()):
            await ws.close()

    async def _agents(self, request: web.Request) -> web.StreamResponse:
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        name = ""
        async for message in ws:
            said = decode_to_coordinator(message.data)
            if type(said).__name__ == "Join":
                name = said.process  # type: ignore[union-attr]
                self.connections[name] = ws
                if self.admits:
                    await self.say(name, self._admit())
            self.heard.append((name, said))
            if self.releases:
                await self._release(name, said)
        if self.connections.get(name) is ws:
            del self.connections[name]
        return ws

    async def _release(self, name: str, said: ToCoordinator) -> None:
        """The cut after which a process that leaves may go: the others have nothing to say in it."""
        if isinstance(said, Leave):
            self.cut += 1
            self._releasing[name] = self.cut
            members = dict.fromkeys(who for who, _ in self.heard)
            event = begin(self.cut, *members, incarnation=self.incarnation)
            await self.say(name, event.message)
        elif isinstance(said, PartStored) and self._releasing.get(name) == said.summary.cut:
            await self.say(name, Published(incarnation=Incarnation(self.incarnation), cut=said.summary.cut))

    def _admit(self) -> Admit:
        return Admit(
            computation="test",
            incarnation=Incarnation(self.incarnation),
            cut=CutNumber(self.cut),
            base=CutNumber(0),
            store=self.store,
        )

    async def say(self, name: str, message: ToAgent) -> None:
        await self.connections[name].send_str(encode_control(message))

    async def say_all(self, message: ToAgent) -> None:
        for name in tuple(self.connections):
            await self.say(name, message)

    def heard_from(self, name: str, kind: type) -> list[Any]:
        return [said for who, said in self.heard if who == name and isinstance(said, kind)]

    async def begin(self, *members: str, deadline_seconds: float = 10.0) -> int:
        self.cut += 1
        event = begin(
            self.cut, *members, base=self.base, incarnation=self.incarnation, deadline_seconds=deadline_seconds
        )
        await self.say_all(event.message)
        return self.cut

    async def take_cut(self, *members: str) -> dict[str, PartSummary]:
        """A whole cut: begun, stored by all, published."""
        cut = await self.begin(*members)

        def stored() -> dict[str, PartSummary]:
            return {w: s.summary for w, s in self.heard if isinstance(s, PartStored) and s.summary.cut == cut}

        await until(lambda: len(stored()) == len(members))
        self.publish(stored())
        await self.say_all(Published(incarnation=Incarnation(self.incarnation), cut=CutNumber(cut)))
        return stored()

    def publish(self, parts: dict[str, PartSummary]) -> None:
        """Write the manifest of these parts, and let the next cut build on it."""
        some = next(iter(parts.values()))
        if some.cut in list_manifests(backend := open_backend(self.store)):
            return
        manifest = Manifest(
            computation="test",
            cut=some.cut,
            incarnation=some.incarnation,
            parent=CutNumber(self.base),
            created="2026-11-23T12:00:00Z",
            duration_seconds=0.0,
            members=tuple(ProcessName(name) for name in parts),
            parts=tuple(map(manifest_part, parts.values())),
            certificate={},
        )
        publish_manifest(backend, manifest)
        self.base = some.cut

    async def recover(self, parts: dict[str, PartSummary], *members: str) -> None:
        """Prepare all members from these parts; wait for Ready; Start."""
        from cutpoint.protocol.messages import Ready

        self.incarnation += 1
        cut = max((part.cut for part in parts.values()), default=CutNumber(0))
        if parts:
            self.publish(parts)
        self.base = cut
        for name in members:
            await self.say(
                name,
                Prepare(
                    computation="test",
                    incarnation=Incarnation(self.incarnation),
                    cut=cut,
                    last_cut=CutNumber(self.cut),
                    object=parts[name].object if name in parts else "",
                    store=self.store,
                ),
            )
        await until(
            lambda: all(
                any(r.incarnation == self.incarnation for r in self.heard_from(name, Ready)) for name in members
            )
        )
        await self.say_all(Start(incarnation=Incarnation(self.incarnation)))


@contextlib.asynccontextmanager
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """A client session."""
    async with aiohttp.ClientSession() as one:
        yield one
