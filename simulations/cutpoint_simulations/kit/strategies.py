"""Strategies for what is chosen in a run: seeds, schedules, faults, and computations to try Cutpoint itself with.

    @given(seed=seeds(), scenario=schedules(declare), plan=faults(declare, kinds=("kill",)))
    def test_no_money_is_lost(seed, scenario, plan):
        check(seed, scenario, plan=plan)

All of them shrink towards what is easy to read: fewer faults, early and short ones of the first kinds; calm weather;
fewer services that send less. A seed shrinks too, but a smaller one is only shorter to write.
"""

from __future__ import annotations

import functools
import random
from collections.abc import Sequence

import msgspec
from hypothesis import strategies as st

from cutpoint_simulations.cluster import Declare
from cutpoint_simulations.faults import KINDS, Fault, Places, Plan, find_kinds
from cutpoint_simulations.faults.fault import Kind
from cutpoint_simulations.kit.traffic import Send, Traffic, Workload
from cutpoint_simulations.loop import Weather
from cutpoint_simulations.loop.simulation import TURN_SECONDS
from cutpoint_simulations.runs import Scenario, Trial
from cutpoint_simulations.runs.scenario import SAFETY_SECONDS
from cutpoint_simulations.world.topology import Edge, Topology

FAULTS_MOST = 5
SERVICES_MOST = 4
CHANNELS_MOST = 6
SENDS_MOST = 12

_TENTH_SECONDS = 0.1
_SHARE = 0.5
"""Shares of kinds are multiples of it."""


def seeds() -> st.SearchStrategy[int]:
    """Numbers that decide all that nothing else decides."""
    return st.integers(min_value=0, max_value=2**16)


# --------------------------------------------------------------------------------------------------------------- faults


def faults(
    of: Scenario | Declare | Places,
    *,
    kinds: Sequence[str] | None = None,
    seconds: float = SAFETY_SECONDS,
    most: int = FAULTS_MOST,
) -> st.SearchStrategy[Plan]:
    """Plans of up to ``most`` faults of these ``kinds`` (None: all) that begin within ``seconds``.

    ``of``: what they may happen to: services as a function declares them, those of a scenario, or names of hosts.
    Raises `ConfigurationError` for a kind that there is not, and if the services cannot be declared.
    """
    find_kinds(kinds or ())
    return st.deferred(lambda: _plans(places_of(of), kinds, seconds, most))


def _plans(places: Places, kinds: Sequence[str] | None, seconds: float, most: int) -> st.SearchStrategy[Plan]:
    if not possible_kinds(places, kinds):
        return st.just(())
    times = st.integers(min_value=0, max_value=max(0, round(seconds / _TENTH_SECONDS) - 1))
    timed = st.builds(_at_tenth, single_faults(places, kinds=kinds), times)
    return st.lists(timed, max_size=most).map(lambda found: tuple(sorted(found, key=lambda fault: fault.at)))


def _at_tenth(fault: Fault, tenth: int) -> Fault:
    return msgspec.structs.replace(fault, at=round((1 + tenth) * _TENTH_SECONDS, 1))


def single_faults(places: Places, *, kinds: Sequence[str] | None = None) -> st.SearchStrategy[Fault]:
    """One fault, to begin whenever it is wanted. Raises `ConfigurationError` for a kind that there is not."""
    possible = possible_kinds(places, kinds)
    by_share = [kind for kind in possible for _ in range(round(kind.share / _SHARE))]
    return st.sampled_from(by_share).flatmap(lambda kind: _of_kind(kind, places))


def possible_kinds(places: Places, kinds: Sequence[str] | None = None) -> tuple[Kind, ...]:
    """The kinds of these names (None: all) for which there is a place."""
    return tuple(kind for kind in find_kinds(KINDS if kinds is None else kinds) if kind.possible(places))


def _of_kind(kind: Kind, places: Places) -> st.SearchStrategy[Fault]:
    """Hypothesis is the chance that the kind draws from, and shrinks what it draws."""

    def drawn(chance: random.Random) -> Fault:
        return msgspec.structs.replace(kind.draw(chance, places), at=0.0)

    return st.randoms(use_true_random=False).map(drawn)


