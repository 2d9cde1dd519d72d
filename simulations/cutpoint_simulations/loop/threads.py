"""The threads of one life of a simulated host: what is given to an executor runs a moment later, all at once.

Nothing else happens while it runs; what happens before it, and before its end is heard of, is up to chance. An executor
with one thread runs what it is given in order.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from cutpoint_simulations.loop.ends import HostExit

if TYPE_CHECKING:
    from cutpoint_simulations.loop.host import Host

THREAD_SECONDS = 0.002
"""The longest that work in a thread waits before it begins, and again before its end is heard of."""


class Threads:
    """``host``'s, in the life that it has now."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._life = host.life
        self._not_before: dict[int, tuple[Any, float]] = {}
        self._stopped: list[tuple[Any, ...]] = []

    def run(self, executor: Any, function: Callable[..., Any], arguments: tuple[Any, ...], future: Any) -> None:
        """Call ``function`` a moment later and give ``future`` what came of it, another moment later."""
        begins = self._host.simulation.agenda.now + self._host.clock.slept_seconds + self._moment()
        if getattr(executor, "_max_workers", 0) == 1:
            _, not_before = self._not_before.get(id(executor), (executor, 0.0))
            begins = max(begins, not_before)
            self._not_before[id(executor)] = executor, begins
        self._host.simulation.agenda.at(begins, self._begin, executor, function, arguments, future)

    def resume(self) -> None:
        """The host was paused: what would have begun meanwhile begins now."""
        stopped, self._stopped = self._stopped, []
        for begun in stopped:
            self._begin(*begun)

    def _moment(self) -> float:
        return self._host.chance.random() ** 2 * THREAD_SECONDS

    def _begin(self, executor: Any, function: Callable[..., Any], arguments: tuple[Any, ...], future: Any) -> None:
        host = self._host
        if not host.lives(self._life) or future.cancelled():
            return
        if host.paused:
            self._stopped.append((executor, function, arguments, future))
            return
        result: Any = None
        error: BaseException | None = None
        with host.simulation.running(host):
            try:
                result = function(*arguments)
            except HostExit:
                return
            except KeyboardInterrupt:
                raise
            except BaseException as raised:
                error = raised
        slept, host.clock.slept_seconds = host.clock.slept_seconds, 0.0
        now = host.simulation.agenda.now
        if id(executor) in self._not_before:
            self._not_before[id(executor)] = executor, now + slept
        host.simulation.agenda.at(now + slept + self._moment(), self._end, future, result, error)

    def _end(self, future: Any, result: Any, error: BaseException | None) -> None:
        if self._host.lives(self._life) and self._host.loop is not None:
            self._host.loop.call_soon_threadsafe(_settle, future, result, error)


def _settle(future: Any, result: Any, error: BaseException | None) -> None:
    if future.done():
        return
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(result)
