"""`Agent`: what a service holds. It declares the state, wraps the channels, and lives as long as the service does.

Creating an agent does nothing but check its arguments; everything begins with ``agent.context`` (a server's) or
``async with agent`` (a program's without one).
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
import os
import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from types import TracebackType
from typing import Any, TypeVar, overload

import aiohttp
from aiohttp import web

from cutpoint.access import ClientTls, Token
from cutpoint.access.sources import loaded_token
from cutpoint.errors import ConfigurationError, CutpointError, RolledBack, UsageError
from cutpoint.names import BEGINNING, FIRST_INCARNATION, Life, ProcessName, is_process_name
from cutpoint.protocol.events import CoordinatorSaid, LeaveRequested
from cutpoint.protocol.messages import Admit
from cutpoint.state import Derived, Hooks, Migrations, States, Table, Value
from cutpoint.store import KeyRing, loaded_keys
from cutpoint_agents.aiohttp_websocket import (
    Dialling,
    WrappedClient,
    WrappedServer,
    Wrapping,
    endpoint_of,
    install,
    wrap,
)
from cutpoint_agents.chance import AnyRandom, entropy
from cutpoint_agents.clock import Clock
from cutpoint_agents.control import Control
from cutpoint_agents.credentials import Credentials
from cutpoint_agents.driver import Driver
from cutpoint_agents.leaving import not_left
from cutpoint_agents.producer import TaskFunction
from cutpoint_agents.settings import LOG_NAME, Rollback, Settings
from cutpoint_agents.starting import wait_started, with_scheme
from cutpoint_agents.statistics import Statistics
from cutpoint_agents.surroundings import Surroundings
from cutpoint_agents.timers import Handler, Timer

log = logging.getLogger(LOG_NAME)

T = TypeVar("T")
TF = TypeVar("TF", bound=TaskFunction)
_GOING_AWAY = 1001


def _urls_of(coordinator: str | Sequence[str] | None) -> tuple[str, ...]:
    if coordinator is None:
        return ()
    urls = tuple(with_scheme(url) for url in ((coordinator,) if isinstance(coordinator, str) else coordinator))
    if not urls:
        raise ConfigurationError("coordinator is an empty list; name at least one URL, or None for no cuts")
    return urls


class Agent:
    """One process of a computation, inside a service.

    ``coordinator``: the URL of one coordinator (``http://`` may be left out), or of all that there are; ``None``: no
    cuts are taken.
    ``rollback``: how a recovery resets this process: ``"in-place"``, or ``"restart"``: it exits with status 75 and its
    supervisor starts it again. ``store``: where parts go, whatever the coordinator says. ``keys``: the keys, or the
    file of the keys, that authenticate what is restored, and open it; states in a format that runs code need them.
    ``token``: the agent's token, as its text or as a `Path` to its file; coordinators prove that they know it, are told
    nothing otherwise, and never get to see it. ``tls``: whom to believe behind an ``https`` URL. Raises
    `ConfigurationError` for an argument that cannot be meant.
    """

    def __init__(
        self,
        name: str,
        *,
        coordinator: str | Sequence[str] | None,
        rollback: Rollback = "in-place",
        window: int | None = None,
        store: str | None = None,
        keys: KeyRing | str | os.PathLike[str] | None = None,
        token: Token | str | os.PathLike[str] | None = None,
        tls: ClientTls | None = None,
        settings: Settings | None = None,
        chance: AnyRandom | None = None,
    ) -> None:
        if type(name) is not str or not is_process_name(name):
            raise ConfigurationError(
                f"{name!r} cannot name a process: take 1 to 100 letters, digits, '.', '_' and '-', "
                "a letter or digit first"
            )
        if rollback not in ("in-place", "restart"):
            raise ConfigurationError(f"rollback={rollback!r}: choose 'in-place' or 'restart'")
        settings = settings or Settings()
        if window is not None:
            settings = dataclasses.replace(settings, window_messages=window)
        self.name = ProcessName(name)
        self.life = Life(secrets.token_hex(8))
        self.settings = settings
        self._states = States()
        self._keys = loaded_keys(keys)
        self._chance = chance or entropy()
        self.driver = driver = Driver(
            name=self.name,
            life=self.life,
            states=self._states,
            settings=settings,
            rollback=rollback,
            store=store,
            keys=self._keys,
            chance=self._chance,
        )
        self._surroundings = Surroundings(
            self._states, entropy=self._chance, process=driver.process, turns=driver.turns, activity=driver.activity
        )
        self._dialling = Dialling(settings)
        driver.switchboard.dial_to = self._dialling.to
        self._urls = urls = _urls_of(coordinator)
        self._control = (
            Control(
                driver=self.driver,
                urls=urls,
                credentials=Credentials(loaded_token(token), tls),
                settings=settings,
                chance=self._chance,
            )
            if urls
            else None
        )
        self._started = False
        self._left = False

    # --------------------------------------------------------------------------------------------------------- state

    def table(
        self,
        name: str,
        *,
        version: int = 1,
        migrations: Migrations | None = None,
        format: str = "msgpack",  # noqa: A002
        check: bool = False,
    ) -> Table[Any, Any]:
        """Declare keyed values, recorded with every cut. It begins empty and is used like a dict.

        With ``check``, what is in memory is compared with what was stored after every cut, and a value that was
        changed in place without `Table.touch` or `Table.edit` is named in a warning.
        """
        return self._states.table(name, version=version, migrations=migrations or {}, format=format, check=check)

    def value(
        self,
        name: str,
        initial: T,
        *,
        version: int = 1,
        migrations: Migrations | None = None,
        format: str = "msgpack",  # noqa: A002
    ) -> Value[T]:
        """Declare one object, recorded with every cut."""
        return self._states.value(name, initial, version=version, migrations=migrations or {}, format=format)

    def state(
        self,
        name: str,
        *,
        capture: Callable[[], object],
        restore: Callable[[Any], object],
        version: int = 1,
        migrations: Migrations | None = None,
        format: str = "msgpack",  # noqa: A002
    ) -> Hooks:
        """Declare state that the program keeps itself; ``restore(None)`` means: begin anew."""
        return self._states.state(
            name, capture=capture, restore=restore, version=version, migrations=migrations or {}, format=format
        )

    def derived(self, name: str, *, rebuild: Callable[[], object]) -> Derived:
        """Declare state that is never stored; ``rebuild`` runs after every restore."""
        return self._states.derived(name, rebuild=rebuild)

    @property
    def random(self) -> AnyRandom:
        """Random numbers that are a part of the state: after a restore the same ones come again. Not for secrets."""
        return self._surroundings.chance.random

    @property
    def clock(self) -> Clock:
        """Time that is a part of the state: it never goes back, nor is it before what a restore brings back."""
        return self._surroundings.clock

    def timer(self, name: str) -> Callable[[Handler], Timer]:
        """``@agent.timer("expire")`` makes a function the handler of timers, which are a part of the state.

        It gives back a `Timer`: ``expire.set(17, seconds=900)`` calls ``expire`` with 17, in a turn of its own and
        once, whatever recovery comes in between.
        """
        if self._started:
            raise UsageError(f"timer {name!r} is declared after the start; declare every timer before it")
        return lambda handler: self._surroundings.timer(name, handler)

    # ------------------------------------------------------------------------------------------------------ channels

    @overload
    def wrap(self, ws: web.WebSocketResponse, *, name: str | None = None, boundary: bool = False) -> WrappedServer: ...

    @overload
    def wrap(
        self, ws: aiohttp.ClientWebSocketResponse, *, name: str | None = None, boundary: bool = False
    ) -> WrappedClient: ...

    @overload
    def wrap(self, ws: Any, *, name: str | None = None, boundary: bool = False) -> Wrapping: ...

    def wrap(self, ws: Any, *, name: str | None = None, boundary: bool = False) -> Any:
        """Make a WebSocket part of the computation; use what is returned as you would have used ``ws``.

        ``name`` replaces the URL's path as the channel's label. ``boundary=True``: the other end has no agent (a
        browser, a third party); the channel stays outside the cuts, and every recovery point lists it.
        """
        return wrap(self.driver, self._dialling, ws, name=name, boundary=boundary)

    def turn(self) -> contextlib.AbstractAsyncContextManager[None]:
        """``async with agent.turn():`` no state is recorded inside. Waits while a cut waits for turns to end."""
        return self.driver.turns.turn()

    def waiting(self, for_whom: Any = "", why: str = "") -> contextlib.AbstractAsyncContextManager[None]:
        """``async with agent.waiting(channel):`` this task does not go on until somebody else has done something.

        ``for_whom``: a wrapped WebSocket, the name of a process, or nothing: something in this process, such as a lock.
        Every recovery point holds what is waited for, ``why`` included: a deadlock shows in it. The open turn is set
        aside meanwhile, so state may be recorded; it has to say what is left to do after the wait.
        """
        return self._surroundings.waits.waiting(endpoint_of(for_whom) or for_whom, why)

    def task(self, function: TF) -> TF:
        """Run this async function whenever the process starts: at first, and again after each recovery.

        If it raises an exception it is started again after a pause, of 0.1 s at first and 5 s at most; if it returns,
        it is done until the next recovery. Channels that a run has opened are closed when it fails.
        """
        return self.driver.activity.declare(function)

    @property
    def failure(self) -> Exception | None:
        """The last exception that ended a function under ``@agent.task``; None once it has run well again for 5 s."""
        return self.driver.activity.failure

    @property
    def exit(self) -> Callable[[int], None]:
        """What ends the process when it has to be started again: ``os._exit``, unless you put something else here."""
        return self.driver.exit

    @exit.setter  # noqa: A003
    def exit(self, leave: Callable[[int], None]) -> None:
        self.driver.exit = leave

    def statistics(self) -> Statistics:
        """What happened so far."""
        process = self.driver.process
        return Statistics(
            name=self.name,
            life=self.life,
            phase=process.phase,
            incarnation=process.incarnation,
            cut=process.cut,
            connected=self._control is not None and self._control.connected,
            faults=self.driver.faults,
            process=process.statistics(),
            tasks_failed=self.driver.activity.tasks_failed,
            timers_failed=self._surroundings.timers.failed,
            loop_stalls=self._control.loop_watch.stalls if self._control else 0,
            loop_stall_longest_seconds=self._control.loop_watch.longest if self._control else 0.0,
        )

    # ------------------------------------------------------------------------------------------------------ lifetime

    async def context(self, app: web.Application) -> AsyncIterator[None]:
        """For ``app.cleanup_ctx``: the server listens only once this process is admitted, or restored and started.

        When the application ends, so does the agent, without a last word to its peers: unless `leave` was called, the
        coordinator takes it for lost.
        """
        self._begin()
        install(app, self.driver)
        app.on_shutdown.append(self._on_shutdown)
        try:
            await self._start()
            yield
        finally:
            await self._stop()

    async def __aenter__(self) -> Agent:
        self._begin()
        try:
            await self._start()
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        """Leave the computation if the program came to its end; a program that failed counts as lost."""
        try:
            if exc_type is None and not self._left:
                await self._leave_at_the_end()
        finally:
            await self._stop()

    async def _leave_at_the_end(self) -> None:
        if not self.driver.running:
            log.warning("%s ends in the middle of a recovery and cannot leave; it counts as lost", self.name)
            return
        try:
            await self.leave()
        except CutpointError as error:
            log.warning("%s ends all the same: %s", self.name, error)

    async def leave(self) -> None:
        """Close all channels in an orderly way and leave the computation for good; the running task's turn ends.

        Returns once a recovery point has released this process, so that it is not missed. Raises `CutpointError`,
        saying what to do, if that takes longer than ``leave_seconds``, and `RolledBack` if a recovery comes first. From
        the call on no channel can be opened. Without a coordinator, only the channels are closed.
        """
        driver = self.driver
        if not driver.running:
            raise UsageError(f"{self.name} does not run, so it cannot leave")
        seconds, loop = self.settings.leave_seconds, asyncio.get_running_loop()
        deadline = loop.time() + seconds
        self._left = True
        driver.turns.end_of(asyncio.current_task())
        driver.leaving.begin()
        driver.step(LeaveRequested())
        await driver.switchboard.close_sessions(_GOING_AWAY, f"{self.name} leaves", deadline_seconds=seconds)
        if self._control is None:
            driver.leaving.released = not driver.open_channels()
            deadline = loop.time()
        try:
            left = await driver.leaving.wait_released(deadline_seconds=max(0.0, deadline - loop.time()))
        except RolledBack:
            self._left = False
            raise
        if not left:
            raise not_left(self.name, open_channels=driver.open_channels(), said=driver.leaving.said, seconds=seconds)

    async def _on_shutdown(self, _app: web.Application) -> None:
        await self.driver.stop("the service ends")

    def _begin(self) -> None:
        if self._started:
            raise UsageError(f"the agent {self.name} was started before; make a new one")
        if self._control is not None:
            self._check_keys()
        self._started = True
        self._states.seal()

    def _check_keys(self) -> None:
        """Raise `ConfigurationError` if a restore could run what nobody has vouched for."""
        if self._states.unsafe and (self._keys is None or not self._keys.trusted):
            name, format_ = self._states.unsafe[0]
            raise ConfigurationError(
                f"state {name!r} of {self.name} is kept as {format_}, and reading that runs what its bytes say; "
                "nothing was started; give the coordinator keys (--keys keys.json, made by `cutpoint keys generate`) "
                'and this agent what verifies them: Agent(..., keys="public.json"), or keep the state as msgpack'
            )

    async def _start(self) -> None:
        if self._control is None:
            self.driver.step(CoordinatorSaid(message=_ADMITTED_BY_NOBODY))
            return
        self._control.start()
        await wait_started(
            self._control,
            self.driver,
            urls=self._urls,
            report_seconds=self.settings.report_seconds,
        )

    async def _stop(self) -> None:
        await self.driver.stop("the process ends")
        if self._control is not None:
            await self._control.stop()
        await self.driver.background.end()
        await self._dialling.close()


_ADMITTED_BY_NOBODY = Admit(computation="", incarnation=FIRST_INCARNATION, cut=BEGINNING, base=BEGINNING, store="")

__all__ = ["Agent", "CutpointError", "Statistics"]
