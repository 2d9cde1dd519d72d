"""The control connection: one WebSocket to the coordinator that leads, kept up for as long as the agent lives.

Nothing that the application does waits for it once the process runs. A connection that is lost is made again, at once
with the next coordinator (see `rota`) and with growing pauses when all have been asked; the core repeats what the
coordinator may have missed. What changes is logged once, not at every attempt.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Sequence
from urllib.parse import urlsplit

import aiohttp

from cutpoint.access import tls_complaint
from cutpoint.errors import ConfigurationError, CoordinatorUnreachable, CutpointError, ProtocolViolation
from cutpoint.protocol.events import CoordinatorConnected, CoordinatorSaid
from cutpoint.protocol.holdups import HoldUp, LoopHeld
from cutpoint.protocol.messages import Rejected, ToCoordinator
from cutpoint.wire import CONTROL_BYTES_MAX, decode_to_agent, encode_control
from cutpoint_agents.backoff import Backoff
from cutpoint_agents.credentials import Credentials, asking
from cutpoint_agents.driver import Driver
from cutpoint_agents.loop_report import report
from cutpoint_agents.loop_watch import LoopWatch
from cutpoint_agents.rota import Rota
from cutpoint_agents.settings import LOG_NAME, Settings

log = logging.getLogger(LOG_NAME)

AGENTS_PATH = "/v1/agents"
UNREACHED = "Cutpoint-Unreached"
"""The header with the address of a leader that was named and could not be reached."""

_BUSY = frozenset((408, 425, 429, 500, 502, 503, 504))
_DENIED = frozenset((401, 403))
_MOST_SECONDS = 1.0
_FIRST_SECONDS = 0.1
_LONG_SECONDS = 2.0
"""A connection that lasted this long was a good one: the next is made without a pause."""


class Control:
    """Keeps one process in touch with its coordinators, which it believes by ``credentials``."""

    def __init__(
        self,
        *,
        driver: Driver,
        urls: Sequence[str],
        credentials: Credentials,
        settings: Settings,
        chance: random.Random,
    ) -> None:
        self._driver = driver
        self._rota = Rota([check_url(url) for url in urls])
        self.credentials = credentials
        self._settings = settings
        self._backoff = Backoff(first_seconds=_FIRST_SECONDS, most_seconds=_MOST_SECONDS, chance=chance)
        self._outbox: asyncio.Queue[str] | None = None
        self._told = ""
        self._faults_told: dict[str, None] = {}
        self._met = False
        self._task: asyncio.Task[None] | None = None
        self._rejection: tuple[str, bool] | None = None
        self._at = ""
        self.loop_watch = LoopWatch(
            seconds=settings.loop_held_seconds, title_of=driver.turns.title_of, held=self._loop_held
        )
        self.waiting_for = "the coordinator"
        self.failed: asyncio.Future[CutpointError] | None = None
        driver.tell = self.tell
        driver.turned_away = self._turned_away

    @property
    def connected(self) -> bool:
        """Whether a control connection stands now."""
        return self._outbox is not None

    def start(self) -> None:
        """Connect, and keep connected."""
        loop = asyncio.get_running_loop()
        self.failed = loop.create_future()
        self._task = loop.create_task(self._keep_connected(), name="cutpoint control")
        self.loop_watch.start()

    async def stop(self) -> None:
        """Close the control connection, after what was told has been sent."""
        self.loop_watch.stop()
        if self._outbox is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1.0):
                    await self._outbox.join()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait((self._task,))

    def tell(self, message: ToCoordinator) -> bool:
        """Send ``message`` if there is a connection; drop it and return False if not: the core repeats what matters."""
        if self._outbox is None:
            return False
        self._outbox.put_nowait(encode_control(message))
        return True

    def _loop_held(self, what: HoldUp, seconds: float) -> None:
        """On a thread: the loop cannot say this itself."""
        identity, at = self._driver.process.identity, self._at
        if at:
            held = LoopHeld(process=identity.name, life=identity.life, seconds=seconds, what=what)
            report(at, self.credentials, held)

    def _turned_away(self, reason: str, waiting_helps: bool) -> None:
        self._rejection = (reason, waiting_helps)

    # --------------------------------------------------------------------------------------------------- connecting

    async def _keep_connected(self) -> None:
        loop = asyncio.get_running_loop()
        timeout = aiohttp.ClientTimeout(total=None, connect=self._settings.connect_seconds)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            while True:
                url, began = self._rota.next(), loop.time()
                try:
                    await self._converse(session, url)
                except CoordinatorUnreachable as error:
                    self._say(logging.WARNING, str(error))
                except CutpointError as error:
                    if not self._driver.leaving.released:
                        self._wrong(error)
                except Exception as error:
                    self._fault(error, url)
                if self._driver.leaving.released or (self.failed is not None and self.failed.done()):
                    return
                if loop.time() - began >= _LONG_SECONDS:
                    self._backoff.reset()
                if self._rota.turn_over():
                    await asyncio.sleep(self._backoff.pause())

    async def _converse(self, session: aiohttp.ClientSession, url: str) -> None:
        """One connection from beginning to end. Raises how it ended."""
        self._rejection = None
        exchange = self.credentials.begin()
        unreached = self._rota.unreached
        try:
            async with asyncio.timeout(self._settings.connect_seconds):
                connection = await session.ws_connect(
                    url + AGENTS_PATH,
                    heartbeat=self._settings.heartbeat_seconds,
                    max_msg_size=CONTROL_BYTES_MAX,
                    headers={**asking(exchange), **({UNREACHED: unreached} if unreached else {})},
                    ssl=self.credentials.context(url) or True,
                )
        except aiohttp.ClientResponseError as error:
            raise _misfit(url, error.status) from error
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            self._rota.silent(url)
            raise CoordinatorUnreachable(
                f"no coordinator answers at {url} ({_words(error)}); start it, or correct the URL; "
                "this agent goes on trying"
            ) from error
        async with connection:
            if exchange is not None:
                await self.credentials.prove(exchange, connection, url, self._settings.connect_seconds)
            await self._talk(connection, url)

    async def _talk(self, connection: aiohttp.ClientWebSocketResponse, url: str) -> None:
        self._outbox, self._at = asyncio.Queue(), url
        writer = asyncio.get_running_loop().create_task(_send_all(connection, self._outbox))
        try:
            self.waiting_for = f"the coordinator at {url} to admit this process"
            self._driver.reporting.every(0.0)  # whoever answers now asks for it, if it wants it
            self._driver.step(CoordinatorConnected())
            await self._listen(connection, url)
        finally:
            self._outbox, self._at = None, ""
            writer.cancel()
            await asyncio.wait((writer,))
        raise CoordinatorUnreachable(
            f"the connection to the coordinator at {url} is lost; the service runs on, this agent connects again"
        )

    async def _listen(self, connection: aiohttp.ClientWebSocketResponse, url: str) -> None:
        async for message in connection:
            if message.type is aiohttp.WSMsgType.ERROR and not isinstance(message.data, aiohttp.WebSocketError):
                log.debug("the connection to the coordinator at %s broke: %s", url, message.data)
                return
            if message.type is not aiohttp.WSMsgType.TEXT:
                raise ConfigurationError(f"what answers at {url} is not a coordinator: it sent {message.type.name}")
            try:
                said = decode_to_agent(message.data)
            except ProtocolViolation as error:
                raise ConfigurationError(
                    f"what answers at {url} is not a coordinator of this version: {error}"
                ) from error
            if isinstance(said, Rejected):
                self._rota.named(url, said.leader)
            else:
                self._rota.found(url)
            self._driver.step(CoordinatorSaid(message=said))
            if self._rejection is not None:
                reason, waiting_helps = self._rejection
                if self._driver.leaving.said and not waiting_helps:
                    self._driver.leaving.release()
                error_type = CoordinatorUnreachable if waiting_helps else ConfigurationError
                raise error_type(f"the coordinator at {url} turned this process away: {reason}")
            if not self._met or self._told:
                self._met = True
                self._say(logging.INFO, "")
                log.info("in touch with the coordinator at %s", url)
            self.waiting_for = ""

    # ------------------------------------------------------------------------------------------------------ telling

    def _say(self, level: int, what: str) -> None:
        """Log a change once, not at every attempt."""
        if what:
            self.waiting_for = what
        if what and what != self._told:
            log.log(level, "%s", what)
        self._told = what

    def _fault(self, error: Exception, url: str) -> None:
        """A bug of Cutpoint's own: count it, tell the first of its kind in full, and connect again."""
        self._driver.faults += 1
        kind = type(error).__name__
        what = f"talking to the coordinator at {url} failed for an unforeseen reason ({kind}: {error})"
        self.waiting_for = what
        if kind not in self._faults_told:
            self._faults_told[kind] = None
            log.error("%s; the service runs on, this agent connects again", what, exc_info=error)

    def _wrong(self, error: CutpointError) -> None:
        """What answers will not do. A process that does not run yet fails; one that runs keeps on trying."""
        if self._driver.running or self._met:
            self._say(logging.ERROR, f"{error}; the service runs on, this agent goes on trying")
        elif self.failed is not None and not self.failed.done():
            self.failed.set_result(error)


