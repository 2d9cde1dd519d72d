"""Who a process is at this moment: the facts that every frame is stamped with."""

from __future__ import annotations

import dataclasses

from cutpoint.names import BEGINNING, CutNumber, Incarnation, Life, ProcessName
from cutpoint.protocol.transitions import PROCESS

NEVER = Incarnation(0)
"""The incarnation of a process that has not been admitted."""


@dataclasses.dataclass(kw_only=True)
class Identity:
    """``cut`` is the last cut that was recorded or skipped here, ``base`` the last one known to be published.

    ``incarnation`` fences: it rises when a recovery is prepared. ``started`` is the one that runs or ran last.
    ``leaving``: the application has asked to leave for good, so no session is opened any more.
    ``computation`` is known once the process is admitted or prepared; ``message_bytes_max``: what it takes in, 0: any.
    """

    name: ProcessName
    life: Life
    incarnation: Incarnation = NEVER
    started: Incarnation = NEVER
    cut: CutNumber = BEGINNING
    base: CutNumber = BEGINNING
    phase: str = PROCESS.start
    leaving: bool = False
    computation: str = ""
    message_bytes_max: int = 0

    def advance(self, step: str) -> None:
        """Take one step of the PROCESS table."""
        self.phase = PROCESS.after(self.phase, step)

    @property
    def running(self) -> bool:
        """Whether the application may work."""
        return self.phase == "running"
