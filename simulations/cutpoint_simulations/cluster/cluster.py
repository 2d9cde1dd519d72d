"""A whole computation on simulated hosts: coordinators, services, a registry and a store, all of it the real code.

    def bank(cluster: Cluster) -> None:
        cluster.service("vienna", lambda: create_app("vienna", coordinator=cluster.coordinator_urls))

    with Simulation(seed=7) as simulation:
        cluster = Cluster(simulation)
        bank(cluster)
        cluster.start()
        simulation.run(until=30.0)

A function like ``bank``, which declares services on a cluster, is what the command line calls a module's factory.
"""

from __future__ import annotations

import asyncio
import dataclasses
import functools
import signal
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from aiohttp import web

from cutpoint.errors import ConfigurationError
from cutpoint.monitors import Monitor
from cutpoint.registry import Registry
from cutpoint.store import Backend
from cutpoint_coordinator.client import CoordinatorClient
from cutpoint_coordinator.opening import open_all
from cutpoint_coordinator.service import Service
from cutpoint_coordinator.settings import DEFAULT_PORT, Address, Settings
from cutpoint_simulations.cluster import upkeep
from cutpoint_simulations.cluster.evaluator import ThreadEvaluator
from cutpoint_simulations.cluster.invariants import Check, declare_check
from cutpoint_simulations.cluster.looking import Look
from cutpoint_simulations.cluster.registry import SharedRegistry
from cutpoint_simulations.disk import PREFIX
from cutpoint_simulations.loop import Host, Simulation

T = TypeVar("T")

STORE = "file:///simulated/store"
MACHINE = "machine"
"""Where everything runs that is given no machine of its own."""

SERVICE_PORT = 8080
RESTART_SECONDS = 0.3
OPERATOR = "operator"
READER = "reader"

CreateApp = Callable[[], web.Application]
Declare = Callable[["Cluster"], None]


def settings(*, interval_seconds: float | None = 0.5, deadline_seconds: float = 5.0, **others: Any) -> Settings:
    """A coordinator's settings for a simulation: cuts come often, and nobody is waited for for long."""
    given: dict[str, Any] = {
        **{"missing_seconds": 5.0, "registry_call_seconds": 1.0, "registry_patience_seconds": 5.0},
        **{"collect_seconds": 0.2, "collect_per_second": 10_000.0},
        "webhooks": False,
    }
    return Settings(
        store=STORE,
        listen=Address(host="0.0.0.0", port=DEFAULT_PORT),
        computation="simulated",
        open_access=True,
        spans=False,  # a tracer provider of the program's has ids and clocks of its own
        interval_seconds=interval_seconds,
        deadline_seconds=deadline_seconds,
        **{**given, **others},
    )


