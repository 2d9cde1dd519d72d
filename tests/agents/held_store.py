"""A store that takes its time: nothing is written while it is held."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from cutpoint.errors import StoreUnavailable
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


class Away:
    """Of all stores that agents open: while it is away, nothing can be read from it."""

    def __init__(self) -> None:
        self.away = False
        self.asked = 0

    def check(self) -> None:
        """Raises `StoreUnavailable` while it is away."""
        if self.away:
            self.asked += 1
            raise StoreUnavailable("the store does not answer; nothing was lost; it is asked again")


class AwayStore:
    """The store at a URL, as far as it can be reached."""

    def __init__(self, backend: Backend, away: Away) -> None:
        self._backend = backend
        self._away = away

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backend, name)

    def read(self, name: str, **limits: Any) -> bytes:
        self._away.check()
        return self._backend.read(name, **limits)


def stores_that_go_away(monkeypatch: pytest.MonkeyPatch) -> Away:
    """What says whether the stores that agents open from now on can be read."""
    away = Away()
    monkeypatch.setattr(parts, "open_backend", lambda url: AwayStore(open_backend(url), away))
    return away


def hold_stores(monkeypatch: pytest.MonkeyPatch) -> Hold:
    """What holds every store that an agent opens from now on."""
    hold = Hold()
    monkeypatch.setattr(parts, "open_backend", lambda url: HeldStore(open_backend(url), hold))
    return hold
