"""Waiting while somebody is busy, but not for ever: who never rests is not waited for at every step."""

from __future__ import annotations

import time
from collections.abc import Callable

WAIT_SECONDS_MAX = 5.0
"""How long one step waits at most."""


class Patience:
    """Asked before each step: true while ``busy`` is, for at most ``seconds`` without a break."""

    def __init__(
        self,
        busy: Callable[[], bool],
        *,
        seconds: float = WAIT_SECONDS_MAX,
        clock: Callable[[], float] | None = None,
    ) -> None:
        self._busy = busy
        self._seconds = seconds
        self._clock = clock or time.monotonic
        self._since: float | None = None

    def __call__(self) -> bool:
        if not self._busy():
            self._since = None
            return False
        now = self._clock()
        if self._since is None:
            self._since = now
        if now - self._since < self._seconds:
            return True
        self._since = None
        return False
