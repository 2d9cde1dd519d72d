"""A whole computation as a Hypothesis machine: every step of every actor is drawn, and so is every fault.

After each step the cores assert their invariants and the oracle judges what has been published. At the end everything
heals and a recovery point is demanded.
"""

from __future__ import annotations

import random

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from cutpoint_simulations.world.healing import heal, settle
from cutpoint_simulations.world.oracle import Oracle
from cutpoint_simulations.world.strategies import topologies
from cutpoint_simulations.world.topology import Topology
from cutpoint_simulations.world.world import HEADQUARTERS, Action, World

INDEX = st.integers(min_value=0, max_value=999)


class WorldMachine(RuleBasedStateMachine):
    """Indices choose among what there is, so that any draw means something."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World(names=())
        self.oracle = Oracle(self.world)
        self.chance = random.Random(0)
        self.disk_fails = False

    def apply(self, action: Action) -> None:
        self.world.apply(action)
        self.oracle.judge()

    def process(self, index: int) -> str:
        names = list(self.world.participants)
        return names[index % len(names)]

    @initialize(topology=topologies(), established=st.booleans(), disk_fails=st.booleans())
    def begin(self, topology: Topology, established: bool, disk_fails: bool) -> None:
        """With a disk that fails nobody leaves: a part of somebody who has left is nobody's to write again."""
        self.world = World(names=topology.names)
        self.oracle = Oracle(self.world)
        self.disk_fails = disk_fails
        if not established:
            return
        settle(self.world, self.chance, self.apply)
        for edge in topology.edges:
            self.apply(Action(edge.opener, "open", key=edge.acceptor, pick=int(not edge.fifo)))
        heal(self.world, self.chance, self.apply)

    # ------------------------------------------------------------------------------------------- without a fault

    @rule(actor=INDEX, action=INDEX, pick=st.booleans())
    def one_thing_happens(self, actor: int, action: int, pick: bool) -> None:
        actors = [*self.world.participants, *self.world.dead, HEADQUARTERS]
        enabled = self.world.enabled(actors[actor % len(actors)])
        if enabled:
            chosen = enabled[action % len(enabled)]
            self.apply(chosen._replace(pick=int(pick)) if chosen.kind == "take" else chosen)

    @rule(seed=INDEX, steps=st.integers(min_value=1, max_value=40))
    def many_things_happen(self, seed: int, steps: int) -> None:
        chance = random.Random(seed)
        for _ in range(steps):
            actors = [*self.world.participants, *self.world.dead, HEADQUARTERS]
            enabled = self.world.enabled(chance.choice(actors))
            if enabled:
                self.apply(chance.choice(enabled))

    @precondition(lambda self: self.world.participants)
    @rule(actor=INDEX, wish=INDEX, amount=st.integers(min_value=1, max_value=5), pick=st.booleans())
    def an_application_acts(self, actor: int, wish: int, amount: int, pick: bool) -> None:
        wishes = self.world.wishes(self.process(actor))
        if wishes:
            chosen = wishes[wish % len(wishes)]
            least = min(amount, chosen.amount)
            self.apply(chosen._replace(amount=least, pick=int(pick and chosen.kind == "open")))

    @rule()
    def a_cut_is_asked_for(self) -> None:
        self.apply(Action(HEADQUARTERS, "interval"))

    # ------------------------------------------------------------------------------------------------------ faults

    @precondition(lambda self: self.world.network.wires)
    @rule(index=INDEX)
    def a_connection_breaks(self, index: int) -> None:
        wires = list(self.world.network.wires.values())
        wire = wires[index % len(wires)]
        for end in (wire.client, wire.server):
            if end in self.world.participants:
                self.apply(Action(end, "break", number=wire.number))
                return

    @precondition(lambda self: self.world.participants)
    @rule(index=INDEX)
    def a_process_is_killed(self, index: int) -> None:
        self.world.kill(self.process(index))

    @rule()
    def the_coordinator_is_killed(self) -> None:
        self.world.kill_headquarters()

    @precondition(lambda self: self.world.participants)
    @rule(index=INDEX)
    def an_agent_loses_the_coordinator(self, index: int) -> None:
        self.world.lose_control(self.process(index))

    @precondition(lambda self: self.world.headquarters is not None and self.world.headquarters.deadlines)
    @rule()
    def a_deadline_passes(self) -> None:
        assert self.world.headquarters is not None
        self.apply(Action(HEADQUARTERS, "deadline", number=next(reversed(self.world.headquarters.deadlines))))

    @precondition(lambda self: len(self.world.participants) + len(self.world.dead) < 7)
    @rule()
    def somebody_joins(self) -> None:
        taken = [*self.world.participants, *self.world.dead, *map(str, self.world.durable.ledger().members.members)]
        self.world.start(next(name for i in range(99) if (name := f"j{i}") not in taken))

    @precondition(lambda self: not self.disk_fails)
    @rule(index=INDEX)
    def somebody_leaves(self, index: int) -> None:
        running = [p.name for p in self.world.participants.values() if p.core.phase == "running" and not p.leaving]
        if len(running) > 2:
            self.world.leave(running[index % len(running)])

    @precondition(lambda self: self.disk_fails and len(self.world.durable.published) > 1)
    @rule(index=INDEX)
    def a_part_of_the_last_recovery_point_is_lost(self, index: int) -> None:
        *older, last = self.world.durable.published
        kept = [digest for point in older for digest in point.members.values()]
        lost = sorted(digest for digest in last.members.values() if digest not in kept)
        if last.parent:
            self.world.durable.disk.pop(lost[index % len(lost)], None)

    # ------------------------------------------------------------------------------------------------ what must hold

    @invariant()
    def the_cores_are_sound(self) -> None:
        for participant in self.world.participants.values():
            participant.core.check()
        if self.world.headquarters is not None:
            self.world.headquarters.core.check()

    @invariant()
    def every_recovery_point_is_a_consistent_cut(self) -> None:
        self.oracle.judge()

    def teardown(self) -> None:
        """Nothing fails any more: everything comes to rest, and a cut is published."""
        if self.world.participants or self.world.dead:
            heal(self.world, self.chance, self.apply)


WorldMachine.TestCase.settings = settings(max_examples=200, stateful_step_count=80)
TestWorldMachine = WorldMachine.TestCase
