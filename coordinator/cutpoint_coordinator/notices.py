"""What happened, for people: a line in the log, the last few in memory for whoever asks, and a call to who subscribed.

Nothing is decided from notices, a subscriber that fails harms nobody else, and nothing is kept across a restart: the
facts are in the registry and the store.
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
        self._subscribers: dict[object, Callable[[NoticeAnswer], None]] = {}

    def add(self, kind: str, text: str, fields: Mapping[str, Any] | None = None, *, level: int = logging.INFO) -> None:
        """Log ``text`` and remember it."""
        self._total += 1
        notice = NoticeAnswer(number=self._total, at=self._clock(), kind=kind, text=text, fields=dict(fields or {}))
        self._ring.append(notice)
        log.log(level, "%s", text, extra={"event": kind, "fields": notice.fields})
        for tell in tuple(self._subscribers.values()):
            try:
                tell(notice)
            except Exception:
                log.exception("a subscriber failed on the notice %r; the others were told", kind)

    def subscribe(self, tell: Callable[[NoticeAnswer], None]) -> Callable[[], None]:
        """Call ``tell`` with every notice from now on, in order, until what is returned is called.

        It is called in the midst of whatever happened: it must not block, and must not add notices.
        """
        place = object()
        self._subscribers[place] = tell

        def unsubscribe() -> None:
            self._subscribers.pop(place, None)

        return unsubscribe

    @property
    def total(self) -> int:
        """How many there were: the number of the last one."""
        return self._total

    def latest(self, count: int = KEPT) -> tuple[NoticeAnswer, ...]:
        """The last ``count``, oldest first."""
        return tuple(self._ring)[-count:]
