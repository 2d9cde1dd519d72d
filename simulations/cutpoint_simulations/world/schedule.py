"""A seeded schedule: who acts next, what fails, and what is demanded when everything has healed.

A run has a safety phase, in which anything may happen, and a progress phase, in which nothing fails any more and a cut
has to be published. Every recovery point of either phase goes before the oracle. The same seed gives the same run.
"""

from __future__ import annotations

import dataclasses
import functools
import random
from collections.abc import Callable

from cutpoint.names import ProcessName
from cutpoint_simulations.world.faults import RELIEFS, can_leave, parts_to_lose
from cutpoint_simulations.world.healing import NoProgress, heal, settle
from cutpoint_simulations.world.history import History
from cutpoint_simulations.world.odds import CALM, FICKLE, SPOILT, STORM, STORMY, Odds, Wishes
from cutpoint_simulations.world.oracle import Oracle
from cutpoint_simulations.world.topology import Topology, drawn
from cutpoint_simulations.world.world import HEADQUARTERS, Action, World

__all__ = ["CALM", "FICKLE", "STORM", "NoProgress", "Odds", "Outcome", "Schedule", "Wishes", "numbered"]

PROCESSES_MAX = 10
"""Nobody joins a schedule that has as many processes, so that the counts say what they say."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of one schedule. ``steps`` were taken in all; ``in_flight`` counts over all recovery points."""

    seed: int
    steps: int
    published: int
    abandoned: int
    recoveries: int
    in_flight: int


