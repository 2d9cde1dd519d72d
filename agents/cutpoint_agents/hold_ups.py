"""What holds a cut up in this process: watched while a cut is open, and put into words when the core asks for it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from cutpoint.names import CutNumber, ProcessName
from cutpoint.protocol.effects import ReportHoldUp, WatchCut
from cutpoint.protocol.events import HoldUpNoticed
from cutpoint.protocol.holdups import HOLD_UPS_MAX, HoldUp, clipped, told
from cutpoint.protocol.messages import HeldUp
from cutpoint_agents.parts import Parts
from cutpoint_agents.settings import LOG_NAME
from cutpoint_agents.switchboard import Switchboard
from cutpoint_agents.turns import Turns

log = logging.getLogger(LOG_NAME)


class HoldUps:
    """Those of one process. ``step`` gives an event to the core."""

    def __init__(
        self,
        name: ProcessName,
        turns: Turns,
        switchboard: Switchboard,
        parts: Parts,
        step: Callable[[HoldUpNoticed], None],
    ) -> None:
        self._name = name
        self._turns = turns
        self._switchboard = switchboard
        self._parts = parts
        self._step = step
        self._timer: asyncio.TimerHandle | None = None
        self._begun: tuple[CutNumber, float] | None = None
        self._told = ""

    def watch(self, effect: WatchCut) -> None:
        """Say HoldUpNoticed when the time has come."""
        self.end()
        loop = asyncio.get_running_loop()
        if self._begun is None or self._begun[0] != effect.cut:
            self._begun = effect.cut, loop.time()
        self._timer = loop.call_later(effect.seconds, lambda: self._step(HoldUpNoticed(cut=effect.cut)))

    def recorded(self, cut: CutNumber) -> None:
        """The process records: what it had to wait for is over."""
        if self._begun is not None and self._begun[0] == cut:
            self._parts.waited(cut, asyncio.get_running_loop().time() - self._begun[1])

    def report(self, effect: ReportHoldUp) -> HeldUp:
        """What the cut waits for, for the coordinator; a line in the log whenever that has changed."""
        channels = map(clipped, effect.channels)
        what = self._turns.describe(effect.turns, self._switchboard.stuck)
        what += tuple(HoldUp(kind="channel", text=channel, channel=channel) for channel in channels)
        if effect.storing:
            what += (HoldUp(kind="store", text=self._parts.progress()),)
        by = told(what) or "nothing that the agent can name"
        if by != self._told:
            log.warning("cut %d is held up in %s by %s", effect.cut, self._name, by)
        self._told = by
        return HeldUp(cut=effect.cut, by=by, what=what[:HOLD_UPS_MAX])

    def end(self) -> None:
        """Watch no longer."""
        if self._timer is not None:
            self._timer.cancel()
