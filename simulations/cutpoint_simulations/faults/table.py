"""Every kind of faults that there is, by its name."""

from __future__ import annotations

from collections.abc import Iterable

from cutpoint.errors import ConfigurationError
from cutpoint_simulations.faults import clocks, machines, network, operator, processes, registry
from cutpoint_simulations.faults.fault import Kind

KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        *network.KINDS,
        *processes.KINDS,
        *machines.KINDS,
        *clocks.KINDS,
        *registry.KINDS,
        *operator.KINDS,
    )
}


def find_kinds(names: Iterable[str]) -> tuple[Kind, ...]:
    """The kinds of these names. Raises `ConfigurationError` for one that there is not."""
    found = []
    for name in names:
        if name not in KINDS:
            raise ConfigurationError(
                f"there is no kind of faults called {name!r}; nothing was run; choose from {', '.join(KINDS)}"
            )
        found.append(KINDS[name])
    return tuple(found)
