"""A seeded schedule: who acts next, what fails, and what is demanded when everything has healed.

A run has a safety phase, in which anything may happen, and a progress phase, in which nothing fails any more and a cut
has to be published. Every recovery point of either phase goes before the oracle. The same seed gives the same run.
"""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable

from cutpoint.names import ProcessName
from cutpoint_simulations.world.healing import NoProgress, heal, settle
from cutpoint_simulations.world.history import History
from cutpoint_simulations.world.offers import can_leave, parts_to_lose
from cutpoint_simulations.world.oracle import Oracle
from cutpoint_simulations.world.topology import Topology, drawn
from cutpoint_simulations.world.world import HEADQUARTERS, Action, World

__all__ = ["NoProgress", "Odds", "Outcome", "Schedule", "numbered"]

PROCESSES_MAX = 10
"""Nobody joins a schedule that has as many processes, so that the counts say what they say."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Wishes:
    """How often an application wants what, of what it can have. The kinds are those of `World.wishes`."""

    send: float = 8.0
    open: float = 1.0
    close: float = 0.3
    redial: float = 1.0
    give_up: float = 0.1


@dataclasses.dataclass(frozen=True, kw_only=True)
class Odds:
    """How often, per step, something fails, and how often a cut is asked for. All between 0 and 1."""

    interval: float = 0.02
    deadline: float = 0.002
    kill: float = 0.002
    kill_coordinator: float = 0.001
    break_connection: float = 0.01
    lose_control: float = 0.001
    lose_part: float = 0.0005
    join: float = 0.0015
    leave: float = 0.001
    wish: float = 0.35
    unordered: float = 0.4
    hold_turn: float = 0.2
    wishes: Wishes = Wishes()

    def among(self, processes: int) -> Odds:
        """As often in the time in which every process acts once, however many there are: 10 or fewer are the measure.

        Connections break as often as before, because there are more of them.
        """
        share = min(1.0, 10 / processes)
        rare = ("interval", "deadline", "kill", "kill_coordinator", "lose_control", "lose_part", "join", "leave")
        return dataclasses.replace(self, **{name: getattr(self, name) * share for name in rare})


CALM = Odds(deadline=0.0003, kill=0.0005, kill_coordinator=0.0003, break_connection=0.005, lose_control=0.0003)
"""Seldom enough that most cuts come through, with many messages under way."""

FICKLE = Wishes(send=2.0, open=2.0, close=1.5, give_up=0.5)
"""Sessions are short, and their names are used again."""


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
        self.oracle.judge()

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
        actor = self._random.choice([*self.world.participants, *self.world.dead, HEADQUARTERS])
        if actor == HEADQUARTERS and self._random.random() < self.odds.interval * len(self.world.participants):
            self._apply(Action(HEADQUARTERS, "interval"))
            return
        actions = self.world.enabled(actor)
        if not actions or self._random.random() < self.odds.wish:
            actions = self._wish(actor) or actions
        if actions:
            self._apply(self._detailed(self._random.choice(actions)))
        else:
            self._steps += 1

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
        )
        for chance, fault in faults:
            if dice < chance:
                return fault
            dice -= chance
        return None

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


def numbered(seed: int, *, processes: int = 10, steps: int = 400) -> Schedule:
    """Schedule number ``seed`` of a series with up to ``processes`` processes, or exactly so many if more than 10.

    By turns there are many faults or few, they start cold or established, and applications pay or open and close.
    """
    size = 2 + seed % (processes - 1) if processes <= PROCESSES_MAX else processes
    calm = seed // 2 % 2 == 1 or processes > PROCESSES_MAX
    established = seed // 4 % 2 == 1 or processes > PROCESSES_MAX
    topology = drawn(random.Random(seed), size) if established else None
    odds = (CALM if calm else Odds()).among(size)
    if seed // 8 % 2 == 1:
        odds = dataclasses.replace(odds, wishes=FICKLE, break_connection=4 * odds.break_connection)
    return Schedule(seed=seed, processes=size, steps=steps, odds=odds, topology=topology)
