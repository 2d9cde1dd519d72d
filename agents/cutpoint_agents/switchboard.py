"""Which connection carries which session, for one process: the meeting place of transports, endpoints and the core.

Adapters bring transports in here and take endpoints away; the core's effects on channels end here. Whether a
session may be opened, resumed or must end is never decided here.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from cutpoint.errors import CutpointError, RolledBack, UsageError
from cutpoint.protocol import effects as ask
from cutpoint.protocol import events as was
from cutpoint.protocol.messages import Welcome
from cutpoint.protocol.process import Process
from cutpoint_agents.background import Background
from cutpoint_agents.connection import NORMAL, PROTOCOL_ERROR, Connection, without_agent
from cutpoint_agents.dialling import Redialler
from cutpoint_agents.endpoint import Endpoint, SessionBroken
from cutpoint_agents.reporting import Sent
from cutpoint_agents.settings import LOG_NAME, Settings
from cutpoint_agents.transport import Dial, Transport
from cutpoint_agents.turns import AnyTask, Turns

log = logging.getLogger(LOG_NAME)

_GOING_AWAY = 1001
_GOODBYE_SECONDS = 1.0


class BoundaryEnd(Protocol):
    """A channel to somebody without an agent."""

    def roll_back(self) -> None:
        """A recovery ends it: close the connection."""


class Switchboard:
    """All connections and endpoints of one process. ``step`` gives an event to the core."""

    def __init__(
        self,
        *,
        process: Process,
        step: Callable[[was.Event], None],
        turns: Turns,
        background: Background,
        settings: Settings,
        chance: random.Random,
    ) -> None:
        self.process = process
        self.step = step
        self.turns = turns
        self.background = background
        self.settings = settings
        self.running = False
        self.stopped = False
        self.sent = Sent()
        self.dial_to: Callable[[str], Dial] | None = None
        self._redialler = Redialler(
            settings=settings,
            chance=chance,
            background=background,
            redialled=self._redialled,
            hopeless=self._hopeless,
        )
        self._endpoints: dict[str, Endpoint] = {}
        self._connections: dict[int, Connection] = {}
        self.stuck: dict[AnyTask, str] = {}
        self._boundaries: dict[BoundaryEnd, str] = {}
        self._last_connection = 0
        self._hold_watchers: list[asyncio.Future[None]] = []
        self.effects: Mapping[type[ask.Effect], Callable[[Any], None]] = {
            ask.Transmit: self._transmit,
            ask.CloseConnection: self._close_connection,
            ask.AttachConnection: self._attach_connection,
            ask.SessionEstablished: self._session_established,
            ask.Redial: self._redial,
            ask.Reopen: self._reopen,
            ask.SessionEnded: self._session_ended,
            ask.WakeReceiver: self._wake_receiver,
            ask.WakeSenders: self._wake_senders,
        }

    # ------------------------------------------------------------------------------------------ channels of adapters

    def open(
        self, transport: Transport, *, label: str, key: str, dial: Dial, address: str, close_seconds: float
    ) -> Endpoint:
        """A connection that this process opened shall carry a session. ``dial_to(address)`` connects it later."""
        self._need_running("open a channel")
        if self.process.identity.leaving:
            name = self.process.identity.name
            raise UsageError(f"{name} is leaving the computation and opens no more channels; nothing was sent")
        endpoint = Endpoint(self, label=label, key=key, dial=dial, close_seconds=close_seconds)
        self._endpoints[key] = endpoint
        connection = self._connect(transport, endpoint)
        self.step(was.OpenRequested(connection=connection.number, key=key, label=label, address=address))
        self._expect_words(connection, self.settings.welcome_seconds)
        return endpoint

    def accept(self, transport: Transport, *, label: str, close_seconds: float) -> Endpoint:
        """A connection that a peer opened shall carry a session: a Hello is expected."""
        self._need_running("accept a channel")
        endpoint = Endpoint(self, label=label, key=None, dial=None, close_seconds=close_seconds)
        connection = self._connect(transport, endpoint)
        self.step(was.AcceptRequested(connection=connection.number))
        self._expect_words(connection, self.settings.hello_seconds)
        return endpoint

    def carry(self, transport: Transport) -> Connection:
        """A connection on which a peer resumes an older session."""
        connection = self._connect(transport, None)
        self.step(was.AcceptRequested(connection=connection.number))
        self._expect_words(connection, self.settings.hello_seconds)
        return connection

    def boundary_opened(self, end: BoundaryEnd, label: str) -> None:
        """``end`` lies outside the cuts; every recovery point will list ``label``."""
        self._boundaries[end] = label
        self._tell_boundaries()

    def boundary_closed(self, end: BoundaryEnd) -> None:
        """``end`` is no more."""
        if self._boundaries.pop(end, None) is not None:
            self._tell_boundaries()

    def _tell_boundaries(self) -> None:
        self.step(was.BoundaryChanged(channels=tuple(sorted(set(self._boundaries.values())))))

    def _need_running(self, what: str) -> None:
        if self.running:
            return
        name = self.process.identity.name
        if self.stopped:  # a task may get that far before it is cancelled: nobody's fault
            raise RolledBack(f"{name} cannot {what}: its agent has ended; nothing was sent")
        if self.process.phase == "absent":
            raise UsageError(
                f"{name} cannot {what}: its agent has not started; "
                "add agent.context to app.cleanup_ctx, or use 'async with agent'"
            )
        raise RolledBack(f"{name} cannot {what} while it is being restored; nothing was sent; try again")

    def _connect(self, transport: Transport, endpoint: Endpoint | None) -> Connection:
        self._last_connection += 1
        connection = Connection(number=self._last_connection, transport=transport, board=self, endpoint=endpoint)
        self._connections[connection.number] = connection
        if endpoint is not None:
            endpoint.connection = connection
        return connection

    def _expect_words(self, connection: Connection, seconds: float) -> None:
        def check() -> None:
            endpoint = connection.endpoint
            if connection.lost or connection.spoken or (endpoint is not None and endpoint.over):
                return
            error = without_agent(connection.title, f"said nothing for {seconds:g} seconds")
            log.error("%s", error)
            connection.close(PROTOCOL_ERROR, "this end speaks Cutpoint")
            if endpoint is not None:
                self.give_up(endpoint, error)

        timer = asyncio.get_running_loop().call_later(seconds, check)
        connection.pump_task.add_done_callback(lambda _: timer.cancel())

    def _redialled(self, endpoint: Endpoint, transport: Transport) -> None:
        if self.stopped or endpoint.gone or endpoint.key is None:
            transport.abort()
            return
        connection = self._connect(transport, None)
        connection.endpoint = endpoint
        self.step(was.Redialled(connection=connection.number, key=endpoint.key))
        self._expect_words(connection, self.settings.welcome_seconds)

    def give_up(self, endpoint: Endpoint, error: CutpointError) -> None:
        """Fail an endpoint that nobody has answered; one that was answered before is connected again instead."""
        if endpoint.key is not None and not self._unanswered(endpoint):
            return
        endpoint.fail(error)
        if endpoint.key is not None:
            self.step(was.OpenGivenUp(key=endpoint.key, reason=str(error)))

    def _unanswered(self, endpoint: Endpoint) -> bool:
        """Whether this process has opened the session and its peer may never have heard of it."""
        session = None if endpoint.key is None else self.process.session(endpoint.key)
        return session is not None and session.initiator and session.opening and not session.name

    def _hopeless(self, endpoint: Endpoint) -> bool:
        """Whether to stop connecting a session that nobody has answered: no cut could be taken as long as it opens."""
        if not self._unanswered(endpoint):
            return False
        waited = asyncio.get_running_loop().time() - endpoint.opened_at
        error: CutpointError
        if endpoint.silent >= self.settings.silent_connections_max:
            error = without_agent(endpoint.title, f"ended {endpoint.silent} connections without a word")
        elif waited >= self.settings.welcome_seconds:
            error = SessionBroken(
                f"{endpoint.title}: nobody has answered for {waited:.0f} seconds; nothing was delivered; open it again"
            )
        else:
            return False
        log.error("%s", error)
        self.give_up(endpoint, error)
        return True

    def welcome_arrives(self, connection: Connection, welcome: Welcome) -> None:
        """The core will learn the peer's limit and may record at once: number now what has waited for it."""
        endpoint = connection.endpoint
        if endpoint is not None and not endpoint.answered and not endpoint.gone and self._unanswered(endpoint):
            endpoint.answer(welcome.message_bytes_max)

    def connection_lost(self, connection: Connection) -> None:
        """Nothing more comes from this connection."""
        self._connections.pop(connection.number, None)
        endpoint = connection.endpoint
        if connection.carried_for is not None:
            connection.carried_for.end("")
        if endpoint is not None and endpoint.connection is connection:
            endpoint.connection = None
            self._judge(connection, endpoint)
        self.step(was.ConnectionLost(connection=connection.number))
        if endpoint is not None and endpoint.key is None:
            endpoint.end("the connection was lost before the peer said hello")

    def _judge(self, connection: Connection, endpoint: Endpoint) -> None:
        """Pause before the next connection, unless this one was of use."""
        session = None if endpoint.key is None else self.process.session(endpoint.key)
        endpoint.silent = 0 if connection.spoken else endpoint.silent + 1
        if session is None or endpoint.pauses is None:
            return
        if connection.served(session, long_seconds=self.settings.redial_most_seconds):
            endpoint.pauses.reset()

    # ------------------------------------------------------------------------------------------- effects on channels

    def _transmit(self, effect: ask.Transmit) -> None:
        if (connection := self._connections.get(effect.connection)) is not None:
            connection.wake()

    def _close_connection(self, effect: ask.CloseConnection) -> None:
        if (connection := self._connections.get(effect.connection)) is None:
            return
        if effect.violation:
            log.error("%s: %s; the connection is closed", connection.title, effect.reason)
        connection.close(PROTOCOL_ERROR if effect.violation else NORMAL, effect.reason)

    def _attach_connection(self, effect: ask.AttachConnection) -> None:
        if (connection := self._connections.get(effect.connection)) is None:
            return
        known = self._endpoints.get(effect.key)
        wrapped = connection.endpoint
        if known is None and wrapped is not None and wrapped.key is None:
            self._endpoints[effect.key] = wrapped
            wrapped.connection = connection
            wrapped.attached(effect.key, self.process.message_bytes_max(effect.key))
            return
        if known is None:
            connection.close(PROTOCOL_ERROR, "nobody serves this session")
            return
        if wrapped is not None and wrapped is not known:
            connection.carried_for = wrapped
            wrapped.connection = None
        connection.endpoint = known
        known.connection = connection
        if (session := self.process.session(effect.key)) is not None:
            connection.carries(session)

    def _session_established(self, effect: ask.SessionEstablished) -> None:
        if (endpoint := self._endpoints.get(effect.key)) is not None:
            endpoint.name = effect.session

    def _redial(self, effect: ask.Redial) -> None:
        endpoint = self._endpoints.get(effect.key)
        if endpoint is not None and not endpoint.gone and not self.stopped and not self._hopeless(endpoint):
            self._redialler.start(endpoint)

    def _reopen(self, effect: ask.Reopen) -> None:
        """Finish a session that the application had closed: what it sent before is still to be delivered."""
        if self.dial_to is None or not effect.address:
            log.error("a session that was closed before the recovery has no address; what was under way stays recorded")
            return
        endpoint = Endpoint(
            self,
            label=effect.address,
            key=effect.key,
            dial=self.dial_to(effect.address),
            close_seconds=self.settings.close_seconds,
        )
        endpoint.only_drain()
        self._endpoints[effect.key] = endpoint
        self._redialler.start(endpoint)

    def _session_ended(self, effect: ask.SessionEnded) -> None:
        self._redialler.stop(effect.key)
        endpoint = self._endpoints.pop(effect.key, None)
        if endpoint is None:
            return
        if effect.reason and not endpoint.closed:
            log.warning("%s has ended: %s", endpoint.title, effect.reason)
        endpoint.end(effect.reason)

    def _wake_receiver(self, effect: ask.WakeReceiver) -> None:
        if (endpoint := self._endpoints.get(effect.key)) is not None:
            endpoint.wake_receiver()

    def _wake_senders(self, effect: ask.WakeSenders) -> None:
        if (endpoint := self._endpoints.get(effect.key)) is not None:
            endpoint.wake_senders()

    # ------------------------------------------------------------------------------------------------- for the driver

    @property
    def turns_held(self) -> asyncio.Future[None]:
        """Done as soon as a cut waits for open turns."""
        watcher = asyncio.get_running_loop().create_future()
        if self.process.holding:
            watcher.set_result(None)
        else:
            self._hold_watchers = [w for w in self._hold_watchers if not w.done()] + [watcher]
        return watcher

    def stepped(self) -> None:
        """The core has taken an event: tell those who watch for turns being held."""
        if self._hold_watchers and self.process.holding:
            watchers, self._hold_watchers = self._hold_watchers, []
            for watcher in watchers:
                if not watcher.done():
                    watcher.set_result(None)

    def unnumbered(self) -> str:
        """The channel with messages that wait for their peer's answer and so have no number yet; empty if none."""
        for endpoint in self._all_endpoints():
            if endpoint.unnumbered:
                return endpoint.title
        return ""

    def _all_endpoints(self) -> tuple[Endpoint, ...]:
        wrapped = (c.endpoint for c in self._connections.values() if c.endpoint is not None)
        return tuple(dict.fromkeys((*self._endpoints.values(), *wrapped)))

    def end_incarnation(self, code: int, reason: str) -> None:
        """Break all channels; nothing of it waits."""
        self.running = False
        self._redialler.stop_all()
        for endpoint in self._all_endpoints():
            endpoint.roll_back()
        self._endpoints.clear()
        for end in tuple(self._boundaries):
            end.roll_back()
        for connection in tuple(self._connections.values()):
            if connection.carried_for is not None:
                connection.carried_for.roll_back()
            connection.close(code, reason)

    async def close_sessions(self, code: int, reason: str, *, deadline_seconds: float) -> None:
        """Close every session in an orderly way, and wait for the other ends, as long as each channel allows."""
        closing = [self.background.spawn(endpoint.finish(code, reason)) for endpoint in self._endpoints.values()]
        if closing:
            await asyncio.wait(closing, timeout=deadline_seconds)
        for task in closing:
            task.cancel()

    async def stop(self, reason: str) -> None:
        """End everything without a last word: peers see lost connections, as after a crash."""
        self.stopped = True
        connections = tuple(self._connections.values())
        self.end_incarnation(_GOING_AWAY, reason)
        if connections:
            await asyncio.wait([c.pump_task for c in connections], timeout=_GOODBYE_SECONDS)
        for connection in connections:
            connection.abort()
