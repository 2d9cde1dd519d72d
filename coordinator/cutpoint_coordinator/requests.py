"""Requests of operators that the core has not answered yet.

A cut's request is answered twice (it was opened, it ended), a recovery's once. A coordinator that stops leading
cannot answer any more: whoever waits is told so, and that the next leader finishes what was begun.
"""

from __future__ import annotations

import asyncio

from cutpoint.errors import CutpointError
from cutpoint.names import CutNumber
from cutpoint.protocol.coordinator_effects import CutOpened, Outcome


class NotLeading(CutpointError):
    """This coordinator does not lead (any more)."""


class Request:
    """One request. ``opened`` is set once a cut has its number or the request ended without one."""

    def __init__(self) -> None:
        self.cut: CutNumber | None = None
        self.opened = asyncio.Event()
        self.outcome: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()

    async def wait_outcome(self, timeout_seconds: float) -> Outcome | None:
        """How it ended; None if that is not known within the time. Raises `NotLeading`."""
        await asyncio.wait((self.outcome,), timeout=timeout_seconds)
        return self.outcome.result() if self.outcome.done() else None

    async def wait_opened(self, timeout_seconds: float) -> bool:
        """Wait until the cut has its number or the request has ended; False if neither came within the time."""
        try:
            async with asyncio.timeout(timeout_seconds):
                await self.opened.wait()
        except TimeoutError:
            return False
        return True


class Requests:
    """All requests that wait for an answer, by name."""

    def __init__(self, *, author: str) -> None:
        self._author = author
        self._count = 0
        self._waiting: dict[str, Request] = {}
        self._ended = ""

    def find(self, name: str) -> Request | None:
        """The request of this name that waits for its answer."""
        return self._waiting.get(name)

    def draw(self, name: str = "") -> tuple[str, Request]:
        """A new request and its name, which nobody else uses. Raises `NotLeading` once nobody answers any more."""
        if self._ended:
            raise NotLeading(self._ended)
        self._count += 1
        name = name or f"{self._author}-asked-{self._count}"
        request = self._waiting[name] = Request()
        return name, request

    def answer(self, name: str, outcome: Outcome) -> None:
        """The core has answered. Requests that nobody drew here are passed over."""
        request = self._waiting.get(name)
        if request is None:
            return
        if isinstance(outcome, CutOpened):
            request.cut = outcome.cut
        else:
            del self._waiting[name]
            request.outcome.set_result(outcome)
        request.opened.set()

    def fail_all(self, reason: str) -> None:
        """Nobody will answer any more."""
        self._ended = reason
        waiting, self._waiting = self._waiting, {}
        for request in waiting.values():
            cut = f"; cut {request.cut} is finished or abandoned by the next leader" if request.cut else ""
            request.outcome.set_exception(NotLeading(f"{reason}{cut}"))
            request.outcome.exception()  # nobody may be waiting for it
            request.opened.set()
