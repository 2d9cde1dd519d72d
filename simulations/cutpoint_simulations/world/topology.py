"""Who talks to whom at the start: processes, and the sessions that are open before anything fails.

Cycles and several sessions between the same two processes are as good as any; a session need not keep order.
"""

from __future__ import annotations

import dataclasses
import random


@dataclasses.dataclass(frozen=True, slots=True)
class Edge:
    """One session, that is two channels. ``fifo``: whether they keep order."""

    opener: str
    acceptor: str
    fifo: bool = True

    def __post_init__(self) -> None:
        if self.opener == self.acceptor:
            raise ValueError(f"{self.opener} cannot open a session to itself")


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Topology:
    """The processes that exist at the start, and their sessions."""

    names: tuple[str, ...]
    edges: tuple[Edge, ...] = ()

    def __post_init__(self) -> None:
        ends = [end for edge in self.edges for end in (edge.opener, edge.acceptor)]
        if strangers := sorted(end for end in dict.fromkeys(ends) if end not in self.names):
            raise ValueError(f"sessions of {strangers}, which are no processes")


def ring(size: int, *, fifo: bool = True) -> Topology:
    """A cycle of ``size`` processes, each of which has opened a session to the next."""
    names = _names(size)
    return Topology(names=names, edges=tuple(Edge(names[i], names[(i + 1) % size], fifo) for i in range(size)))


def drawn(chance: random.Random, size: int, *, sessions: float = 1.5, unordered: float = 0.4) -> Topology:
    """``size`` processes and about ``sessions`` sessions for each, of which a share of ``unordered`` keep no order."""
    names = _names(size)
    edges = []
    for _ in range(round(size * sessions)):
        opener, acceptor = chance.sample(names, 2)
        edges.append(Edge(opener, acceptor, chance.random() >= unordered))
    return Topology(names=names, edges=tuple(edges))


def _names(size: int) -> tuple[str, ...]:
    return tuple(f"p{i}" for i in range(size))
