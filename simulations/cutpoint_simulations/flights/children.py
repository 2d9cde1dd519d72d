"""OS processes that are started again whenever they end, as an orchestrator would.

Each keeps its command line, and therefore its ports, over all its lives, and writes to one log file. On Linux the
kernel kills them when the demo dies, so that nothing is left behind. Nothing is ever ended by name, only by the
process id of a child of ours.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, Protocol

from cutpoint.errors import CutpointError
from cutpoint.testing.etcd_server import EtcdServer
from cutpoint.testing.mortal import mortal

Kind = Literal["origin", "destination", "coordinator", "etcd"]

DEATHS_MAX = 8
DEATHS_SECONDS = 20.0
"""More unprompted ends than this within these seconds, and the child is not started again."""


class Child(Protocol):
    """One OS process over all its lives."""

    name: str
    kind: Kind
    log: Path

    def alive(self) -> bool:
        """Whether it runs now."""

    def start(self) -> None:
        """Start it, without waiting for it to serve."""

    def kill(self) -> None:
        """``kill -9``."""

    def stop(self) -> None:
        """Ask it to end; `kill` what does not."""


class PythonChild:
    """A module of ours in a Python process of its own."""

    def __init__(self, *, name: str, kind: Kind, arguments: Sequence[str], log: Path) -> None:
        self.name = name
        self.kind = kind
        self.log = log
        self._command = (sys.executable, *arguments)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The id of the latest process."""
        return self._process.pid if self._process is not None else None

    def alive(self) -> bool:
        """Whether it runs now."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start it with the same arguments as before."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                mortal(self._command),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C reaches the demo, and the demo ends its children
            )

    def kill(self) -> None:
        """``kill -9``, and wait until it is gone."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def stop(self) -> None:
        """Ask it to end."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()


class EtcdChild:
    """The etcd server."""

    name = "etcd"
    kind: Kind = "etcd"

    def __init__(self, directory: Path, *, ports: tuple[int, int]) -> None:
        self.server = EtcdServer(directory, ports=ports)
        self.log = self.server.log

    def alive(self) -> bool:
        """Whether it runs now."""
        return self.server.pid is not None

    def start(self) -> None:
        """Start it with the data that it has."""
        self.server.launch()

    def kill(self) -> None:
        """``kill -9``, and wait until it is gone."""
        self.server.kill()

    def stop(self) -> None:
        """Ask it to end, and wait."""
        self.server.stop()


class Nursery:
    """All children. `tend` starts again what has ended; ``ended`` is told of each end that nobody asked for."""

    def __init__(self, ended: Callable[[Child], None]) -> None:
        self.children: list[Child] = []
        self._ended = ended
        self._deaths: deque[tuple[float, Child]] = deque()

    def add(self, child: Child) -> None:
        """Start ``child`` and keep it running from now on."""
        self.children.append(child)
        child.start()

    def named(self, kind: str) -> list[Child]:
        """The children of one kind, in the order in which they were added."""
        return [child for child in self.children if child.kind == kind]

    def kill(self, child: Child) -> None:
        """``kill -9``; it is started again at once, with nothing but its durable state."""
        child.kill()
        child.start()

    def tend(self) -> None:
        """Start again whatever has ended. Raises `CutpointError` when one ends again and again."""
        for child in self.children:
            if not child.alive():
                self._note_death(child)
                self._ended(child)
                child.start()

    def stop(self, *, grace_seconds: float = 3.0) -> None:
        """End all children; what does not end in time is killed. etcd goes last: the coordinator takes leave of it."""
        others = [child for child in self.children if child.kind != "etcd"]
        for child in reversed(others):
            child.stop()
        deadline = time.monotonic() + grace_seconds
        while any(child.alive() for child in others) and time.monotonic() < deadline:
            time.sleep(0.01)
        for child in others:
            child.kill()
        for child in self.named("etcd"):
            child.stop()

    def _note_death(self, child: Child) -> None:
        now = time.monotonic()
        self._deaths.append((now, child))
        while now - self._deaths[0][0] > DEATHS_SECONDS:
            self._deaths.popleft()
        if sum(1 for _, dead in self._deaths if dead is child) > DEATHS_MAX:
            raise CutpointError(
                f"{child.name} ended {DEATHS_MAX + 1} times within {DEATHS_SECONDS:g} s and is not started again; "
                f"its log says: {last_line(child.log)}; see {child.log}"
            )


def last_line(log: Path) -> str:
    """The last line of a log that says something, shortened."""
    with contextlib.suppress(OSError):
        lines = log.read_bytes()[-4000:].decode(errors="replace").strip().splitlines()
        if lines:
            return lines[-1].strip()[:300]
    return "nothing"
