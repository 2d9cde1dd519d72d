"""Independent local checkpoints: what services do that are not cut together, for the demo to show what that costs.

Every service writes its own state to its own file on its own schedule, durably and correctly, and starts from it
after a kill. Channels are bare WebSockets that connect again. Nothing relates the files of two services to each
other or to the messages between them; that is the point.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
from aiohttp import web

from cutpoint.errors import ConfigurationError

log = logging.getLogger("cutpoint.flights")

RESTART_SECONDS = 0.1


class Number:
    """One number under ``.value``."""

    def __init__(self, value: int) -> None:
        self.value = value


class Checkpoint(msgspec.Struct, frozen=True, kw_only=True):
    """The whole state of one service."""

    tables: dict[str, dict[str, int]]
    values: dict[str, int]


class BareChannel:
    """A WebSocket with a window and nothing else: what is under way when it breaks is gone.

    Its other end answers every message; at most ``window`` messages are unanswered.
    """

    def __init__(self, websocket: Any, window: int | None) -> None:
        self._websocket = websocket
        self._room = asyncio.Semaphore(window) if window is not None else None

    async def send_json(self, message: Any) -> None:
        """Send; into a connection that has just broken, it is as lost as if it had been sent a moment earlier."""
        if self._room is not None:
            await self._room.acquire()
        with contextlib.suppress(ConnectionResetError):
            await self._websocket.send_json(message)

    async def __aiter__(self) -> AsyncIterator[Any]:
        async for message in self._websocket:
            yield message
            if self._room is not None:
                self._room.release()
        if self._room is not None:
            for _ in range(1_000):  # whoever waits for room sends into the broken connection
                self._room.release()


class LocalCheckpoints:
    """Hosts the state of one service in ``file``, written every ``interval_seconds``.

    ``window``: how many unanswered messages a channel that this service opens may have.
    """

    def __init__(self, file: Path, *, interval_seconds: float, window: int) -> None:
        self._file = file
        self._interval_seconds = interval_seconds
        self._window = window
        self._tables: dict[str, dict[str, int]] = {}
        self._values: dict[str, Number] = {}
        self._producers: list[Callable[[], Any]] = []
        self._found = self._read()

    def table(self, name: str) -> dict[str, int]:
        """The counts as the last checkpoint has them."""
        return self._tables.setdefault(name, dict(self._found.tables.get(name, {})))

    def value(self, name: str, initial: int) -> Number:
        """The number as the last checkpoint has it."""
        return self._values.setdefault(name, Number(self._found.values.get(name, initial)))

    def task(self, function: Callable[[], Any]) -> Callable[[], Any]:
        """Run ``function`` while the service runs, again if it fails."""
        self._producers.append(function)
        return function

    def wrap(self, ws: Any, *, name: str | None = None) -> BareChannel:
        """The bare channel; ``name`` means nothing to it."""
        return BareChannel(ws, self._window if isinstance(ws, aiohttp.ClientWebSocketResponse) else None)

    async def context(self, _: web.Application) -> AsyncIterator[None]:
        """Run the producers and write checkpoints while the app runs."""
        running = [asyncio.create_task(self._keep_running(function)) for function in self._producers]
        running.append(asyncio.create_task(self._checkpoint()))
        yield
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    async def _keep_running(self, function: Callable[[], Any]) -> None:
        while True:
            try:
                await function()
                return
            except Exception:
                log.exception("a task failed and starts again")
                await asyncio.sleep(RESTART_SECONDS)

    async def _checkpoint(self) -> None:
        while True:
            await asyncio.sleep(self._interval_seconds)
            checkpoint = Checkpoint(
                tables={name: dict(table) for name, table in self._tables.items()},
                values={name: number.value for name, number in self._values.items()},
            )
            await asyncio.to_thread(self._write, msgspec.json.encode(checkpoint))

    def _write(self, data: bytes) -> None:
        aside = self._file.with_suffix(".aside")
        with aside.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(self._file)

    def _read(self) -> Checkpoint:
        try:
            return msgspec.json.decode(self._file.read_bytes(), type=Checkpoint)
        except FileNotFoundError:
            return Checkpoint(tables={}, values={})
        except msgspec.DecodeError as error:
            raise ConfigurationError(
                f"{self._file} is no local checkpoint ({error}); nothing was started; remove it"
            ) from error
