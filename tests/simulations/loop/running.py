"""Small simulations for tests."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from cutpoint_simulations.loop import Host, Simulation

T = TypeVar("T")

Program = Callable[[], Coroutine[Any, Any, T]]


def on_host(program: Program[T], *, seed: int = 1, shuffled: bool | None = False, seconds: float = 600.0) -> T:
    """What ``program`` returns on a host of its own. Whatever nobody caught is raised."""
    with Simulation(seed, shuffled=shuffled) as simulation:
        host = started(simulation, "host")
        result: T = simulation.complete(program(), on=host, seconds=seconds)
        simulation.check()
    assert simulation.unhandled == []
    return result


def started(simulation: Simulation, name: str, main: Program[Any] | None = None, **options: Any) -> Host:
    """A host that lives; without ``main`` it does nothing by itself."""
    host = simulation.host(name, main, **options)
    host.start()
    return host
