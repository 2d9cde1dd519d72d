"""The stage of the real thing: asyncio agents, aiohttp servers and WebSockets on loopback, the real coordinator.

An application receives in a task of its own, which ends, and with it its turn; or does not, and holds the turn. All of
it is in this process and on its event loop, so when the cores have not changed for a while, they will not.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import WSMsgType, web

from cutpoint.names import CutNumber
from cutpoint.protocol import coordinator_events as told
from cutpoint.protocol.messages import Close
from cutpoint.protocol.process import Process
from cutpoint.store import open_backend, read_manifest, read_part
from cutpoint_agents import Agent
from cutpoint_agents import Settings as AgentSettings
from cutpoint_coordinator.checking import certificate_of
from cutpoint_coordinator.client import CoordinatorClient
from cutpoint_coordinator.opening import Opened, bind
from cutpoint_coordinator.registry import MemoryRegistry
from cutpoint_coordinator.service import Service
from cutpoint_coordinator.settings import Address, Settings
from tests.agents.rig import Wire
from tests.parts import states_of
from tests.scenarios.stage import WINDOW, CutEnd, CutReading, StoredPart, session_of

QUICK = AgentSettings(
    window_messages=WINDOW, close_seconds=2.0, stop_seconds=1.0, redial_first_seconds=0.005, redial_most_seconds=0.02
)
STILL_SECONDS = 0.02
WAIT_SECONDS = 20.0
NEVER_SECONDS = 3600.0
"""A cut takes too long when the transcript says so, however slow the machine is."""


class Line(Wire):
    """A wire to a process that may not be there."""

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await super()._accept(reader, writer)
        except OSError:
            writer.transport.abort()


class Host:
    """One process: an agent, a server that takes every session in, and a client."""

    def __init__(self, name: str, coordinator: str, port: int) -> None:
        self.agent = Agent(name, coordinator=coordinator, settings=QUICK)
        self.received = self.agent.table("received")
        self.ends: list[Any] = []
        self.port = port
        self.client = aiohttp.ClientSession()
        self._held: tuple[asyncio.Task[None], asyncio.Event] | None = None
        self._gone = asyncio.Event()
        self._closing: list[asyncio.Task[Any]] = []
        app = web.Application()
        app.router.add_get("/{label:.*}", self._accept)
        app.cleanup_ctx.append(self.agent.context)
        self._runner = web.AppRunner(app, shutdown_timeout=1.0)

    async def _accept(self, request: web.Request) -> web.StreamResponse:
        raw = web.WebSocketResponse()
        await raw.prepare(request)
        self.ends.append(self.agent.wrap(raw))
        await self._gone.wait()
        return raw

    async def start(self) -> None:
        """Listen; which waits until the agent runs."""
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """End without a last word."""
        self._gone.set()
        await self._runner.cleanup()
        await self.client.close()
        tasks = [*self._closing, *([self._held[0]] if self._held else [])]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def end_of(self, channel: str) -> Any:
        """The wrapped WebSocket of a session."""
        return next(ws for ws in reversed(self.ends) if ws._end.name == channel)

    async def take(self, channel: str, *, hold: bool) -> str | Close:
        """Receive in a task of its own; ``hold``: which does not end."""
        taken: asyncio.Future[str | Close] = asyncio.get_running_loop().create_future()
        done = asyncio.Event()
        task = asyncio.create_task(self._turn(channel, taken, done))
        if hold:
            self._held = task, done
        else:
            done.set()
            await task
        return await taken

    async def _turn(self, channel: str, taken: asyncio.Future[str | Close], done: asyncio.Event) -> None:
        """The body of an application's loop: its turn lasts until the task ends."""
        message = await self.end_of(channel).receive()
        if message.type is WSMsgType.CLOSE:
            taken.set_result(Close(code=message.data, reason=message.extra or ""))
            return
        self.received[message.data] = True
        taken.set_result(message.data)
        await done.wait()

    async def end_turn(self) -> None:
        """Let the task end that holds a turn."""
        assert self._held is not None
        (task, done), self._held = self._held, None
        done.set()
        await task

    def close(self, channel: str) -> None:
        """Close, beside everything else."""
        self._closing.append(asyncio.create_task(self.end_of(channel).close()))


