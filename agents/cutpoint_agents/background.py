"""The agent's own tasks beside the application's: each is kept until it is done, and none outlives the agent."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any


class Background:
    """Tasks that run beside everything else. ``failed`` hears of each that ended with an exception."""

    def __init__(self, failed: Callable[[BaseException], None]) -> None:
        self._failed = failed
        self._tasks: dict[asyncio.Task[None], None] = {}

    def spawn(self, coroutine: Coroutine[Any, Any, None], *, name: str | None = None) -> asyncio.Task[None]:
        """Run ``coroutine``."""
        task = asyncio.get_running_loop().create_task(coroutine, name=name)
        self._tasks[task] = None
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.pop(task, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._failed(error)

    async def end(self) -> None:
        """Cancel all and wait until they have ended. They end at once: what they wait for is not the application's."""
        current = asyncio.current_task()
        while tasks := tuple(task for task in self._tasks if task is not current):
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