@functools.lru_cache(maxsize=64)
def places_of(of: Scenario | Declare | Places) -> Places:
    """Where faults can happen. Raises `ConfigurationError` if the services cannot be declared."""
    if isinstance(of, Places):
        return of
    if not isinstance(of, Scenario):
        of = Scenario(name=getattr(of, "__name__", "services"), declare=of, replicated=False)
    with Trial(0, of) as trial:
        return Places.of(trial.cluster)


# ------------------------------------------------------------------------------------------------------------ schedules


@st.composite
def schedules(
    draw: st.DrawFn,
    declare: Declare,
    *,
    name: str = "",
    seconds_most: float = SAFETY_SECONDS,
    coordinators_most: int = 1,
) -> Scenario:
    """How ``declare``'s services are run: for how long, how often cut, in which order, in which weather."""
    tenths = st.integers(min_value=5, max_value=max(5, round(seconds_most / _TENTH_SECONDS)))
    return Scenario(
        name=name or getattr(declare, "__name__", "services"),
        declare=declare,
        seconds=round(draw(tenths) * _TENTH_SECONDS, 1),
        interval_seconds=draw(st.sampled_from([0.5, 0.25, 0.1])),
        coordinators=draw(st.integers(min_value=1, max_value=coordinators_most)),
        weather=draw(weathers()),
        shuffled=draw(st.booleans()),
        preempted=draw(st.sampled_from([0.0, 0.1])),
        turn_seconds=draw(st.sampled_from([TURN_SECONDS, 0.001])),
        keep=draw(st.sampled_from(["", "last 2"])),
        replicated=draw(st.booleans()),
    )


def weathers() -> st.SearchStrategy[Weather]:
    """Networks from fast and even ones to slow and fitful ones."""
    latencies = st.sampled_from([0.0002, 0.001, 0.01, 0.05])
    return st.builds(
        lambda latency, jitter, split: Weather(
            latency_seconds=latency, jitter_seconds=round(latency * jitter, 6), split=split
        ),
        latencies,
        st.sampled_from([0.1, 1.0, 4.0]),
        st.sampled_from([0.0, 0.05, 0.2]),
    )


# --------------------------------------------------------------------------------------------------------- computations


@st.composite
def topologies(draw: st.DrawFn, *, services_most: int = SERVICES_MOST, channels_most: int = CHANNELS_MOST) -> Topology:
    """Two services or more, and who opens a channel to whom, once each: chains, cycles, stars, or nobody to anybody."""
    names = tuple(f"service{number}" for number in range(1, draw(st.integers(2, services_most)) + 1))
    pairs = st.permutations(names).map(lambda order: (order[0], order[1]))
    return Topology(
        names=names,
        edges=tuple(
            Edge(opener, acceptor) for opener, acceptor in draw(st.lists(pairs, max_size=channels_most, unique=True))
        ),
    )


@st.composite
def workloads(draw: st.DrawFn, topology: Topology, *, sends_most: int = SENDS_MOST, amount_most: int = 100) -> Workload:
    """Who sends how much to whom, and how long after the one before; over the channels of ``topology``."""
    if not topology.edges:
        return ()
    sends = st.builds(
        lambda edge, amount, pause_seconds: Send(
            sender=edge.opener, receiver=edge.acceptor, amount=amount, pause_seconds=pause_seconds
        ),
        st.sampled_from(topology.edges),
        st.integers(min_value=1, max_value=amount_most),
        st.sampled_from([0.1, 0.01, 0.0, 0.5]),
    )
    return tuple(draw(st.lists(sends, max_size=sends_most)))


@st.composite
def traffic(draw: st.DrawFn, *, services_most: int = SERVICES_MOST, sends_most: int = SENDS_MOST) -> Traffic:
    """Services that do nothing but send each other what a workload says: a ``declare`` for Cutpoint's own trial."""
    topology = draw(topologies(services_most=services_most))
    return Traffic(topology=topology, workload=draw(workloads(topology, sends_most=sends_most)))
