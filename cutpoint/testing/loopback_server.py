"""A server of somebody else's on loopback, as a child process: started, killed, paused and started again.

Ports are chosen once and kept, and so is the data directory, so that a server that was killed comes back as the same
one. It is a child of the calling process and is stopped by its process id; on Linux it also dies when the thread that
started it dies, so that a killed test leaves nothing behind (start it from a thread that lives as long as the server
should).
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Self

from cutpoint.errors import ConfigurationError, CutpointError
from cutpoint.testing.mortal import mortal

HOST = "127.0.0.1"
_PORTS = range(20000, 32000)
"""Below the range from which operating systems take ports for outgoing connections: none of them can steal ours
while the server is down."""


def free_ports(count: int) -> tuple[int, ...]:
    """``count`` loopback ports that nothing listens on now and that no outgoing connection will be given."""
    found: list[int] = []
    start = (os.getpid() * 97 + time.monotonic_ns() // 1000) % len(_PORTS)
    for step in range(len(_PORTS)):
        port = _PORTS[(start + step) % len(_PORTS)]
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                probe.bind((HOST, port))
                found.append(port)
        if len(found) == count:
            return tuple(found)
    raise ConfigurationError(f"No {count} free ports on {HOST} between {_PORTS.start} and {_PORTS.stop}; free some.")


class LoopbackServer(ABC):
    """One server process. Methods block; times are seconds. Use it as a context manager, or `stop` it."""

    def __init__(self, data_directory: Path, *, name: str) -> None:
        self.name = name
        self.data_directory = data_directory
        self._process: subprocess.Popen[bytes] | None = None

    @property
    @abstractmethod
    def shown(self) -> str:
        """What it is and where, for errors."""

    @abstractmethod
    def healthy(self) -> bool:
        """Whether it answers (it, and not another one that has its port) and does what it is there for."""

    @abstractmethod
    def _command(self) -> list[str]:
        """What to run. Raises `ConfigurationError` with the way to get it if it is not installed."""

    def _environment(self) -> dict[str, str]:
        """All that it finds in its environment."""
        return {}

    @property
    def pid(self) -> int | None:
        """The process id while the server runs (or is paused), else None."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    @property
    def log(self) -> Path:
        """What it printed, over all its lives."""
        return self.data_directory / f"{self.name}.log"

    def start(self, *, deadline_seconds: float = 20.0) -> Self:
        """Start the server with the data it has, and wait until it is healthy."""
        self.launch()
        self.wait_healthy(deadline_seconds=deadline_seconds)
        return self

    def launch(self) -> None:
        """Start the process without waiting for it."""
        if self.pid is not None:
            return
        self.data_directory.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                mortal(self._command()),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._environment(),
                start_new_session=False,
            )

    def wait_healthy(self, *, deadline_seconds: float = 20.0) -> None:
        """Wait until it is healthy. Raises `CutpointError` with the log's end."""
        deadline = time.monotonic() + deadline_seconds
        while not self.healthy():
            gone = self._process is None or self._process.poll() is not None
            if gone or time.monotonic() > deadline:
                state = "ended" if gone else f"was not healthy after {deadline_seconds:g} s"
                self.kill()
                raise CutpointError(f"{self.shown} {state}; see {self.log}; it ends: {self._last_line():.300}")
            time.sleep(0.02)

    def stop(self) -> None:
        """End the server in order (it is killed if it does not end). Harmless if it does not run."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGCONT)
            self._process.terminate()
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                self.kill()

    def kill(self) -> None:
        """``kill -9``. Harmless if it does not run."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def pause(self) -> None:
        """Stop the process where it is: connections stay open and nothing is answered."""
        if self._process is not None:
            self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a paused process go on."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _last_line(self) -> str:
        with contextlib.suppress(OSError, IndexError):
            return self.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1]
        return ""
