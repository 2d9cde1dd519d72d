"""One reader of the notices: what it wants, what waits for it, and the moment at which it is too slow.

Pure of any network: `http.events` writes what a reader takes. Its queue is bounded; a reader that lets it fill is
dropped with a last event that says so, because a gap that nobody tells of would be worse than an end.
"""

from __future__ import annotations

import asyncio
from collections import deque

import msgspec

from cutpoint_coordinator.answers import NoticeAnswer

WAITING_MAX = 1000
"""How many events wait for a reader before it is too slow."""


def wanted(kinds: str, kind: str) -> bool:
    """Whether ``kind`` is among ``kinds``, words with commas between: each a kind, or the first words of some.

    Empty: every kind is.
    """
    chosen = [word.strip() for word in kinds.split(",") if word.strip()]
    return not chosen or any(kind == word or kind.startswith(f"{word} ") for word in chosen)


def event_text(name: str, value: object, *, id: str = "") -> bytes:  # noqa: A002 (as the standard calls it)
    """One event as the standard of server-sent events has it; without a name it is a message."""
    lines = [f"event: {name}"] if name else []
    lines += [f"id: {id}"] if id else []
    return "\n".join([*lines, f"data: {msgspec.json.encode(value).decode()}", "", ""]).encode()


class Reader:
    """Takes notices, gives them out in order. ``end`` closes it with a reason; ``too_slow``: it fell behind."""

    def __init__(self, kinds: str = "", *, waiting_max: int = WAITING_MAX) -> None:
        self._kinds = kinds
        self._waiting_max = waiting_max
        self._waiting: deque[NoticeAnswer] = deque()
        self._news = asyncio.Event()
        self.too_slow = False
        self.ended = ""

    def take(self, notice: NoticeAnswer) -> None:
        """Something has happened."""
        if self.too_slow or not wanted(self._kinds, notice.kind):
            return
        if len(self._waiting) >= self._waiting_max:
            self.too_slow = True
            self._waiting.clear()
        else:
            self._waiting.append(notice)
        self._news.set()

    def end(self, reason: str) -> None:
        """Nothing more comes after what waits."""
        self.ended = self.ended or reason
        self._news.set()

    async def following(self, seconds: float) -> tuple[NoticeAnswer, ...]:
        """What waits, taken out; waits for something up to ``seconds``. Empty if nothing came, or nothing will."""
        if not (self._waiting or self.ended or self.too_slow):
            self._news.clear()
            try:
                async with asyncio.timeout(seconds):
                    await self._news.wait()
            except TimeoutError:
                return ()
        taken = tuple(self._waiting)
        self._waiting.clear()
        return taken
