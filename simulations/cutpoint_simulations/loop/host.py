"""One simulated host: a process with a network address, clocks and a disk, that can be killed and started again.

Each life has an event loop of its own. What a life leaves behind when it is killed, tasks in the middle of a line and
all, can reach nothing any more: no socket, no disk, no other host.
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
import random
import signal as signals
import socket
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, NoReturn

from cutpoint_simulations.loop.clock import Clock
from cutpoint_simulations.loop.current import running
from cutpoint_simulations.loop.ends import HostExit, Unhandled
from cutpoint_simulations.loop.event_loop import HostLoop
from cutpoint_simulations.loop.network import Network
from cutpoint_simulations.loop.selector import HostSelector, Pollable
from cutpoint_simulations.loop.threads import Threads, current_thread
from cutpoint_simulations.refusal import NotSimulated, not_simulated

if TYPE_CHECKING:
    from cutpoint_simulations.loop.simulation import Simulation

Main = Callable[[], Coroutine[Any, Any, Any]]
READINGS_MAX = 1_000_000
"""How often a clock may be read in one turn."""

_SIGINT = int(signals.SIGINT)
_SERVICES = {"http": 80, "https": 443}
INTERRUPTED = 130
"""The status of a process that SIGINT has ended, as a shell sees it."""


class Host:
    """``main`` is called at each start and awaited on the new loop; when it ends, so does the life.

    A life that ends by itself, with ``main`` or by `sys.exit`, ends as under `asyncio.run`: the other tasks are
    cancelled first and have their say.

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
        self.pid = 0
        self.alive = False
        self.reachable = True
        self.paused = False
        self.statuses: list[int] = []
        self.signals: dict[int, Callable[[], object]] = {}
        self.chance = random.Random(f"{simulation.seed}/{name}")
        self.files = simulation.mount(machine)
        self.loop: HostLoop | None = None
        self._woken_for: float | None = None
        self._wake = 0
        self._busy_until = 0.0
        self._takes_turn = False
        self._begin_again()

    def _begin_again(self) -> None:
        """Forget everything that a process has of its own."""
        seed = f"{self.simulation.seed}/{self.name}/{self.life}"
        self.entropy = random.Random(seed)
        self.random = random.Random(f"{seed}/random")
        self.last_uuids: dict[str, int | None] = {}
        self.signals.clear()
        self.at_exit: list[functools.partial[Any]] = []
        self._context = contextvars.Context()
        self._readings = 0
        self._main_task: asyncio.Task[Any] | None = None
        self._ending = self._interrupted = False
        self._sockets: dict[int, Pollable] = {}
        self.threads = Threads(self)

    # -------------------------------------------------------------------------------------------------- life, death

    def start(self, main: Main | None = None) -> None:
        """A new life, once the turn in which it has died is over. Does nothing if it lives."""
        self.main = main or self.main
        if self.alive:
            return
        if running.host is self:
            self.simulation.agenda.after(0.0, self.start)
            return
        self.life += 1
        self.pid = self.simulation.next_pid()
        self.alive, self.reachable, self.paused = True, True, False
        self.files = self.simulation.mount(self.machine)
        self._begin_again()
        self.files.before_call = self.threads.preempt
        self._woken_for = None  # a turn that was planned for the former life will not be this one's
        self.loop = HostLoop(self, HostSelector(self, self._sockets.get), shuffled=self.simulation.shuffled)
        self.simulation.happened("start", self, f"life {self.life}")
        self.network.is_up(self)
        if self.main is not None:
            self._main_task = self.spawn(self._live(self.main))
        self.wake()

    def spawn(self, coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run a coroutine on this host beside its main one."""
        assert self.loop is not None, f"{self.name} was never started"
        previous, running.host = running.host, self
        try:
            task: asyncio.Task[Any] = self.loop.create_task(coroutine, context=self._context.copy())
        finally:
            running.host = previous
        self.wake()
        return task

    async def _live(self, main: Main) -> None:
        status = 0
        try:
            await main()
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:
            if self._ending:
                raise
            if isinstance(error, asyncio.CancelledError) and self._interrupted:
                status = INTERRUPTED
            else:
                status = 1
                self.unhandled({"message": f"{self.name} ended with {type(error).__name__}", "exception": error})
        if not self._ending:
            self.exits(SystemExit(status))

    async def _wind_up(self, status: int) -> None:
        """What `asyncio.run` does at the end: every other task is cancelled and has its say."""
        assert self.loop is not None
        tasks = [task for task in self.loop.tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        for outcome in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(outcome, Exception):
                self.unhandled({"message": f"an exception while {self.name} was ending", "exception": outcome})
        await self.loop.shutdown_asyncgens()
        while self.at_exit:
            self.at_exit.pop()()
        raise HostExit(status)

    def forget_at_exit(self, function: Callable[..., Any]) -> None:
        """`atexit.unregister`."""
        self.at_exit = [call for call in self.at_exit if call.func != function]

    def kill(self, reason: str = "kill -9", *, power: bool = False) -> None:
        """The process is gone, between two lines. With ``power`` its machine is: see `Simulation.lose_power`."""
        if self.alive:
            self.network.died(self, politely=not power)
            self._end(reason)
        if power:
            self.reachable = False

    def ended(self, status: int) -> None:
        """The process has ended by itself, at once."""
        if self.alive:
            self.statuses.append(status)
            self._report_failures()
            self.kill(f"ends with status {status}")

    def exits(self, end: SystemExit) -> None:
        """The process ends by itself: at once if it is gone already or was ending, else in good order."""
        status = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
        if isinstance(end, HostExit) or self._ending:
            self.ended(status)
        elif self.alive:
            self._ending = True
            self.spawn(self._wind_up(status))

    def lives(self, life: int) -> bool:
        """Whether this life, of whatever number, is the present one and not over."""
        return self.alive and self.life == life

    def _stops(self, life: int) -> bool:
        return not self.alive or self.life != life or self.paused

    def _end(self, reason: str) -> None:
        self.alive = False
        self.files.kill()
        if self.loop is not None:
            self.loop.bury()
            self.simulation.dead_loops.append(self.loop)
            self.simulation.dead_threads.append((self, self.threads))
        self.simulation.happened("end", self, reason)
        if self.restart_seconds is not None:
            self.simulation.agenda.after(self.restart_seconds, self._restart, self.life)

    def _restart(self, life: int) -> None:
        if self.life == life:
            self.start()

    def _report_failures(self) -> None:
        """The exceptions that nobody has asked for, as `asyncio` logs them when a task is let go of."""
        for error in self.loop.failures() if self.loop is not None else ():
            self.unhandled({"message": "Task exception was never retrieved", "exception": error})

    def is_over(self) -> None:
        """The simulation is over, and the process with it: nobody hears of that."""
        if self.alive:
            assert self.loop is not None
            self._report_failures()
            self.alive = False
            self.files.kill()
            self.loop.bury()
            self.simulation.dead_loops.append(self.loop)
            self.simulation.dead_threads.append((self, self.threads))

    def pause(self) -> None:
        """SIGSTOP: it does nothing, and its connections stay open."""
        self.paused = True

    def resume(self) -> None:
        """SIGCONT."""
        self.paused = False
        self.threads.resume()
        self.wake()

    def terminate(self, signal: int = 15) -> None:
        """SIGTERM: what the process has said it will do then; without a handler it ends. SIGINT cancels ``main``."""
        if not self.alive:
            return
        handler = self.signals.get(signal)
        if handler is not None:
            handler()
        elif signal == _SIGINT and self._main_task is not None and not self._interrupted:
            self._interrupted = True
            self._main_task.cancel()
        else:
            self.kill(f"ended by signal {signal}")
        self.wake()

    # -------------------------------------------------------------------------------------------------------- turns

    def wake(self) -> None:
        """Have a turn soon."""
        if not self._takes_turn:
            self._plan(max(self.simulation.agenda.now, self._busy_until))

    def _plan(self, when: float) -> None:
        if self.alive and not self.paused and (self._woken_for is None or when < self._woken_for):
            self._woken_for = when
            self._wake += 1
            self.simulation.agenda.at(when, self._turn, self._wake)

    def _turn(self, wake: int) -> None:
        """One turn of the loop, and the next ones too as long as nothing else happens before them."""
        if wake != self._wake:
            return
        self._woken_for = None
        life, loop, simulation = self.life, self.loop, self.simulation
        if not self.alive or self.paused or loop is None:
            return
        clock, chance, agenda, goes_on = self.clock, self.chance.random, simulation.agenda, simulation.goes_on
        simulation.stage.enter(self, loop)
        self._takes_turn = True
        try:
            while True:
                try:
                    count = loop.iterate()
                except SystemExit as end:
                    self.exits(end)
                    count = 0
                self._busy_until = agenda.now + simulation.turn_seconds * (1 + 2 * chance())
                if clock.slept_seconds:
                    self._busy_until += clock.slept_seconds
                    clock.slept_seconds = 0.0
                self._readings = 0
                simulation.turned(self.number, count)
                if self._stops(life) or (when := loop.next_turn(self._busy_until)) is None:
                    return
                if not goes_on(when, self, loop):
                    break
                agenda.now = when
        finally:
            self._takes_turn = False
            simulation.stage.leave()
        self._plan(when)

    def ready(self, descriptor: int) -> None:
        """The socket with this descriptor may have become ready."""
        if self.loop is not None:
            self.loop.mark(descriptor)
            self.wake()

    def reads_clock(self) -> None:
        """Time passes between turns: who goes on reading within one waits for ever, and is refused."""
        self._readings += 1
        if self._readings > READINGS_MAX:
            self._readings = 0
            self.refuse(not_simulated("a wait that reads the clock again and again", "use asyncio.sleep or time.sleep"))

    def sleeps(self, seconds: float) -> None:
        """`time.sleep`: the thread does nothing else for so long; in an event loop, the whole process."""
        if seconds < 0:
            raise ValueError("sleep length must be non-negative")
        self._readings = 0
        if (thread := current_thread()) is not None:
            thread.pause(seconds / self.clock.rate)
            return
        self.clock.slept_seconds += seconds / self.clock.rate

    # -------------------------------------------------------------------------------------- what surrounds a process

    def own(self, descriptor: int, pollable: Pollable) -> None:
        """A socket of this life."""
        self._sockets[descriptor] = pollable

    def disown(self, descriptor: int, pollable: Pollable) -> None:
        """It is closed."""
        if self._sockets.get(descriptor) is pollable:
            del self._sockets[descriptor]

    def addresses(
        self,
        host: Any,
        port: Any,
        family: int = 0,
        type: int = 0,  # noqa: A002
        proto: int = 0,
        flags: int = 0,
    ) -> list[Any]:
        """As `socket.getaddrinfo`: one TCP address over IPv4. Raises `socket.gaierror` for whatever there is not."""
        name = host.decode() if isinstance(host, bytes) else host
        number = int(port or 0) if str(port or 0).isdecimal() else _SERVICES.get(str(port))
        if number is None:
            raise socket.gaierror(socket.EAI_SERVICE, f"no service is called {port}")
        if family not in (0, socket.AF_INET) or type not in (0, socket.SOCK_STREAM):
            raise socket.gaierror(socket.EAI_FAMILY, "simulated hosts have TCP over IPv4 only")
        try:
            ip = self.network.resolve(name or ("0.0.0.0" if flags & socket.AI_PASSIVE else "127.0.0.1"), self)
        except OSError as error:
            raise socket.gaierror(socket.EAI_NONAME, str(error.strerror)) from None
        return [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (ip, number))]

    def refuse(self, error: NotSimulated) -> NoReturn:
        """Something real was asked for: the run ends with ``error``, even if the program catches it."""
        if self.alive:
            self.simulation.refused.append(error)
        raise error

    def unhandled(self, context: dict[str, Any]) -> None:
        """An exception that nobody caught. The dead are not heard."""
        if self.alive:
            now, message = self.simulation.agenda.now, str(context.get("message", ""))
            told = Unhandled(at=now, host=self.name, message=message, error=context.get("exception"))
            self.simulation.unhandled.append(told)

    def __repr__(self) -> str:
        return f"<host {self.name}, {'alive' if self.alive else 'dead'}, life {self.life}>"


__all__ = ["Host", "HostExit", "Main", "Unhandled"]