async def _send_all(connection: aiohttp.ClientWebSocketResponse, outbox: asyncio.Queue[str]) -> None:
    """Send what is told, in order; a lost connection is noticed by the reader."""
    while True:
        text = await outbox.get()
        try:
            await connection.send_str(text)
        except (OSError, aiohttp.ClientError) as error:
            log.debug("telling the coordinator failed: %s", error)
        finally:
            outbox.task_done()


def check_url(url: str) -> str:
    """``url`` without a trailing slash. Raises `ConfigurationError` unless it is one of a coordinator."""
    try:
        parts = urlsplit(str(url))
        sound = parts.scheme in ("http", "https", "ws", "wss") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        sound = False
    if not sound:
        raise ConfigurationError(f"{url!r} is no coordinator's URL; write it as http://host:7420")
    return url.rstrip("/")


def _misfit(url: str, status: int) -> CutpointError:
    if status in _BUSY:
        return CoordinatorUnreachable(
            f"the coordinator at {url} is not ready (HTTP {status}); this agent goes on trying"
        )
    if status in _DENIED:
        return ConfigurationError(
            f"the coordinator at {url} denies this agent (HTTP {status}); correct Agent(token=...)"
        )
    return ConfigurationError(
        f"what answers at {url} is not a coordinator (HTTP {status} for {AGENTS_PATH}); correct the URL"
    )


def _words(error: BaseException) -> str:
    if isinstance(error, aiohttp.ClientSSLError):
        return f"its certificate is not believed: {tls_complaint(error)}"
    if isinstance(error, aiohttp.ClientConnectorError):
        return error.os_error.strerror or str(error.os_error)
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return str(error) or type(error).__name__
