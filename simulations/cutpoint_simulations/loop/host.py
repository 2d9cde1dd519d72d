"""One simulated host: a process with a network address, clocks and a disk, that can be killed and started again.

Each life has an event loop of its own. What a life leaves behind when it is killed, tasks in the middle of a line and
all, can reach nothing any more: no socket, no disk, no other host.
"""

from __future__ import annotations

import asyncio
import dataclasses
import random
import socket
import traceback
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, NoReturn

from cutpoint_simulations.loop import current
from cutpoint_simulations.loop.clock import Clock
from cutpoint_simulations.loop.event_loop import HostLoop
from cutpoint_simulations.loop.network import Network
from cutpoint_simulations.loop.selector import HostSelector, Pollable
from cutpoint_simulations.refusal import NotSimulated

if TYPE_CHECKING:
    from cutpoint_simulations.loop.simulation import Simulation

Main = Callable[[], Coroutine[Any, Any, Any]]
TURN_SECONDS = 20e-6
"""The least that a turn of an event loop takes; the most is thrice that."""

THREAD_SECONDS = 0.002
"""The longest that work in a thread waits before it begins, and again before its end is heard of."""


class HostExit(SystemExit):
    """The process ends at once, as `os._exit` ends it."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Unhandled:
    """What an event loop's exception handler was told."""

    at: float
    host: str
    message: str
    error: BaseException | None

    def __str__(self) -> str:
        told = "" if self.error is None else "".join(traceback.format_exception(self.error)).rstrip()
        return f"{self.at:.6f} {self.host}: {self.message}\n{told}"


