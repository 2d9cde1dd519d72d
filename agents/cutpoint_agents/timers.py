"""Timers as a part of a process's state: what was set before a cut is due after its restore, and fires once.

A timer is known by its name and arguments. It fires in a turn of its own, in which it first ceases to be; state is
recorded only between turns, so every cut holds either the timer, or all that its handler did, never both. What was
due before the cut, or while no process ran, fires as soon as the process runs again. Timers fire one after another, in
the order in which they are due; those that are due at one moment, in the order in which they were set.

This is for what must survive a recovery. Nothing here measures short times well: a cut holds timers up.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import inspect
import logging
from collections.abc import Callable
from typing import Any

from cutpoint.errors import ConfigurationError, UsageError
from cutpoint.names import is_process_name
from cutpoint.state import BuiltIn, format_named
from cutpoint.wire.checks import one_line
from cutpoint_agents.clock import MOMENT_MAX, Clock
from cutpoint_agents.pending import Key, Pending, parse_entries
from cutpoint_agents.producer import is_from_outside, told
from cutpoint_agents.settings import LOG_NAME
from cutpoint_agents.turns import Turns

log = logging.getLogger(LOG_NAME)

_PLAIN = format_named("msgpack")
_LOOK_AGAIN_SECONDS = 60.0
"""How long to wait at most before the clock is read again: a host's clock may be set."""

Handler = Callable[..., object]


class Timer:
    """Timers of one name: as many as there are different arguments. ``handler`` is called with them, plain or async.

    Its other attributes are its part as the owner of a turn.
    """

    turns_over = False

    def __init__(self, timers: Timers, name: str, handler: Handler) -> None:
        self.name = name
        self.handler = handler
        self.title = f"timer {name}"
        self._timers = timers

    def set(self, *arguments: Any, seconds: float | None = None, at: float | datetime.datetime | None = None) -> None:
        """Fire in ``seconds``, or ``at`` a moment of `Agent.clock`; instead of the same timer set before.

        ``arguments`` are plain data. Raises `UsageError` for a time that cannot be meant, `ConfigurationError` for
        arguments that cannot be recorded; nothing is set then.
        """
        self._timers.set(self._key(arguments), _due(self.title, self._timers.clock, seconds, at))

    def cancel(self, *arguments: Any) -> bool:
        """Unset the timer; False if there was none."""
        return self._timers.cancel(self._key(arguments))

    def due(self, *arguments: Any) -> float | None:
        """When it fires, as `Clock.time` tells time; ``None`` if it is not set."""
        return self._timers.pending.due(self._key(arguments))

    def _key(self, arguments: tuple[Any, ...]) -> Key:
        return self.name, _PLAIN.encode(arguments, f"an argument of {self.title}")


class Timers:
    """All timers of one process. ``failed`` counts the handlers that have raised."""

    def __init__(self, *, clock: Clock, turns: Turns) -> None:
        self.clock = clock
        self.failed = 0
        self.pending = Pending()
        self._turns = turns
        self._declared: dict[str, Timer] = {}
        self._unclaimed: dict[Key, float] = {}
        self._news = asyncio.Event()

    @property
    def declared(self) -> bool:
        """Whether the program has any."""
        return bool(self._declared)

    def declare(self, name: str, handler: Handler) -> Timer:
        """Timers called ``name`` fire by calling ``handler``."""
        if type(name) is not str or not is_process_name(name):
            raise ConfigurationError(
                f"{one_line(repr(name))} cannot name a timer: take 1 to 100 letters, digits, '.', '_' and '-', "
                "a letter or digit first"
            )
        if name in self._declared:
            raise ConfigurationError(f"timer {name!r} is declared twice; give one of the two another name")
        if not callable(handler):
            raise ConfigurationError(f"timer {name!r} needs a function, not {type(handler).__name__}")
        timer = self._declared[name] = Timer(self, name, handler)
        return timer

    def set(self, key: Key, due: float) -> None:
        """Fire ``key`` when the clock shows ``due``, and not when it was due before."""
        self.pending.put(key, due)
        self._news.set()

    def cancel(self, key: Key) -> bool:
        """Do not fire ``key``; False if it was not set."""
        return self.pending.drop(key)

    # ------------------------------------------------------------------------------------------------------- firing

    async def run(self) -> None:
        """Fire every timer that is due, until cancelled."""
        while True:
            self._news.clear()
            first = self.pending.first()
            if first is None:
                await self._news.wait()
            elif (seconds := first[1] - self.clock.time()) > 0:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(min(seconds, _LOOK_AGAIN_SECONDS)):
                        await self._news.wait()
            else:
                await self._fire(*first)
                await asyncio.sleep(0)

    async def _fire(self, key: Key, due: float) -> None:
        timer = self._declared[key[0]]
        turn = await self._turns.open(timer)
        try:
            if self.pending.due(key) == due:
                self.pending.drop(key)
                await self._call(timer, key)
        finally:
            self._turns.finish(turn)

    async def _call(self, timer: Timer, key: Key) -> None:
        try:
            done = timer.handler(*_PLAIN.decode(key[1], timer.title))
            if inspect.isawaitable(done):
                await done
        except Exception as error:  # the program's own code
            self.failed += 1
            traceback = None if is_from_outside(error) else error
            text = "%s failed: %s; it has fired and does not fire again by itself"
            # whoever listens may judge it for themselves
            log.error(text, timer.title, told(error), exc_info=traceback, extra={"error": error})

    # -------------------------------------------------------------------------------------------------------- state

    def built_in(self) -> BuiltIn:
        """How they are recorded and restored."""
        return BuiltIn(capture=self._capture, parse=parse_entries, restore=self._restore)

    def _capture(self) -> object:
        entries = (*self.pending.entries(), *self._unclaimed.items())
        return [[name, arguments, due] for (name, arguments), due in entries] or None

    def _restore(self, recorded: Any) -> None:
        entries: dict[Key, float] = recorded or {}
        self.pending.replace({key: due for key, due in entries.items() if key[0] in self._declared})
        self._unclaimed = {key: due for key, due in entries.items() if key[0] not in self._declared}
        if self._unclaimed:
            names = ", ".join(dict.fromkeys(repr(name) for name, _ in self._unclaimed))
            log.warning("timers %s were recorded and are not declared: they are kept and do not fire", names)
        self._news.set()


def _due(title: str, clock: Clock, seconds: float | None, at: float | datetime.datetime | None) -> float:
    """The moment that is meant. Raises `UsageError`."""
    if (seconds is None) == (at is None):
        raise UsageError(f"{title}: say either seconds=... or at=...; nothing was set")
    if isinstance(at, datetime.datetime):
        if at.utcoffset() is None:
            raise UsageError(f"{title}: at={at} has no time zone; nothing was set; give one, datetime.UTC for instance")
        at = at.timestamp()
    number: object = seconds if at is None else at
    if not isinstance(number, int | float) or not 0 <= number <= MOMENT_MAX:
        raise UsageError(f"{title}: {number!r} is no time; nothing was set; give a number of seconds from 0")
    return float(number) if seconds is None else min(MOMENT_MAX, clock.time() + number)
