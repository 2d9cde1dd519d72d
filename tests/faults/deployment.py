"""Three coordinators as processes, three members of etcd, and real agents in this process: what faults are done to.

Coordinators and members are started from the thread that this runs on, with which they die.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from cutpoint.errors import CutpointError
from cutpoint.testing.etcd_server import EtcdCluster, free_ports
from cutpoint_coordinator.client import CoordinatorClient
from tests.agents.rig import until
from tests.docs.documented import environment
from tests.faults.services import Services

COORDINATORS = 3
INTERVAL_SECONDS = 0.2
STRIKING = str(Path(__file__).with_name("striking.py"))


class CoordinatorProcess:
    """One coordinator, which may be killed, stopped and started again; it keeps its port."""

    def __init__(self, folder: Path, number: int, port: int, registry: str) -> None:
        self.folder = folder
        self.url = f"http://127.0.0.1:{port}"
        self._arguments = ["--listen", f"127.0.0.1:{port}", "--registry", registry, "--store", str(folder / "store")]
        self._arguments += ["--interval", str(INTERVAL_SECONDS)]
        self._log = folder / f"coordinator{number}.log"
        self._process: subprocess.Popen[bytes] | None = None

    def launch(self) -> None:
        """Start it, unless it runs."""
        if self.pid is None:
            with self._log.open("ab") as log:
                self._process = subprocess.Popen(
                    [sys.executable, STRIKING, str(self.folder), "coordinator", *self._arguments],
                    env=environment(),
                    stdout=log,
                    stderr=log,
                )

    @property
    def pid(self) -> int | None:
        """While it runs, or is stopped."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    @property
    def status(self) -> int | None:
        """How it ended, if it did."""
        return None if self._process is None else self._process.poll()

    def send(self, number: signal.Signals) -> None:
        """Send it a signal, if it runs."""
        if self._process is not None and self.pid is not None:
            self._process.send_signal(number)

    def end(self) -> None:
        """kill -9, and wait for it."""
        self.send(signal.SIGKILL)
        if self._process is not None:
            self._process.wait()

    async def state(self) -> str:
        """What it says of itself; empty if it does not answer."""
        try:
            async with asyncio.timeout(2), CoordinatorClient(self.url) as client:
                return (await client.health()).state
        except (CutpointError, TimeoutError):
            return ""


class Deployment:
    """All of it, below ``folder``. Use `running`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.cluster = EtcdCluster(folder / "etcd")
        ports = free_ports(COORDINATORS)
        self.coordinators = [
            CoordinatorProcess(folder, number, port, self.cluster.url) for number, port in enumerate(ports, 1)
        ]
        self.services = Services([each.url for each in self.coordinators])

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Deployment]:
        """All runs, and a cut has been published."""
        with self.cluster:
            try:
                for each in self.coordinators:
                    each.launch()
                async with self.services.running():
                    await until(lambda: bool(self.services.published), 60)
                    yield self
            finally:
                for each in self.coordinators:
                    each.end()

    async def wait_ready(self, seconds: float = 60.0) -> None:
        """Wait until one coordinator leads and the others wait to."""
        async with asyncio.timeout(seconds):
            while sorted(await asyncio.gather(*(each.state() for each in self.coordinators))) != [
                "leading",
                *(["waiting to lead"] * (COORDINATORS - 1)),
            ]:
                await asyncio.sleep(0.05)

    async def leader(self) -> CoordinatorProcess:
        """The coordinator that leads."""
        await self.wait_ready()
        for each in self.coordinators:
            if await each.state() == "leading":
                return each
        raise AssertionError("nobody leads")

    def struck(self) -> float | None:
        """When the order was carried out, by the wall clock; None: not yet."""
        with contextlib.suppress(FileNotFoundError):
            return (self.folder / "struck").stat().st_mtime
        return None

    def order(self, stage: str, number: signal.Signals) -> None:
        """Have the coordinator that leads struck at ``stage`` of its next cut."""
        (self.folder / "struck").unlink(missing_ok=True)
        aside = self.folder / "order.new"
        aside.write_text(f"{stage} {number.name}", encoding="utf-8")
        aside.rename(self.folder / "order")
