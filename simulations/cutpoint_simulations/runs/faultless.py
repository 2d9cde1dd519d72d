"""Claim: nothing of Cutpoint's own fails for a reason that nobody foresaw.

Whatever happens to a cluster, the agents and the coordinator have an answer to it. What their logs call unforeseen, and
an exception that reached an event loop, is a bug; that a process gives up with an error of the `CutpointError` tree,
and is started again, is an answer.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from types import TracebackType

from cutpoint.errors import CutpointError
from cutpoint_simulations.loop import Unhandled, current
from cutpoint_simulations.oracles import Violation

NAME = "unforeseen"

_LOGS = ("cutpoint", "aiohttp", "asyncio")
_UNFORESEEN = ("unforeseen", "cannot be restored")

Note = Callable[[str, str], object]


class Listening(logging.Handler):
    """While the context stands, the logs of simulated hosts come here, and nowhere else.

    ``note`` is told of every warning, with the host that says it. ``violations`` are what was not foreseen.
    """

    def __init__(self, clock: Callable[[], float], note: Note = lambda host, text: None) -> None:
        super().__init__(logging.WARNING)
        self.violations: list[Violation] = []
        self._clock = clock
        self._note = note
        self._before: list[tuple[logging.Logger, bool]] = []

    def emit(self, record: logging.LogRecord) -> None:
        """A log was written."""
        host = current.host
        if host is None or not host.alive:
            return
        text = record.getMessage()
        self._note(host.name, f"{record.levelname.lower()}: {text}")
        if record.levelno >= logging.ERROR and any(word in text for word in _UNFORESEEN):
            error = record.exc_info[1] if record.exc_info else None
            told = text if error is None else f"{text}: {type(error).__name__}: {error}"
            self.violations.append(Violation(oracle=NAME, complaint=told, at=self._clock(), process=host.name))

    def __enter__(self) -> Listening:
        for name in _LOGS:
            logger = logging.getLogger(name)
            self._before.append((logger, logger.propagate))
            logger.addHandler(self)
            logger.propagate = False
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        for logger, propagate in self._before:
            logger.removeHandler(self)
            logger.propagate = propagate


def of_unhandled(unhandled: Unhandled) -> Violation | None:
    """What an event loop was told, as a violation; None if a process gave up with an error that it told."""
    error = unhandled.error
    if isinstance(error, CutpointError):
        return None
    told = unhandled.message if error is None else f"{unhandled.message}: {type(error).__name__}: {error}"
    return Violation(oracle=NAME, complaint=told, at=unhandled.at, process=unhandled.host)
