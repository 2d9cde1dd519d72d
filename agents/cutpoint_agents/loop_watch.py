"""Who holds the event loop, told from a thread of its own while the loop cannot tell anything.

A turn that waits is found out by the loop itself. One that blocks (a sleep that is not awaited, a long calculation, a
call to a disk that does not answer) keeps the whole process silent, the control connection included. So a thread looks
whether the loop still turns, and if it does not, reads where it stands. It touches nothing of the service and holds no
lock of its own; it cannot see into what holds the interpreter's own lock.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import time
from collections.abc import Callable

from cutpoint.protocol.holdups import HoldUp, clipped
from cutpoint_agents.settings import LOG_NAME
from cutpoint_agents.turns import AnyTask
from cutpoint_agents.whereabouts import whereabouts_of_loop

log = logging.getLogger(LOG_NAME)


class LoopWatch:
    """Watches the event loop that it is started on. ``seconds``: how long the loop may be held before that is told.

    ``title_of`` names the channel whose message a task handles; ``held`` hears, on the thread, what holds the loop and
    for how long so far, again and again until the loop turns. ``stalls`` counts how often it was held, ``longest`` is
    in seconds.
    """

    def __init__(
        self, *, seconds: float, title_of: Callable[[AnyTask | None], str], held: Callable[[HoldUp, float], None]
    ) -> None:
        self.stalls = 0
        self.longest = 0.0
        self._seconds = seconds
        self._title_of = title_of
        self._held = held
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread_id = 0
        self._timer: asyncio.TimerHandle | None = None
        self._last = 0.0
        self._stopped = threading.Event()

    def start(self) -> None:
        """Watch the running loop from now on. A simulated host has no such thread."""
        self._loop, self._thread_id = asyncio.get_running_loop(), threading.get_ident()
        self._beat()
        threading.Thread(target=self._watch, name="cutpoint loop watch", daemon=True).start()

    def stop(self) -> None:
        """Look no more."""
        self._stopped.set()
        if self._timer is not None:
            self._timer.cancel()

    def _beat(self) -> None:
        assert self._loop is not None
        self._last = time.monotonic()
        self._timer = self._loop.call_later(self._seconds / 2, self._beat)

    def _watch(self) -> None:
        noted = 0.0
        while not self._stopped.wait(self._seconds / 2):
            last = self._last
            silent = time.monotonic() - last
            if silent < self._seconds or (what := self._look(silent)) is None:
                continue
            if noted != last:
                noted = last
                self.stalls += 1
                log.warning("%s", what.text)
            self.longest = max(self.longest, silent)
            self._held(what, silent)

    def _look(self, seconds: float) -> HoldUp | None:
        """Where the loop stands; None if it only waits for something to do."""
        where = whereabouts_of_loop(sys._current_frames().get(self._thread_id))
        if where is None:
            return None
        assert self._loop is not None
        channel = self._title_of(asyncio.current_task(self._loop))
        turn = f"a turn of {channel} in " if channel else ""
        text = f"its event loop has not turned for {seconds:.1f} s: {turn}{where} does not let go of it"
        return HoldUp(kind="loop", text=clipped(text), channel=channel, handler=where.handler, place=where.place)
