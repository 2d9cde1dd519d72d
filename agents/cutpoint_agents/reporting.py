"""How much this process sends, told to a coordinator that has asked for it: its policy begins cuts by it.

Nothing is told unless something was sent, and never more often than was asked for, nor than `PERIOD_SECONDS_MIN`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from cutpoint.names import CutNumber
from cutpoint.protocol.messages import AnyFrame, Data, ToCoordinator, Traffic

PERIOD_SECONDS_MIN = 0.2


class Sent:
    """How many messages, in how many bytes of frames, connections have carried away from here, all in all."""

    __slots__ = ("bytes", "messages")

    def __init__(self) -> None:
        self.messages = self.bytes = 0

    def add(self, frames: Iterable[AnyFrame], size: int) -> None:
        """``frames``, of ``size`` bytes together, are sent."""
        for frame in frames:
            if type(frame) is Data:
                self.messages += len(frame.payloads)
        self.bytes += size

    def both(self) -> tuple[int, int]:
        """Messages and bytes."""
        return self.messages, self.bytes


class Reporting:
    """Tells how much was ``sent``. ``tell`` says whether there was a connection to tell it on."""

    def __init__(self, sent: Sent, tell: Callable[[ToCoordinator], bool]) -> None:
        self._sent = sent
        self._tell = tell
        self._recorded: tuple[CutNumber, tuple[int, int]] = (CutNumber(0), (0, 0))
        self._base = (0, 0)
        self._told: Traffic | None = None
        self._timer: asyncio.TimerHandle | None = None

    def every(self, seconds: float) -> None:
        """Report so often from now on; 0: not at all."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._told = None
        if seconds > 0:
            self._later(max(seconds, PERIOD_SECONDS_MIN))

    def recorded(self, cut: CutNumber) -> None:
        """The state was recorded for ``cut``: what is sent from now on lies behind it."""
        self._recorded = cut, self._sent.both()

    def published(self, cut: CutNumber) -> None:
        """``cut`` is a recovery point."""
        if self._recorded[0] == cut:
            self._base = self._recorded[1]

    def restored(self) -> None:
        """The state is that of a recovery point again."""
        self._base = self._sent.both()

    def _later(self, seconds: float) -> None:
        def fire() -> None:
            self._later(seconds)
            self._report()

        self._timer = asyncio.get_running_loop().call_later(seconds, fire)

    def _report(self) -> None:
        messages, size = self._sent.both()
        traffic = Traffic(
            messages=messages, bytes=size, messages_since=messages - self._base[0], bytes_since=size - self._base[1]
        )
        if traffic != self._told and self._tell(traffic):
            self._told = traffic