class Cluster:
    """``coordinators``: how many there are; one leads. Services are declared, then everything is started together.

    All of it is on one machine, with one disk, unless a service is given a ``machine`` of its own. ``pace`` is a wish
    to the services that make work for others: 2 asks them to make half as much. ``invariants`` and ``finals`` are what
    was declared with `invariant` and `finally_`. If the coordinator keeps a replica (`upkeep.REPLICA`), that has a
    machine of its own, where an ``archivist`` collects it.
    """

    def __init__(
        self,
        simulation: Simulation,
        *,
        coordinator: Settings | None = None,
        coordinators: int = 1,
        pace: float = 1.0,
    ) -> None:
        self.simulation = simulation
        self.pace = pace
        self.invariants: dict[str, Check] = {}
        self.finals: dict[str, Check] = {}
        self._quiet: list[Callable[[], object]] = []
        self.settings = coordinator or settings()
        self.registry = SharedRegistry(simulation, self.settings.computation)
        self.coordinators: dict[str, Host] = {}
        self.services: dict[str, Host] = {}
        self.apps: dict[str, web.Application] = {}
        self.operator = simulation.host(OPERATOR, machine=OPERATOR)
        self._reader = simulation.host(READER)
        for number in range(1, coordinators + 1):
            name = "coordinator" if coordinators == 1 else f"coordinator{number}"
            host = simulation.host(name, restart_seconds=RESTART_SECONDS)
            host.main = functools.partial(self._coordinate, host)
            self.coordinators[name] = host
        self.archivist: Host | None = None
        if self.settings.replica is not None:
            source = f"file:///simulated/machines/{MACHINE}/store"
            self.archivist = upkeep.archivist(simulation, source=source, keep=self.settings.keep or "last 3")

    @property
    def machines(self) -> tuple[str, ...]:
        """All machines: those of the hosts, in the order in which they were declared."""
        hosts = (*self.coordinators.values(), *self.services.values(), self.archivist)
        return tuple(dict.fromkeys(host.machine for host in hosts if host is not None))

    @property
    def coordinator_urls(self) -> list[str]:
        """Where agents reach the coordinators: for ``Agent(coordinator=...)``."""
        return [f"http://{name}:{DEFAULT_PORT}" for name in self.coordinators]

    def url(self, name: str) -> str:
        """Where a service is reached: by its name, on `SERVICE_PORT`."""
        return f"http://{name}:{SERVICE_PORT}"

    def service(self, name: str, create_app: CreateApp, *, machine: str = "machine") -> Host:
        """A service of aiohttp: ``create_app`` is called in each life, on the host, and what it returns is served."""
        return self._declare(name, lambda: self._serve(name, create_app), machine)

    def program(self, name: str, main: Callable[[], Coroutine[Any, Any, Any]], *, machine: str = "machine") -> Host:
        """A process that serves nothing: ``main`` is awaited in each life."""
        return self._declare(name, main, machine)

    def invariant(self, name: str, check: Check) -> None:
        """What must hold in every recovery point: ``check`` is given it and returns a complaint, or None."""
        declare_check(self.invariants, name, check)

    def monitor(self, monitor: Monitor) -> None:
        """What must hold in every recovery point, as a monitor of the running computation says it, too."""
        self.invariant(monitor.name, monitor)

    def finally_(self, name: str, check: Check) -> None:
        """What must hold at the end of a run, all faults healed: ``check`` returns a complaint, or None.

        It is given the last recovery point, which was taken when nothing was under way if `on_quiet` could see to it.
        """
        declare_check(self.finals, name, check)

    def on_quiet(self, call: Callable[[], object]) -> None:
        """``call`` is to make the services start nothing new; what they have begun they finish."""
        self._quiet.append(call)

    def quieten(self) -> bool:
        """Ask for quiet. Returns whether there was anybody to ask."""
        for call in self._quiet:
            call()
        return bool(self._quiet)

    def _declare(self, name: str, main: Callable[[], Coroutine[Any, Any, Any]], machine: str) -> Host:
        if name in self.simulation.hosts:
            raise ConfigurationError(f"there are two hosts called {name}; give each service a name of its own")
        host = self.simulation.host(name, main, machine=machine, restart_seconds=RESTART_SECONDS)
        self.services[name] = host
        return host

    # ------------------------------------------------------------------------------------------------------- running

    def start(self) -> None:
        """Start every host: the coordinators and the services, in no particular order in virtual time."""
        self.operator.start()
        for host in (*self.coordinators.values(), *self.services.values()):
            self.simulation.agenda.after(self.simulation.chance.random() * 0.05, host.start)
        if self.archivist is not None:
            self.archivist.start()

    def ask(self, question: Callable[[CoordinatorClient], Coroutine[Any, Any, T]], *, seconds: float = 60.0) -> T:
        """Ask the coordinators as an operator does, and let the simulation run until they have answered."""

        async def asking() -> T:
            async with CoordinatorClient(self.coordinator_urls[0]) as client:
                return await question(client)

        answer: T = self.simulation.complete(asking(), on=self.operator, seconds=seconds)
        return answer

    def inspect(self, look: Callable[[Backend], T]) -> T:
        """Look into the store as it is at this moment; no virtual time passes."""
        return self._look_into(MACHINE, self.settings.store, look)

    def inspect_replica(self, look: Callable[[Backend], T]) -> T:
        """The same for the replica. Raises `ConfigurationError` if there is none."""
        if self.settings.replica is None:
            raise ConfigurationError("this cluster has no replica; nothing was looked at; give its coordinator one")
        return self._look_into(upkeep.MACHINE, upkeep.AT_HOME, look)

    @property
    def replica_changes(self) -> int:
        """Grows whenever something on the replica's machine is written, flushed or deleted."""
        return self.simulation.disk(upkeep.MACHINE).operations if self.archivist is not None else 0

    def _look_into(self, machine: str, url: str, look: Callable[[Backend], T]) -> T:
        folder = url.removeprefix(f"file://{PREFIX}")
        with self.simulation.running(self._reader):
            return look(Look(self.simulation.disk(machine).tree, folder, url))

    # --------------------------------------------------------------------------------------------------- what hosts do

    async def _coordinate(self, host: Host) -> None:
        told = dataclasses.replace(self.settings)

        async def registry_at() -> Registry:
            return self.registry.client(host, patience_seconds=told.registry_call_seconds)

        evaluator = functools.partial(ThreadEvaluator, store=told.store)
        service = Service(told, await open_all(told, registry_at), evaluator)
        running = asyncio.create_task(service.run())
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, running.cancel)
        try:
            await asyncio.wait((running,))
        finally:
            running.cancel()
            await service.close()
        if not running.cancelled():
            running.result()

    async def _serve(self, name: str, create_app: CreateApp) -> None:
        """As `aiohttp.web.run_app`, which SIGTERM ends in good order, while the application starts too."""
        serving, told = asyncio.current_task(), asyncio.Event()

        def stop() -> None:
            if serving is not None and not told.is_set():
                told.set()
                serving.cancel()

        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop)
        app = self.apps[name] = create_app()
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        try:
            await runner.setup()
            await web.TCPSite(runner, "0.0.0.0", SERVICE_PORT).start()
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            if not told.is_set():
                raise
        finally:
            await runner.cleanup()
