"""What a program takes from its surroundings, kept as state: the time, random numbers, timers; and what it waits for.

A replay is given the same ones, and a recovery goes on with them. They are recorded under names that no state of a
service can have, and before the service's own hooks are run at a restore, they are in place.
"""

from __future__ import annotations

from cutpoint.protocol.process import Process
from cutpoint.state import States
from cutpoint.state.built_in import TIMERS_STATE, WAITS_STATE
from cutpoint_agents.activity import Activity
from cutpoint_agents.chance import RANDOM_STATE, AnyRandom, Chance
from cutpoint_agents.clock import CLOCK_STATE, Clock
from cutpoint_agents.timers import Handler, Timer, Timers
from cutpoint_agents.turns import Turns
from cutpoint_agents.waiting import Waits


class Surroundings:
    """The clock, chance, timers and waits of one process, declared in ``states``, which has no hooks yet."""

    def __init__(
        self, states: States, *, entropy: AnyRandom, process: Process, turns: Turns, activity: Activity
    ) -> None:
        self.clock = Clock()
        self.chance = Chance(entropy)
        self.timers = Timers(clock=self.clock, turns=turns)
        self._activity = activity
        states.built_in(CLOCK_STATE, self.clock.built_in())
        states.built_in(RANDOM_STATE, self.chance.built_in())
        states.built_in(TIMERS_STATE, self.timers.built_in())
        self.waits = Waits(process=process, turns=turns)
        states.built_in(WAITS_STATE, self.waits.built_in())

    def timer(self, name: str, handler: Handler) -> Timer:
        """Declare timers of this name; they fire while the process runs."""
        first = not self.timers.declared
        timer = self.timers.declare(name, handler)
        if first:
            self._activity.declare(self.timers.run)
        return timer