class Schedule:
    """One run of a world. ``processes`` exist at the start; ``steps`` is the length of the safety phase.

    With a ``topology`` its sessions are open, and there is a recovery point, before anything fails; without one
    everybody has to join and connect in the midst of it.
    """

    def __init__(
        self, *, seed: int, processes: int, steps: int, odds: Odds | None = None, topology: Topology | None = None
    ) -> None:
        self.seed = seed
        self.odds = odds if odds is not None else Odds()
        self._names = topology.names if topology is not None else tuple(f"p{i}" for i in range(processes))
        self._taken: list[Action] = []
        self.world = World(names=self._names)
        self.oracle = Oracle(self.world)
        self._random = random.Random(seed)
        self._topology = topology
        self._steps_planned = steps
        self._steps = 0
        self._joined = 0

    def run(self) -> Outcome:
        """Both phases; an AssertionError if anything is wrong."""
        try:
            if self._topology is not None:
                self._establish(self._topology)
            for _ in range(self._steps_planned):
                self._chaos()
            heal(self.world, self._random, self._apply)
        except AssertionError as failure:
            failure.add_note(f"in the schedule of seed {self.seed}, after {self._steps} steps")
            raise
        durable = self.world.durable
        ledger = durable.ledger()
        return Outcome(
            seed=self.seed,
            steps=self._steps,
            published=len(durable.published),
            abandoned=len(ledger.abandoned),
            recoveries=len(ledger.recoveries),
            in_flight=self.oracle.in_flight,
        )

    def history(self) -> History:
        """What has happened so far. When the run has failed its last action is the one at which it did."""
        return History(names=self._names, actions=tuple(self._taken))

    def _apply(self, action: Action) -> None:
        self._taken.append(action)
        self._taken[-1] = self.world.apply(action)
        self._steps += 1
        self.oracle.judge(action)

    def _establish(self, topology: Topology) -> None:
        """Everybody joins, the sessions are opened, and a first cut is published while everybody pays."""
        settle(self.world, self._random, self._apply)
        for edge in topology.edges:
            self._apply(Action(edge.opener, "open", key=edge.acceptor, pick=int(not edge.fifo)))
        settle(self.world, self._random, self._apply)
        for _ in range(2):
            for name in topology.names:
                payments = [action for action in self.world.wishes(name) if action.kind == "send"]
                if payments:
                    self._apply(self._detailed(self._random.choice(payments)))
        self._apply(Action(HEADQUARTERS, "interval"))
        heal(self.world, self._random, self._apply)

    def _chaos(self) -> None:
        if (fault := self._fault()) is not None:
            if (action := fault()) is not None:
                self._apply(action)
            else:
                self._steps += 1
            return
        actors = [*self.world.participants, *self.world.dead, HEADQUARTERS]
        if self.odds.spell and self._steps // self.odds.spell % 3:
            self._without_wishes(actors)
            return
        actor = self._random.choice(actors)
        if actor == HEADQUARTERS and self._random.random() < self.odds.interval * len(self.world.participants):
            self._apply(Action(HEADQUARTERS, "interval"))
            return
        actions = self.world.enabled(actor)
        if not actions or self._random.random() < self.odds.wish:
            actions = self._wish(actor) or actions
        self._one_of(actions)

    def _one_of(self, actions: list[Action]) -> None:
        """One of these happens, or fails, or nothing does."""
        if actions:
            action = self._random.choice(actions)
            if action.kind not in RELIEFS or self._random.random() < self.odds.relief:
                self._apply(self._spoilt(action) or self._detailed(action))
                return
        self._steps += 1

    def _without_wishes(self, actors: list[str]) -> None:
        """Somebody does what there is to do, and when there is nothing, another cut is due."""
        self._random.shuffle(actors)
        actions = next((actions for actor in actors if (actions := self.world.enabled(actor))), None)
        self._one_of(actions or [Action(HEADQUARTERS, "interval")])

    def _wish(self, actor: str) -> list[Action]:
        """What an application wants to do next: one kind of thing, mostly to pay."""
        wishes = self.world.wishes(actor)
        kinds = tuple(dict.fromkeys(wish.kind for wish in wishes))
        if not kinds:
            return []
        (kind,) = self._random.choices(kinds, [getattr(self.odds.wishes, kind.replace(" ", "_")) for kind in kinds])
        return [wish for wish in wishes if wish.kind == kind]

    def _detailed(self, action: Action) -> Action:
        """Fill in what is the chooser's: how much is paid, whether a turn stays open, whether a channel keeps order."""
        match action.kind:
            case "send":
                return action._replace(amount=self._random.randint(1, max(1, action.amount // 8)))
            case "take":
                return action._replace(pick=int(self._random.random() < self.odds.hold_turn))
            case "open":
                return action._replace(pick=int(self._random.random() < self.odds.unordered))
        return action

    # ----------------------------------------------------------------------------------------------------- faults

    def _fault(self) -> Callable[[], Action | None] | None:
        """What fails in this step, if anything; it may turn out that there is nothing to fail."""
        odds = self.odds
        dice = self._random.random()
        faults: tuple[tuple[float, Callable[[], Action | None]], ...] = (
            (odds.kill, self._kill),
            (odds.kill_coordinator, lambda: Action(HEADQUARTERS, "kill")),
            (odds.break_connection, self._break),
            (odds.deadline, self._deadline),
            (odds.lose_part, self._lose_part),
            (odds.join, self._join),
            (odds.leave, self._leave),
            (odds.lose_control, self._lose_control),
            *((getattr(odds, name), functools.partial(self._any, name.replace("_", " "))) for name in STORMY),
        )
        for chance, fault in faults:
            if dice < chance:
                return fault
            dice -= chance
        return None

    def _any(self, kind: str) -> Action | None:
        possible = [action for action in self.world.faults() if action.kind == kind]
        return self._random.choice(possible) if possible else None

    def _spoilt(self, action: Action) -> Action | None:
        """How this may fail instead, if it does."""
        if not self.odds.spoil or action.kind not in SPOILT or self._random.random() >= self.odds.spoil:
            return None
        possible = [a for a in self.world.faults() if a.actor == action.actor and a.kind in SPOILT[action.kind]]
        return self._random.choice(possible) if possible else None

    def _kill(self) -> Action | None:
        names = list(self.world.participants)
        return Action(self._random.choice(names), "kill") if names else None

    def _break(self) -> Action | None:
        wires = list(self.world.network.wires.values())
        if not wires:
            return None
        wire = self._random.choice(wires)
        actor = wire.client if wire.client in self.world.participants else wire.server
        return Action(actor, "break", number=wire.number) if actor in self.world.participants else None

    def _lose_control(self) -> Action | None:
        """An agent's connection to the coordinator breaks; both live on."""
        names = list(self.world.participants)
        return Action(self._random.choice(names), "lose control") if names else None

    def _deadline(self) -> Action | None:
        headquarters = self.world.headquarters
        if headquarters is None or not headquarters.deadlines:
            return None
        return Action(HEADQUARTERS, "deadline", number=next(reversed(headquarters.deadlines)))

    def _lose_part(self) -> Action | None:
        """A disk loses a part of the newest recovery point, as long as there is one before it."""
        points = self.world.durable.published
        if self.seed % 2 == 0 or len(points) < 2 or not points[-1].parent:
            return None
        digest = self._random.choice(sorted(points[-1].members.values()))
        return next((action for action in parts_to_lose(self.world) if self._is_of(action, digest)), None)

    def _is_of(self, action: Action, digest: str) -> bool:
        return self.world.durable.published[-1].members[ProcessName(action.actor)] == digest

    def _join(self) -> Action | None:
        if len(self.world.participants) + len(self.world.dead) >= PROCESSES_MAX or self._joined >= 3:
            return None
        self._joined += 1
        return Action(f"j{self._joined}", "join")

    def _leave(self) -> Action | None:
        """A process leaves for good."""
        candidates = [p.name for p in self.world.participants.values() if can_leave(p)]
        if len(candidates) <= 2 or self.seed % 2:
            return None
        return Action(self._random.choice(candidates), "leave")


def numbered(seed: int, *, processes: int = 10, steps: int = 400, storm: bool = False) -> Schedule:
    """Schedule number ``seed`` of a series with up to ``processes`` processes, or exactly so many if more than 10.

    By turns there are many faults or few, they start cold or established, and applications pay or open and close. In a
    ``storm`` everything that can fail does.
    """
    size = 2 + seed % (processes - 1) if processes <= PROCESSES_MAX else processes
    calm = seed // 2 % 2 == 1 or processes > PROCESSES_MAX
    established = seed // 4 % 2 == 1 or processes > PROCESSES_MAX
    topology = drawn(random.Random(seed), size) if established else None
    odds = CALM if calm else Odds()
    if storm:
        odds = dataclasses.replace(odds, **STORM)
    odds = odds.among(size)
    if seed // 8 % 2 == 1:
        odds = dataclasses.replace(odds, wishes=FICKLE, break_connection=4 * odds.break_connection)
    return Schedule(seed=seed, processes=size, steps=steps, odds=odds, topology=topology)