class LoopbackStage:
    """See `tests.scenarios.stage.Stage`."""

    def __init__(self, coordinator: Service, client: CoordinatorClient, store: Path) -> None:
        self._coordinator = coordinator
        self._client = client
        self._store = store
        self._hosts: dict[str, Host] = {}
        self._ports: dict[str, int] = {}
        self._lines: list[tuple[Any, Line]] = []
        self._stack = contextlib.AsyncExitStack()
        self._opened = CutNumber(0)
        self._starting: asyncio.Task[None] | None = None

    @classmethod
    @contextlib.asynccontextmanager
    async def set_up(cls, store: Path) -> AsyncIterator[LoopbackStage]:
        """A coordinator that leads, with an empty store."""
        listener = await bind(Address(host="127.0.0.1", port=0))
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        opened = Opened(listener=listener, url=url, registry=MemoryRegistry(), backend=open_backend(str(store)))
        coordinator = Service(Settings(store=str(store), deadline_seconds=NEVER_SECONDS), opened)
        task = asyncio.create_task(coordinator.run())
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                await coordinator.wait_leading()
            async with CoordinatorClient(url) as client:
                stage = cls(coordinator, client, store)
                try:
                    yield stage
                finally:
                    await stage.tear_down()
        finally:
            task.cancel()
            await asyncio.wait((task,))
            await coordinator.close()

    async def tear_down(self) -> None:
        """Stop everything but the coordinator."""
        for host in self._hosts.values():
            assert host.agent.statistics().faults == 0
            await host.stop()
        await self._stack.aclose()

    def cores(self) -> Mapping[str, Process]:
        return {name: host.agent.driver.process for name, host in sorted(self._hosts.items())}

    def received(self, process: str) -> Sequence[str]:
        return sorted(self._hosts[process].received)

    async def settle(self) -> None:
        async with asyncio.timeout(WAIT_SECONDS):
            last: Hashable = None
            still = 0
            while still < 5:
                await asyncio.sleep(STILL_SECONDS / 5)
                now = self._fingerprint()
                still = still + 1 if now == last else 0
                last = now

    def _fingerprint(self) -> Hashable:
        return tuple(
            (name, core.phase, core.cut, core.incarnation, core.recorder.recording is None, _sessions(core))
            for name, core in self.cores().items()
        )

    async def start(self, process: str) -> None:
        host = self._hosts[process] = Host(process, self._coordinator.url, self._ports.get(process, 0))
        self._starting = asyncio.create_task(host.start())
        async with asyncio.timeout(WAIT_SECONDS):
            while not self._starting.done() and (await self._client.topology()).open_cut is None:
                await asyncio.sleep(0.002)
            if self._starting.done():
                await self._wait_all_run()

    async def _wait_all_run(self) -> None:
        """Whoever was started runs, and whoever was restored runs on."""
        async with asyncio.timeout(WAIT_SECONDS):
            if self._starting is not None:
                await self._starting
            while any(core.phase != "running" for core in self.cores().values()):
                await asyncio.sleep(0.002)

    async def kill(self, process: str) -> None:
        host = self._hosts.pop(process)
        self._ports[process] = host.port
        await host.stop()
        async with asyncio.timeout(WAIT_SECONDS):
            while any(m.connected for m in (await self._client.topology()).members if m.process == process):
                await asyncio.sleep(0.002)

    async def open(self, opener: str, acceptor: str, label: str) -> None:
        host = self._hosts[opener]
        port = self._hosts[acceptor].port
        line = Line(port)
        await self._stack.enter_async_context(line)
        url = line.through(f"http://127.0.0.1:{port}{label}")
        ws = await host.agent.wrap(host.client.ws_connect(url))
        host.ends.append(ws)
        self._lines.append((ws, line))

    def _line(self, channel: str) -> Line:
        lines = {ws._end.name: line for ws, line in self._lines}
        return lines[channel]

    async def send(self, process: str, channel: str, text: str) -> None:
        _ = self._hosts[process].end_of(channel).send_str(text)

    async def take(self, process: str, channel: str, *, hold: bool) -> str | Close:
        async with asyncio.timeout(WAIT_SECONDS):
            return await self._hosts[process].take(channel, hold=hold)

    async def end_turn(self, process: str) -> None:
        await self._hosts[process].end_turn()

    async def close(self, process: str, channel: str) -> None:
        self._hosts[process].close(channel)

    async def break_connection(self, channel: str) -> None:
        line = self._line(channel)
        line.open = False
        line.cut()
        async with asyncio.timeout(WAIT_SECONDS):
            while any(s.connection is not None for c in self.cores().values() if (s := session_of(c, channel))):
                await asyncio.sleep(0.002)

    async def mend(self, channel: str) -> None:
        self._line(channel).open = True
        async with asyncio.timeout(WAIT_SECONDS):
            while not all(s.flowing for c in self.cores().values() if (s := session_of(c, channel))):
                await asyncio.sleep(0.002)

    async def begin(self) -> None:
        self._opened = CutNumber((await self._client.cut(wait=False)).cut)

    async def deadline(self) -> None:
        driver = await self._coordinator.wait_leading()
        driver.step(told.DeadlinePassed(now=asyncio.get_running_loop().time(), cut=self._opened))

    async def end_of_cut(self) -> CutEnd:
        async with asyncio.timeout(WAIT_SECONDS):
            while (answer := await self._client.cut_state(self._opened)).state not in ("published", "abandoned"):
                await asyncio.sleep(0.002)
            while any(core.recorder.recording is not None for core in self.cores().values()):
                await asyncio.sleep(0.002)
        await self._wait_all_run()
        return CutEnd(cut=answer.cut, abandoned=answer.reason)

    async def read(self, cut: int) -> CutReading:
        backend = open_backend(str(self._store))
        manifest = read_manifest(backend, CutNumber(cut))
        parts = {part.process: read_part(backend, part) for part in manifest.parts}
        states = {name: states_of(part) for name, part in parts.items()}
        return CutReading(
            certificate=certificate_of(manifest),
            parts={
                str(name): StoredPart(received=sorted(states[name]["received"]), sessions=part.sessions)
                for name, part in parts.items()
            },
        )

    async def recover(self, cut: int) -> None:
        answer = await self._client.recover(cut)
        assert answer.state == "done", answer
        await self._wait_all_run()


def _sessions(core: Process) -> Hashable:
    return tuple(
        (
            session.name,
            session.phase,
            session.connection,
            session.flowing,
            session.outgoing.sent,
            session.outgoing.transmitted,
            session.outgoing.acknowledged,
            session.outgoing.limit,
            session.incoming.seen.prefix,
            session.incoming.taken.prefix,
            len(session.held),
            len(session.queue),
        )
        for session in core.handshakes.sessions.values()
    )
