"""What happened, for people: a line in the log, and the last few in memory for whoever asks.

Nothing is decided from notices, and nothing is kept across a restart: the facts are in the registry and the store.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from cutpoint_coordinator.answers import NoticeAnswer
from cutpoint_coordinator.settings import LOG_NAME

log = logging.getLogger(LOG_NAME)

KEPT = 500
"""How many notices are remembered."""


def now_utc() -> str:
    """The present moment as ISO 8601 text, for people."""
    return datetime.fromtimestamp(time.time(), UTC).isoformat(timespec="milliseconds")


class Notices:
    """A bounded memory of notices, the oldest first."""

    def __init__(self, *, kept: int = KEPT, clock: Callable[[], str] = now_utc) -> None:
        self._ring: deque[NoticeAnswer] = deque(maxlen=kept)
        self._clock = clock
        self._total = 0

    def add(self, kind: str, text: str, fields: Mapping[str, Any] | None = None, *, level: int = logging.INFO) -> None:
        """Log ``text`` and remember it."""
        self._total += 1
        self._ring.append(
            NoticeAnswer(number=self._total, at=self._clock(), kind=kind, text=text, fields=dict(fields or {}))
        )
        log.log(level, "%s", text)

    def latest(self, count: int = KEPT) -> tuple[NoticeAnswer, ...]:
        """The last ``count``, oldest first."""
        return tuple(self._ring)[-count:]