class Host:
    """``main`` is called at each start and awaited on the new loop; when it ends, so does the life.

    ``machine``: hosts of one machine share its disk. ``files`` is that disk as the present life sees it.
    ``restart_seconds``: how long after an end it is started again; None: never by itself.
    """

    def __init__(
        self,
        simulation: Simulation,
        name: str,
        *,
        number: int,
        machine: str,
        main: Main | None = None,
        restart_seconds: float | None = None,
    ) -> None:
        self.name = name
        self.number = number
        self.ip = f"10.0.{number // 250}.{number % 250 + 1}"
        self.simulation = simulation
        self.network: Network = simulation.network
        self.clock = Clock(agenda=simulation.agenda, epoch=simulation.epoch)
        self.machine = machine
        self.disk = simulation.disk(machine)
        self.main = main
        self.restart_seconds = restart_seconds
        self.life = 0
        self.alive = False
        self.reachable = True
        self.paused = False
        self.statuses: list[int] = []
        self.signals: dict[int, Callable[[], object]] = {}
        self.chance = random.Random(f"{simulation.seed}/{name}")
        self.entropy = random.Random(f"{simulation.seed}/{name}/0")
        self.loop: HostLoop | None = None
        self._sockets: dict[int, Pollable] = {}
        self._woken_for: float | None = None
        self._wake = 0
        self._busy_until = 0.0
        self._single: dict[int, float] = {}
        self.files = self.disk.mount()

    # -------------------------------------------------------------------------------------------------- life, death

    def start(self, main: Main | None = None) -> None:
        """A new life. Does nothing if it lives."""
        self.main = main or self.main
        if self.alive:
            return
        self.life += 1
        self.alive, self.reachable, self.paused = True, True, False
        self.files = self.disk.mount()
        self.signals.clear()
        self._single.clear()
        self._sockets = {}
        self.entropy = random.Random(f"{self.simulation.seed}/{self.name}/{self.life}")
        self.loop = HostLoop(self, HostSelector(self._sockets.get, self.chance), shuffled=self.simulation.shuffled)
        self.simulation.happened("start", self, f"life {self.life}")
        if self.main is not None:
            self.spawn(self._live(self.main))
        self.wake()

    def spawn(self, coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run a coroutine on this host beside its main one."""
        assert self.loop is not None, f"{self.name} was never started"
        previous, current.host = current.host, self
        try:
            task: asyncio.Task[Any] = self.loop.create_task(coroutine)
        finally:
            current.host = previous
        self.wake()
        return task

    async def _live(self, main: Main) -> None:
        try:
            await main()
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:
            self.unhandled({"message": f"{self.name} ended with {type(error).__name__}", "exception": error})
            raise SystemExit(1) from error
        raise SystemExit(0)

    def kill(self, reason: str = "kill -9", *, power: bool = False) -> None:
        """The process is gone, between two lines. With ``power`` its machine is: see `Simulation.lose_power`."""
        if self.alive:
            self.network.died(self, politely=not power)
            self._end(reason)
            self.reachable = not power

    def ended(self, status: int) -> None:
        """The process has ended by itself."""
        self.statuses.append(status)
        self.kill(f"ends with status {status}")

    def _exited(self, end: SystemExit, life: int) -> None:
        if self._lives(life):
            self.ended(end.code if isinstance(end.code, int) else 0 if end.code is None else 1)

    def _lives(self, life: int) -> bool:
        return self.alive and self.life == life

    def _end(self, reason: str) -> None:
        self.alive = False
        self.files.kill()
        if self.loop is not None:
            self.simulation.dead_loops.append(self.loop)
        self.simulation.happened("end", self, reason)
        if self.restart_seconds is not None:
            life = self.life
            self.simulation.agenda.after(self.restart_seconds, lambda: self.start() if self.life == life else None)

    def pause(self) -> None:
        """SIGSTOP: it does nothing, and its connections stay open."""
        self.paused = True

    def resume(self) -> None:
        """SIGCONT."""
        self.paused = False
        self.wake()

    def terminate(self, signal: int = 15) -> None:
        """SIGTERM: what the process has said it will do then; without a handler it ends."""
        handler = self.signals.get(signal)
        if handler is None:
            self.kill(f"ended by signal {signal}")
        else:
            handler()
            self.wake()

    # -------------------------------------------------------------------------------------------------------- turns

    def wake(self) -> None:
        """Have a turn soon."""
        self._plan(max(self.simulation.agenda.now, self._busy_until))

    def _plan(self, when: float) -> None:
        if self.alive and not self.paused and (self._woken_for is None or when < self._woken_for):
            self._woken_for = when
            self._wake += 1
            wake, life = self._wake, self.life
            self.simulation.agenda.at(when, lambda: self._turn(wake, life))

    def _turn(self, wake: int, life: int) -> None:
        if wake != self._wake or life != self.life or not self.alive or self.paused:
            if wake == self._wake:
                self._woken_for = None
            return
        self._woken_for = None
        loop = self.loop
        assert loop is not None
        count = 0
        with self.simulation.running(self, loop):
            try:
                count = loop.iterate()
            except SystemExit as end:
                self._exited(end, life)
        self.simulation.turned(self, count)
        if self._lives(life):
            self._plan_next(loop)

    def _plan_next(self, loop: HostLoop) -> None:
        now = self.simulation.agenda.now
        self._busy_until = max(self._busy_until, now + TURN_SECONDS * (1 + 2 * self.chance.random()))
        if loop.wants_turn:
            self._plan(self._busy_until)
        elif (timer := loop.next_timer) is not None:
            self._plan(max(self._busy_until, self.clock.true_time(timer)))

    def ready(self, descriptor: int) -> None:
        """The socket with this descriptor may have become ready."""
        if self.loop is not None:
            self.loop.mark(descriptor)
            self.wake()

    def sleeps(self, seconds: float) -> None:
        """The process does nothing else for so long: `time.sleep` in an event loop."""
        self._busy_until = max(self._busy_until, self.simulation.agenda.now) + seconds

    # ------------------------------------------------------------------------------------------------------ threads

    def in_thread(self, executor: Any, func: Callable[..., Any], args: tuple[Any, ...], future: Any) -> None:
        """Run ``func`` a moment later and give ``future`` what came of it, another moment later."""
        agenda, life = self.simulation.agenda, self.life
        begins = agenda.now + self.chance.random() ** 2 * THREAD_SECONDS
        if getattr(executor, "_max_workers", 0) == 1:
            begins = max(begins, self._single.get(id(executor), 0.0))
            self._single[id(executor)] = begins + 1e-9
        agenda.at(begins, lambda: self._in_thread(life, func, args, future))

    def _in_thread(self, life: int, func: Callable[..., Any], args: tuple[Any, ...], future: Any) -> None:
        if not self._lives(life):
            return
        agenda = self.simulation.agenda
        if self.paused:
            agenda.after(THREAD_SECONDS, lambda: self._in_thread(life, func, args, future))
            return
        result: Any = None
        error: BaseException | None = None
        with self.simulation.running(self):
            try:
                result = func(*args)
            except SystemExit as end:
                self._exited(end, life)
                return
            except KeyboardInterrupt:
                raise
            except BaseException as raised:
                error = raised
        agenda.after(self.chance.random() ** 2 * THREAD_SECONDS, lambda: self._heard(life, future, result, error))

    def _heard(self, life: int, future: Any, result: Any, error: BaseException | None) -> None:
        if self._lives(life) and self.loop is not None:
            self.loop.call_soon(_settle, future, result, error)
            self.wake()

    # -------------------------------------------------------------------------------------- what surrounds a process

    def own(self, descriptor: int, pollable: Pollable) -> None:
        """A socket of this life."""
        self._sockets[descriptor] = pollable

    def addresses(self, host: Any, port: Any, **options: Any) -> list[Any]:
        """As `socket.getaddrinfo`: one TCP address over IPv4. Raises `socket.gaierror` for an unknown name."""
        name = host.decode() if isinstance(host, bytes) else host
        passive = options.get("flags", 0) & socket.AI_PASSIVE
        try:
            ip = self.network.resolve(name or ("0.0.0.0" if passive else "127.0.0.1"), self)
        except OSError as error:
            raise socket.gaierror(socket.EAI_NONAME, str(error.strerror)) from None
        return [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (ip, int(port or 0)))]

    def refuse(self, error: NotSimulated) -> NoReturn:
        """Something real was asked for: the run ends with ``error``, even if the program catches it."""
        self.simulation.refused.append(error)
        raise error

    def unhandled(self, context: dict[str, Any]) -> None:
        """An exception that nobody caught."""
        error = context.get("exception")
        self.simulation.unhandled.append(
            Unhandled(
                at=self.simulation.agenda.now, host=self.name, message=str(context.get("message", "")), error=error
            )
        )

    def __repr__(self) -> str:
        return f"<host {self.name}, {'alive' if self.alive else 'dead'}, life {self.life}>"


def _settle(future: Any, result: Any, error: BaseException | None) -> None:
    if future.done():
        return
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(result)
