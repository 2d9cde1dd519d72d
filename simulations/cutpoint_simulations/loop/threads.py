"""The threads of one life of a simulated host: what is given to an executor runs beside the event loop.

A thread runs until it waits: for a lock, a condition, a moment. Everything else goes on meanwhile, and so it does where
a thread is preempted: just before it asks for the disk, if chance will have it and it holds no lock. In between nothing
else happens. What happens before it begins, and before its end is heard of, is up to chance. An executor with one
thread runs what it is given in order.

Each is a greenlet on the process's one real thread. One that has not ended when its life has stays where it is, and is
unwound with the simulation: like everything that is left of the dead, it reaches nothing any more.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from greenlet import getcurrent, greenlet

from cutpoint_simulations.disk.gate import Stopped
from cutpoint_simulations.loop.ends import HostExit
from cutpoint_simulations.refusal import Line, Work, begins_work, name_of

if TYPE_CHECKING:
    from cutpoint_simulations.loop.host import Host

THREAD_SECONDS = 0.002
"""The longest that work in a thread waits before it begins, and again before its end is heard of."""


def _work(local: Mapping[str, Any]) -> Work:
    thread: Thread = local["self"]
    return Work(host=thread.host.name, name=name_of(thread.function), asked=thread.asked)


class Thread(greenlet):  # type: ignore[misc]
    """One call of ``function``, handed over at ``asked``. ``locks``: how many simulated locks it holds."""

    def __init__(
        self, threads: Threads, executor: Any, function: Callable[[], Any], future: Any, asked: Line | None
    ) -> None:
        super().__init__()
        self.host = threads.host
        self.function = function
        self.asked = asked
        self.executor = executor
        self.future = future
        self.locks = 0
        self.result: Any = None
        self.error: BaseException | None = None
        self.exited = False
        self._threads = threads
        self._pauses = 0
        self._woken = False

    @begins_work(_work)
    def run(self) -> None:
        """The greenlet's own: call the function and keep what came of it."""
        try:
            self.result = self.function()
        except HostExit:
            self.exited = True
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            self.error = error

    def pause(self, seconds: float | None = None) -> bool:
        """Let everything else go on until `wake`, or for so many virtual seconds. Whether it was woken."""
        self._threads.demand_life()
        self._pauses += 1
        self._woken = False
        if seconds is not None:
            self._threads.go_on_after(seconds, self, self._pauses)
        self.parent.switch()
        self._threads.demand_life()
        return self._woken

    def wake(self) -> None:
        """End its pause a moment later."""
        self._woken = True
        self._threads.go_on_after(self._threads.moment(), self, self._pauses)

    def pauses_still(self, pause: int) -> bool:
        """Whether this is the pause that it is in; the next call ends it."""
        if pause != self._pauses:
            return False
        self._pauses += 1
        return True


def current_thread() -> Thread | None:
    """The simulated thread that runs now; None in an event loop, and outside of every host."""
    thread = getcurrent()
    return thread if type(thread) is Thread else None


class Threads:
    """``host``'s, in the life that it has now."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self._life = host.life
        self._queues: dict[int, tuple[Any, list[Callable[[], None]]]] = {}
        self._standing: dict[Thread, None] = {}
        self._stopped: list[Callable[[], None]] = []
        self._chance = random.Random(f"{host.simulation.seed}/{host.name}/{host.life}/threads")

    def run(self, executor: Any, function: Callable[[], Any], future: Any, asked: Line | None) -> None:
        """Call ``function`` a moment later and give ``future`` what came of it, another moment later.

        ``asked``: the line of the program that wants it, for what is refused meanwhile.
        """
        simulation = self.host.simulation
        begins = simulation.agenda.now + self.host.clock.slept_seconds + self.moment()
        thread = Thread(self, executor, function, future, asked)

        def begin_later() -> None:
            simulation.agenda.at(max(begins, simulation.agenda.now), self._begin, thread)

        if getattr(executor, "_max_workers", 0) != 1:
            begin_later()
            return
        _, queue = self._queues.setdefault(id(executor), (executor, []))
        queue.append(begin_later)
        if len(queue) == 1:
            begin_later()

    def resume(self) -> None:
        """The host was paused: what would have gone on meanwhile goes on now."""
        stopped, self._stopped = self._stopped, []
        for go_on in stopped:
            go_on()

    def preempt(self) -> None:
        """The host is about to ask for its disk: a thread may lose its turn here."""
        share = self.host.simulation.preempted
        thread = current_thread() if share else None
        if thread is not None and not thread.locks and self._chance.random() < share:
            thread.pause(self._chance.random() ** 2 * THREAD_SECONDS)

    def moment(self) -> float:
        """How long something waits for its turn."""
        return self.host.chance.random() ** 2 * THREAD_SECONDS

    def go_on_after(self, seconds: float, thread: Thread, pause: int) -> None:
        """End a pause of ``thread`` after so many seconds, if it has not ended before."""
        agenda = self.host.simulation.agenda
        agenda.at(agenda.now + seconds, self._end_pause, thread, pause)

    def demand_life(self) -> None:
        """What is left of the dead gets no further."""
        if not self.host.lives(self._life):
            raise Stopped

    def discard(self) -> None:
        """The simulation is over: let go of what is left."""
        standing, self._standing = self._standing, {}
        for thread in standing:
            thread.parent = getcurrent()
            thread.throw(Stopped())

    def _begin(self, thread: Thread) -> None:
        if self.host.paused:
            self._stopped.append(lambda: self._begin(thread))
        elif self.host.lives(self._life):
            if thread.future.cancelled():
                self._next_of(thread.executor)
            else:
                self._go_on(thread)

    def _end_pause(self, thread: Thread, pause: int) -> None:
        if self.host.paused:
            self._stopped.append(lambda: self._end_pause(thread, pause))
        elif self.host.lives(self._life) and thread.pauses_still(pause):
            self._go_on(thread)

    def _go_on(self, thread: Thread) -> None:
        self._standing[thread] = None
        with self.host.simulation.running(self.host):
            thread.parent = getcurrent()
            thread.switch()
        if thread.dead:
            del self._standing[thread]
            self._ended(thread)

    def _ended(self, thread: Thread) -> None:
        if thread.exited:
            return
        host, agenda = self.host, self.host.simulation.agenda
        slept, host.clock.slept_seconds = host.clock.slept_seconds, 0.0
        agenda.at(agenda.now + slept + self.moment(), self._tell, thread.future, thread.result, thread.error)
        if id(thread.executor) in self._queues:
            agenda.at(agenda.now + slept, self._next_of, thread.executor)

    def _next_of(self, executor: Any) -> None:
        """An executor with one thread begins with what it was given next."""
        _, queue = self._queues.get(id(executor), (None, []))
        if queue:
            queue.pop(0)
        if queue:
            queue[0]()

    def _tell(self, future: Any, result: Any, error: BaseException | None) -> None:
        if self.host.lives(self._life) and self.host.loop is not None:
            self.host.loop.call_soon_threadsafe(_settle, future, result, error)


def _settle(future: Any, result: Any, error: BaseException | None) -> None:
    if future.done():
        return
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(result)
