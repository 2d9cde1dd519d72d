"""Real agents and coordinators: in this process, where a test wants to look inside, else as processes of their own."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.coordinator.conftest import ask, cleanup, registry, serve, store
from tests.coordinator.test_command_line import Coordinator

__all__ = ["ask", "cleanup", "coordinators", "registry", "serve", "store"]


@pytest.fixture
def coordinators(tmp_path: Path) -> Iterator[Callable[..., Coordinator]]:
    """Starts coordinators; none survives the test."""
    started: list[Coordinator] = []

    def start(*arguments: str, program: tuple[str, ...] = ("-m", "cutpoint")) -> Coordinator:
        started.append(Coordinator(tmp_path, *arguments, program=program))
        return started[-1]

    yield start
    for each in started:
        if each.process.poll() is None:
            each.stop(signal.SIGKILL)
