"""A look, again and again, at something that must not go on: whoever waits meanwhile is told at once.

A task that waits for a thread cannot look for itself, and the thread cannot be stopped. So the task is ended and leaves
the thread to itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType

from cutpoint.errors import CutpointError

LOOK_SECONDS = 0.25


class Lookout:
    """Use it as a context manager in a task: as soon as ``check`` raises a `CutpointError`, the body does."""

    def __init__(self, check: Callable[[], None]) -> None:
        self._check = check
        self._complaint: CutpointError | None = None
        self._task: asyncio.Task[object] | None = None
        self._timer: asyncio.TimerHandle | None = None

    def __enter__(self) -> None:
        self._task = asyncio.current_task()
        self._timer = asyncio.get_running_loop().call_later(LOOK_SECONDS, self._look)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._task is not None
        assert self._timer is not None
        self._timer.cancel()
        if self._complaint is not None and kind is asyncio.CancelledError:
            self._task.uncancel()
            raise self._complaint from None

    def _look(self) -> None:
        assert self._task is not None
        try:
            self._check()
        except CutpointError as complaint:
            self._complaint = complaint
            self._task.cancel()
        else:
            self._timer = asyncio.get_running_loop().call_later(LOOK_SECONDS, self._look)
