"""A fault as a value, the places where one can happen, and what is known of a kind of faults."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from cutpoint.errors import ConfigurationError

if TYPE_CHECKING:
    from cutpoint_simulations.cluster import Cluster
    from cutpoint_simulations.loop import Host

LEADER = "leader"
"""As a target: whichever coordinator leads when the fault begins."""


class Fault(msgspec.Struct, frozen=True, kw_only=True, repr_omit_defaults=True):
    """One thing that goes wrong. What `target`, `other` and `amount` mean is up to the kind.

    ``at``: the virtual time at which it begins, where it is part of a plan; ``seconds``: how long it lasts, 0 for what
    is over at once. Groups of hosts are names joined by commas.
    """

    kind: str
    target: str = ""
    other: str = ""
    at: float = 0.0
    seconds: float = 0.0
    amount: float = 0.0


Plan = tuple[Fault, ...]
"""The faults of one run, in the order of their beginnings."""

End = Callable[[], None]
"""Ends what a fault began. Called once, at the fault's end or when all is healed; what it ends may be over already."""


class Places(msgspec.Struct, frozen=True, kw_only=True):
    """Where faults can happen: names of hosts and machines."""

    services: tuple[str, ...]
    coordinators: tuple[str, ...]
    machines: tuple[str, ...]

    @classmethod
    def of(cls, cluster: Cluster) -> Places:
        """The places of a cluster whose services are declared."""
        return cls(
            services=tuple(cluster.services), coordinators=tuple(cluster.coordinators), machines=cluster.machines
        )

    @property
    def hosts(self) -> tuple[str, ...]:
        """Every process."""
        return (*self.coordinators, *self.services)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Kind:
    """What `draw` and `Injection` have to know. ``about`` is one line for people, without a full stop.

    ``draw`` gives a fault whose ``at`` does not matter. ``begin`` does it, and returns what ends it; None: it is over,
    or it could not be done as things stand. ``words`` tells one fault; it is formatted with the fault's fields.
    ``possible`` says whether there is a place for it; ``share`` is how often it is drawn, compared with the others.
    """

    name: str
    about: str
    words: str
    draw: Callable[[random.Random, Places], Fault]
    begin: Callable[[Fault, Cluster], End | None]
    possible: Callable[[Places], bool] = lambda places: True
    share: float = 1.0

    def tell(self, fault: Fault) -> str:
        """The fault in words."""
        return self.words.format(**msgspec.structs.asdict(fault))


def short_time(chance: random.Random) -> float:
    """Seconds: mostly fractions of one, seldom more than two."""
    return round(0.02 + 3 * chance.random() ** 3, 3)


def find_host(cluster: Cluster, name: str) -> Host:
    """The host that ``name`` means at this moment. Raises `ConfigurationError` if there is none."""
    if name == LEADER:
        return _leader(cluster)
    host = cluster.simulation.hosts.get(name)
    if host is None:
        known = ", ".join(cluster.simulation.hosts)
        raise ConfigurationError(f"no host is called {name!r}; nothing went wrong there; the hosts are {known}")
    return host


def _leader(cluster: Cluster) -> Host:
    leader = cluster.registry.leader()
    for host in cluster.coordinators.values():
        if leader is not None and f"//{host.name}:" in leader.address:
            return host
    return next(iter(cluster.coordinators.values()))


def group(names: str) -> tuple[str, ...]:
    """The hosts of a group."""
    return tuple(name for name in names.split(",") if name)
