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
from cutpoint.store import Backend, open_backend
from cutpoint_coordinator.client import CoordinatorClient
from cutpoint_coordinator.opening import Opened, bind
from cutpoint_coordinator.service import Service
from cutpoint_coordinator.settings import DEFAULT_PORT, Address, Settings
from cutpoint_simulations.cluster.invariants import Check, declare_check
from cutpoint_simulations.cluster.registry import SharedRegistry
from cutpoint_simulations.loop import Host, Simulation

T = TypeVar("T")

STORE = "file:///simulated/store"
SERVICE_PORT = 8080
RESTART_SECONDS = 0.3
OPERATOR = "operator"
READER = "reader"

CreateApp = Callable[[], web.Application]
Declare = Callable[["Cluster"], None]


def settings(*, interval_seconds: float | None = 0.5, deadline_seconds: float = 5.0, **others: Any) -> Settings:
    """A coordinator's settings for a simulation: cuts come often, and nobody is waited for for long."""
    given: dict[str, Any] = {"missing_seconds": 5.0, "registry_call_seconds": 1.0, "registry_patience_seconds": 5.0}
    return Settings(
        store=STORE,
        listen=Address(host="0.0.0.0", port=DEFAULT_PORT),
        computation="simulated",
        interval_seconds=interval_seconds,
        deadline_seconds=deadline_seconds,
        **{**given, **others},
    )


class Cluster:
    """``coordinators``: how many there are; one leads. Services are declared, then everything is started together.

    All of it is on one machine, with one disk, unless a service is given a ``machine`` of its own. ``pace`` is a wish
    to the services that make work for others: 2 asks them to make half as much. ``invariants`` and ``finals`` are what
    was declared with `invariant` and `finally_`.
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

    def ask(self, question: Callable[[CoordinatorClient], Coroutine[Any, Any, T]], *, seconds: float = 60.0) -> T:
        """Ask the coordinators as an operator does, and let the simulation run until they have answered."""

        async def asking() -> T:
            async with CoordinatorClient(self.coordinator_urls[0]) as client:
                return await question(client)

        answer: T = self.simulation.complete(asking(), on=self.operator, seconds=seconds)
        return answer

    def inspect(self, look: Callable[[Backend], T]) -> T:
        """Look into the store as it is at this moment; no virtual time passes."""
        reader = self._reader
        reader.files = self.simulation.mount(reader.machine)
        with self.simulation.running(reader):
            return look(open_backend(self.settings.store))

    # --------------------------------------------------------------------------------------------------- what hosts do

    async def _coordinate(self, host: Host) -> None:
        told = dataclasses.replace(self.settings)
        backend = open_backend(told.store)
        listener = await bind(told.listen)
        await asyncio.to_thread(backend.check_writable)
        opened = Opened(
            listener=listener,
            url=f"http://{host.name}:{DEFAULT_PORT}",
            registry=self.registry.client(host, patience_seconds=told.registry_call_seconds),
            backend=backend,
        )
        service = Service(told, opened)
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
