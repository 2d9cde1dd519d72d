"""How fast background work on a store goes on: never while there is something better to do, and never too fast.

The caller's own clock and sleep can be put in, so that tests and simulations need no real time.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

PAUSE_SECONDS = 0.1
"""How often somebody who pauses is asked whether it is over."""


def never() -> bool:
    """The answer of who neither pauses nor stops anything."""
    return False


@dataclass(kw_only=True)
class Pace:
    """Who says when the next step may be taken.

    ``pause``: asked before each step, which waits for as long as the answer is true. ``stop``: once it is true, no
    further step is taken. ``per_second``: at most so many steps; ``None`` for no limit.
    """

    pause: Callable[[], bool] = never
    stop: Callable[[], bool] = never
    per_second: float | None = None
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    _next: float = field(default=float("-inf"), init=False)

    def go_on(self) -> bool:
        """Wait until the next step may be taken; whether it may be taken at all."""
        while not self.stop():
            wait = PAUSE_SECONDS if self.pause() else self._next - self.clock()
            if wait <= 0:
                if self.per_second:
                    self._next = self.clock() + 1 / self.per_second
                return True
            self.sleep(min(wait, PAUSE_SECONDS))
        return False
