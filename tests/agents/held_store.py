"""A store that takes its time: nothing is written while it is held."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from cutpoint.store import Backend, open_backend
from cutpoint_agents import parts


class Hold:
    """Of all stores that agents open: while it is held, a thread that creates an object waits."""

    def __init__(self) -> None:
        self._open = threading.Event()
        self._open.set()
        self.waiting = threading.Event()
        self.created: list[str] = []

    def hold(self) -> None:
        """From now on."""
        self.waiting.clear()
        self._open.clear()

    def let_go(self) -> None:
        """Whoever waits goes on."""
        self._open.set()

    def passed(self) -> None:
        """Wait until it is let go."""
        if not self._open.is_set():
            self.waiting.set()
            assert self._open.wait(20)


class HeldStore:
    """The store at a URL, behind a `Hold`."""

    def __init__(self, backend: Backend, hold: Hold) -> None:
        self._backend = backend
        self._hold = hold

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backend, name)

    def create(self, name: str, data: bytes) -> None:
        self._hold.passed()
        self._backend.create(name, data)
        self._hold.created.append(name)


def hold_stores(monkeypatch: pytest.MonkeyPatch) -> Hold:
    """What holds every store that an agent opens from now on."""
    hold = Hold()
    monkeypatch.setattr(parts, "open_backend", lambda url: HeldStore(open_backend(url), hold))
    return hold
