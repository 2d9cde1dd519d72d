"""A process as its coordinator sees it: the real core on a real WebSocket, and a script in the place of a service.

It writes real parts to the real store. What a service would not do on purpose is asked for by attributes: hold the part
back, alter it on the disk, say something else instead. Two of them can be wired to each other in memory, so that
cuts have channels with messages in them.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from cutpoint.errors import StoreError
from cutpoint.names import CutNumber, Life, ProcessName
from cutpoint.protocol import effects as ask
from cutpoint.protocol import events as was
from cutpoint.protocol.events import Connection
from cutpoint.protocol.messages import Published, Rejected, SessionRecord, ToAgent
from cutpoint.protocol.process import Process
from cutpoint.store import open_backend, read_manifest, read_part
from cutpoint.wire import decode_to_agent, encode_control
from tests.parts import Draft


class Scripted:
    """One process. ``heard`` is everything that the coordinator has said to it."""

    def __init__(self, name: str, life: str = "life-1") -> None:
        self.name = ProcessName(name)
        self.process = Process(name=self.name, life=Life(life))
        self.heard: list[ToAgent] = []
        self.restored: list[CutNumber] = []
        self.hold_parts = False
        self.held: list[ask.PersistPart] = []
        self.alter: Callable[[bytes], bytes] | None = None
        self.close_reason = ""
        self._state = b""
        self._store = ""
        self._computation = ""
        self._news = asyncio.Event()
        self._peers: dict[Connection, tuple[Scripted, Connection]] = {}
        self._session: aiohttp.ClientSession | None = None
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._outbox: asyncio.Queue[str] = asyncio.Queue()
        self._tasks: list[asyncio.Task[None]] = []

    async def connect(
        self, url: str, *, answers_pings: bool = True, headers: Mapping[str, str] | None = None
    ) -> Scripted:
        """Connect to the coordinator at ``url`` and say Join."""
        self._session = aiohttp.ClientSession()
        self._socket = await self._session.ws_connect(f"{url}/v1/agents", autoping=answers_pings, headers=headers)
        self._outbox = asyncio.Queue()
        self._tasks = [asyncio.create_task(self._listen(self._socket)), asyncio.create_task(self._speak(self._socket))]
        self.step(was.CoordinatorConnected())
        return self

    async def join(self, url: str) -> Scripted:
        """Connect, and wait until this process runs."""
        await self.connect(url)
        await self.until(lambda: self.process.phase == "running" and bool(self._store))
        return self

    async def vanish(self) -> None:
        """The connection breaks, without a word."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()
        self._session = self._socket = None

    async def until(self, condition: Callable[[], bool], seconds: float = 10.0) -> None:
        """Wait until ``condition`` holds; it is looked at whenever something was heard."""
        async with asyncio.timeout(seconds):
            while not condition():
                self._news.clear()
                await self._news.wait()

    async def until_heard(self, kind: type[ToAgent], seconds: float = 10.0) -> Any:
        """Wait for a message of this kind; the last one."""
        await self.until(lambda: any(isinstance(message, kind) for message in self.heard), seconds)
        return [message for message in self.heard if isinstance(message, kind)][-1]

    @property
    def published(self) -> list[CutNumber]:
        """The cuts that it was told are recovery points."""
        return [message.cut for message in self.heard if isinstance(message, Published)]

    @property
    def rejections(self) -> list[Rejected]:
        """How it was turned away."""
        return [message for message in self.heard if isinstance(message, Rejected)]

    def wire(self, other: Scripted, label: str = "orders") -> None:
        """Open a channel to ``other``, both ways, in memory."""
        mine, theirs = Connection(len(self._peers) + 1), Connection(len(other._peers) + 1)
        self._peers[mine], other._peers[theirs] = (other, theirs), (self, mine)
        other.step(was.AcceptRequested(connection=theirs))
        self.step(was.OpenRequested(connection=mine, key=label, label=label))

    def send(self, payload: str, label: str = "orders") -> None:
        """Send one message on the channel."""
        self.step(was.MessageSent(key=label, payload=payload))

    def receive(self, label: str = "orders") -> None:
        """Handle one message of the channel, in a turn that ends at once."""
        self.step(was.MessageWanted(key=label, turn=1))
        self.step(was.TurnEnded(turn=1))

    def release_parts(self) -> None:
        """Write the parts that were held back."""
        self.hold_parts = False
        held, self.held = self.held, []
        for effect in held:
            self._persist(effect)

    def say(self, text: str) -> None:
        """Say ``text`` to the coordinator, whatever it is."""
        self._outbox.put_nowait(text)

    @property
    def state(self) -> bytes:
        """What the next part will hold, or what was restored."""
        return self._state

    def set_state(self, data: bytes) -> None:
        """Change what the next part will hold."""
        self._state = data

    # --------------------------------------------------------------------------------------------------- inside

    def step(self, event: was.Event) -> None:
        """Drive the core."""
        for effect in self.process.step(event):
            self._start(effect)
        self._news.set()

    def _start(self, effect: ask.Effect) -> None:
        loop = asyncio.get_running_loop()
        match effect:
            case ask.SendToCoordinator():
                self._outbox.put_nowait(encode_control(effect.message))
            case ask.Transmit():
                loop.call_soon(self._transmit, effect.connection)
            case ask.Admitted():
                self._store, self._computation = effect.store, effect.computation
            case ask.PersistPart() if self.hold_parts:
                self.held.append(effect)
            case ask.PersistPart():
                self._persist(effect)
            case ask.StopActivity():
                loop.call_soon(self.step, was.ActivityStopped(incarnation=effect.incarnation))
            case ask.LoadPart():
                loop.call_soon(self._load, effect)
            case ask.RestoreState():
                self.restored.append(effect.cut)

    def _transmit(self, connection: Connection) -> None:
        peer, theirs = self._peers[connection]
        while frames := self.process.transmit(connection):
            for frame in frames:
                peer.step(was.FrameArrived(connection=theirs, frame=frame))

    def _persist(self, effect: ask.PersistPart) -> None:
        backend = open_backend(self._store)
        draft = Draft(
            process=self.name,
            life=self.process.identity.life,
            incarnation=self.process.incarnation,
            cut=effect.cut,
            computation=self._computation,
            values={"state": self._state},
            sessions=effect.sessions,
            boundary=effect.boundary,
        )
        summary = draft.write(backend, 0.001)
        if self.alter is not None:
            path = Path(urlsplit(self._store).path) / summary.packs[-1].name()
            path.write_bytes(self.alter(path.read_bytes()))
        self.step(was.PartPersisted(cut=effect.cut, summary=summary))

    def _load(self, effect: ask.LoadPart) -> None:
        prepare = effect.prepare
        self._store, self._computation = prepare.store, prepare.computation
        sessions: tuple[SessionRecord, ...] = ()
        if prepare.object:
            try:
                backend = open_backend(prepare.store)
                entries = read_manifest(backend, prepare.cut).parts
                part = read_part(backend, next(entry for entry in entries if entry.object == prepare.object))
            except StoreError as error:
                self.step(was.PartUnfit(incarnation=prepare.incarnation, reason=str(error)))
                return
            self._state, sessions = part.states[0].data, part.sessions
        self.step(was.PartLoaded(incarnation=prepare.incarnation, sessions=sessions))

    async def _listen(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        while True:
            message = await socket.receive()
            if message.type is aiohttp.WSMsgType.TEXT:
                said = decode_to_agent(message.data)
                self.heard.append(said)
                self.step(was.CoordinatorSaid(message=said))
            elif message.type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR):
                self.close_reason = str(message.extra or "closed")
                self._news.set()
                return
            self._news.set()

    async def _speak(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        with contextlib.suppress(ConnectionError):
            while True:
                await socket.send_str(await self._outbox.get())
