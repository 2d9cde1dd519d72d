"""What asks a monitor about a recovery point, as the rest of the coordinator sees it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from cutpoint.monitors.deployed import Deployed
from cutpoint.monitors.evaluation import Evaluation


class Evaluator(Protocol):
    """Asks one monitor, one recovery point at a time. Whatever the monitor does ends in an `Evaluation`."""

    async def prepare(self) -> Evaluation:
        """See whether the monitor can be loaded: ``well`` or ``failed``."""

    async def evaluate(self, cut: int) -> Evaluation:
        """Ask about recovery point ``cut``."""

    async def close(self) -> None:
        """Let go of everything, at once."""


MakeEvaluator = Callable[[Deployed], Evaluator]
