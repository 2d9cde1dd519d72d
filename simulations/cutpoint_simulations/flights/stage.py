"""Which processes a run of the demo consists of, with the ports and the files that they keep over all their lives."""

from __future__ import annotations

from pathlib import Path

import msgspec

from cutpoint.errors import ConfigurationError
from cutpoint.testing.etcd_server import free_ports
from cutpoint_simulations.flights.children import EtcdChild, PythonChild
from cutpoint_simulations.flights.kills import Kill
from cutpoint_simulations.flights.regions import REGIONS
from cutpoint_simulations.flights.service import ServiceSettings

INTERVAL_SECONDS = 0.5


class DemoSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What the command line asks for. ``directory`` exists and is empty.

    ``interval_seconds``: between two cuts, or between two local checkpoints of one service.
    """

    flights: Path
    directory: Path
    landings: float
    kills: tuple[Kill, ...]
    seed: int
    uncoordinated: bool
    interval_seconds: float = INTERVAL_SECONDS


class Stage:
    """The processes before any of them runs. ``etcd`` and ``coordinator`` are None in an uncoordinated run."""

    def __init__(self, settings: DemoSettings, origins: tuple[str, ...]) -> None:
        self._settings = settings
        self._logs = settings.directory / "logs"
        self._logs.mkdir()
        self.store = settings.directory / "store"
        ports = iter(free_ports(3 + len(origins) + len(REGIONS)))
        etcd_ports = (next(ports), next(ports))
        coordinator_port = next(ports)
        self.coordinator_url = f"http://127.0.0.1:{coordinator_port}"
        self._ports = {name: next(ports) for name in (*REGIONS, *origins)}
        self.origins = origins
        self.regions = REGIONS
        self.etcd: EtcdChild | None = None
        self.coordinator: PythonChild | None = None
        if settings.uncoordinated:
            (settings.directory / "checkpoints").mkdir()
        else:
            self.etcd = EtcdChild(settings.directory / "etcd", ports=etcd_ports)
            self.coordinator = self._coordinator(coordinator_port, self.etcd.server.url)
        self.services = tuple(
            [self._service(name, "destination") for name in self.regions]
            + [self._service(name, "origin") for name in origins]
        )

    def url(self, name: str) -> str:
        """Where the service ``name`` listens."""
        return f"http://127.0.0.1:{self._ports[name]}"

    def _coordinator(self, port: int, registry: str) -> PythonChild:
        arguments = ["-m", "cutpoint", "coordinator", "--registry", registry, "--store", str(self.store)]
        arguments += ["--interval", f"{self._settings.interval_seconds:g}", "--listen", f"127.0.0.1:{port}"]
        return PythonChild(
            name="coordinator", kind="coordinator", arguments=arguments, log=self._logs / "coordinator.log"
        )

    def _service(self, name: str, kind: str) -> PythonChild:
        settings = self._settings
        of_origin = kind == "origin"
        told = ServiceSettings(
            name=name,
            port=self._ports[name],
            coordinator=self.coordinator_url,
            landings=settings.landings,
            interval_seconds=settings.interval_seconds,
            destinations={region: self.url(region) for region in self.regions} if of_origin else {},
            flights=str(settings.flights.resolve()) if of_origin else "",
            checkpoint=str(settings.directory / "checkpoints" / f"{name}.json") if settings.uncoordinated else "",
        )
        return PythonChild(
            name=name,
            kind="origin" if of_origin else "destination",
            arguments=["-m", "cutpoint_simulations.flights.service", msgspec.json.encode(told).decode()],
            log=self._logs / f"{name}.log",
        )


def use_directory(directory: Path) -> Path:
    """``directory``, made if it is not there. Raises `ConfigurationError` unless it is empty and writable.

    What an earlier run left there would be recovered by the next one, with the wrong flights.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        if any(directory.iterdir()):
            raise ConfigurationError(f"--directory {directory} is not empty; nothing was started; name a new one")
        probe = directory / ".probe"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise ConfigurationError(
            f"--directory {directory} cannot be used ({error.strerror}); nothing was started; name a writable folder"
        ) from error
    return directory.resolve()
