"""Claim: nothing fails for a reason that nobody foresaw, neither of Cutpoint's own nor of the services.

Whatever happens to a cluster, the agents and the coordinator have an answer to it. What their logs call unforeseen, and
an exception that reached an event loop, is a bug; that a process gives up with an error of the `CutpointError` tree,
and is started again, is an answer. A service's task or handler may fail because of what happens around it, see
`excuses`; if it fails with anything else, that is a bug of the service.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Container
from types import TracebackType

from cutpoint.errors import ConfigurationError, CutpointError, UsageError
from cutpoint_simulations.loop import Unhandled, current
from cutpoint_simulations.oracles import Violation
from cutpoint_simulations.refusal import failing_line
from cutpoint_simulations.runs.excuses import is_excused

NAME = "unforeseen"

_LOGS = ("cutpoint", "aiohttp", "asyncio")
_UNFORESEEN = ("unforeseen", "cannot be restored")
_OF_THE_PROGRAM = (ConfigurationError, UsageError)

Note = Callable[[str, str], object]


class Listening(logging.Handler):
    """While the context stands, the logs of simulated hosts come here, and nowhere else.

    ``note`` is told of every warning, with the host that says it. ``faults``: the kinds that there have been so far.
    ``violations`` are what was not foreseen.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        note: Note = lambda host, text: None,
        faults: Callable[[], Container[str]] = tuple,
    ) -> None:
        super().__init__(logging.WARNING)
        self.violations: list[Violation] = []
        self._clock = clock
        self._note = note
        self._faults = faults
        self._before: list[tuple[logging.Logger, bool]] = []

    def emit(self, record: logging.LogRecord) -> None:
        """A log was written."""
        host = current.host
        if host is None or not host.alive:
            return
        text = record.getMessage()
        self._note(host.name, f"{record.levelname.lower()}: {text}")
        severe = record.levelno >= logging.ERROR
        error = record.exc_info[1] if record.exc_info and severe else None
        if error is None:
            error = getattr(record, "error", None)  # an agent does not shout at what it takes for the world outside
        unforeseen = severe and any(word in text for word in _UNFORESEEN)
        if unforeseen or self._is_a_bug(error):
            complaint = _told(f"{host.name}: {text}", error)
            self.violations.append(Violation(oracle=NAME, complaint=complaint, at=self._clock(), process=host.name))

    def _is_a_bug(self, error: BaseException | None) -> bool:
        """Whether a service's task or handler failed with something that nothing around it explains."""
        if isinstance(error, BaseExceptionGroup):
            return any(self._is_a_bug(part) for part in error.exceptions)
        if isinstance(error, CutpointError):
            return isinstance(error, UsageError)
        return isinstance(error, Exception) and not is_excused(error, self._faults())

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


def of_unhandled(unhandled: Unhandled, *, by_service: bool) -> Violation | None:
    """What an event loop was told, as a violation; None if a process gave up with an error that it told.

    ``by_service``: whether it was a service's; if that was declared or used wrongly, it is no answer.
    """
    error = unhandled.error
    if isinstance(error, CutpointError) and not (by_service and isinstance(error, _OF_THE_PROGRAM)):
        return None
    complaint = _told(unhandled.message, error)
    return Violation(oracle=NAME, complaint=complaint, at=unhandled.at, process=unhandled.host)


def _told(text: str, error: BaseException | None) -> str:
    """What failed, the error if the text has not named it, and the line of the program where it was raised."""
    if error is None:
        return text
    named = "" if str(error) and str(error) in text else f": {type(error).__name__}: {error}"
    line = failing_line(error)
    return f"{text}{named}{f', at {line}' if line else ''}"
