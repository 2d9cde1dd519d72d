"""Hypothesis draws topologies and schedules, and shrinks a failure to the smallest computation that shows it."""

from __future__ import annotations

from hypothesis import strategies as st

from cutpoint_simulations.world.schedule import CALM, FICKLE, Odds, Schedule, Wishes
from cutpoint_simulations.world.topology import Edge, Topology

__all__ = ["odds", "schedules", "topologies"]


@st.composite
def topologies(draw: st.DrawFn, *, processes_max: int = 5, sessions_max: int = 8) -> Topology:
    """Two processes or more, and any sessions between them: none, cycles, several between the same two."""
    size = draw(st.integers(min_value=2, max_value=processes_max))
    names = tuple(f"p{i}" for i in range(size))
    ends = st.lists(st.sampled_from(names), min_size=2, max_size=2, unique=True)
    edges = st.builds(lambda pair, fifo: Edge(pair[0], pair[1], fifo), ends, st.booleans())
    return Topology(names=names, edges=tuple(draw(st.lists(edges, max_size=sessions_max))))


def odds() -> st.SearchStrategy[Odds]:
    """Few faults or many, and applications that pay or that open and close."""
    return st.builds(
        Odds,
        interval=st.sampled_from([CALM.interval, 0.05]),
        deadline=st.sampled_from([0.0, CALM.deadline, Odds.deadline]),
        kill=st.sampled_from([0.0, CALM.kill, Odds.kill]),
        kill_coordinator=st.sampled_from([0.0, CALM.kill_coordinator, Odds.kill_coordinator]),
        break_connection=st.sampled_from([0.0, Odds.break_connection, 0.05]),
        lose_control=st.sampled_from([0.0, Odds.lose_control]),
        lose_part=st.sampled_from([0.0, 0.005]),
        join=st.sampled_from([0.0, 0.01]),
        leave=st.sampled_from([0.0, 0.01]),
        wish=st.sampled_from([0.1, Odds.wish, 0.7]),
        unordered=st.sampled_from([0.0, Odds.unordered, 1.0]),
        hold_turn=st.sampled_from([0.0, Odds.hold_turn, 0.6]),
        pause=st.sampled_from([0.0, 0.005]),
        sever=st.sampled_from([0.0, 0.005]),
        hold=st.sampled_from([0.0, 0.02]),
        duplicate=st.sampled_from([0.0, 0.02]),
        drop=st.sampled_from([0.0, 0.01]),
        registry_fails=st.sampled_from([0.0, 0.005]),
        tear=st.sampled_from([0.0, 0.01]),
        spoil=st.sampled_from([0.0, 0.12]),
        relief=st.sampled_from([0.1, 1.0]),
        wishes=st.sampled_from([Wishes(), FICKLE]),
    )


@st.composite
def schedules(draw: st.DrawFn, *, steps_max: int = 300) -> Schedule:
    """A schedule that has not run yet. Its chance comes from a drawn seed, which shrinks to nothing simpler."""
    topology = draw(topologies())
    return Schedule(
        seed=draw(st.integers(min_value=0, max_value=1 << 16)),
        processes=len(topology.names),
        steps=draw(st.integers(min_value=0, max_value=steps_max)),
        odds=draw(odds()),
        topology=draw(st.sampled_from([topology, None])),
    )
