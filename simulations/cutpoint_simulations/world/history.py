"""The actions that a run took, as a value that can be stored, changed and made to happen again.

A run is its processes and its actions, and nothing else. A replay applies them to a fresh world, leaves out what is no
longer possible there, and then heals and is judged as any run is; the healing takes no chance, so that a history has
one verdict. The same history gives the same verdict for ever.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Protocol

import msgspec

from cutpoint_simulations.world import verdict
from cutpoint_simulations.world.action import HEADQUARTERS, Action
from cutpoint_simulations.world.healing import STEPS_PER_ACTOR_MAX, Orderly, heal, settle
from cutpoint_simulations.world.oracle import Oracle
from cutpoint_simulations.world.verdict import Verdict
from cutpoint_simulations.world.world import World

REST = Action("everybody", "rest")
"""Everything that is under way happens, in order. It stands in a history for the many actions that this takes."""

HEAL = Action("everybody", "heal")
"""The end of every replay, in which nothing fails any more; it stands in no history."""


class History(msgspec.Struct, frozen=True, kw_only=True):
    """``names`` are the processes that exist from the start; ``actions`` happened after that, in this order."""

    names: tuple[str, ...]
    actions: tuple[Action, ...] = ()

    def to_json(self) -> bytes:
        """To be read again by `from_json`."""
        return msgspec.json.encode(self)

    @classmethod
    def from_json(cls, text: bytes | str) -> History:
        """What `to_json` wrote. msgspec.ValidationError if it is something else."""
        return msgspec.json.decode(text, type=cls)


class Observer(Protocol):
    """Somebody who watches a replay. REST and HEAL are told around the actions that they consist of."""

    def before(self, world: World, action: Action) -> None:
        """This is about to happen."""

    def after(self, world: World, action: Action) -> None:
        """This has happened."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Replayed:
    """What a replay came to. ``taken`` are the actions that were possible, up to the one at which it failed, if any.

    ``steps`` counts what happened in all, healing included; ``healing`` says whether it failed only then.
    """

    taken: tuple[Action, ...]
    verdict: Verdict
    world: World
    steps: int
    healing: bool


Build = Callable[[tuple[str, ...]], World]


def replay(
    history: History,
    *,
    build: Build | None = None,
    observer: Observer | None = None,
    heals: bool = True,
    steps_max: int = STEPS_PER_ACTOR_MAX,
) -> Replayed:
    """Make it happen again. ``build`` makes the world of these processes; ``steps_max`` is that of `settle`.

    Without ``heals`` the replay ends where the history does, and demands no progress.
    """
    world = build(history.names) if build is not None else World(names=history.names)
    run = _Replay(world, observer, steps_max)
    found = verdict.of(lambda: run.run(history.actions, heals=heals))
    return Replayed(taken=tuple(run.taken), verdict=found, world=world, steps=run.steps, healing=run.healing)


class _Replay:
    def __init__(self, world: World, observer: Observer | None, steps_max: int) -> None:
        self.taken: list[Action] = []
        self.steps = 0
        self.healing = False
        self._world = world
        self._oracle = Oracle(world)
        self._observer = observer
        self._steps_max = steps_max

    def run(self, actions: tuple[Action, ...], *, heals: bool) -> None:
        self._world.reserve(max((a.number for a in actions if a.kind in NUMBERED), default=0))
        for action in actions:
            if action == REST:
                self.taken.append(REST)
                self._all_of(REST)
            elif (possible := fitted(self._world, action)) is not None:
                self.taken.append(possible)
                self._apply(possible)
        if heals:
            self.healing = True
            self._all_of(HEAL)

    def _all_of(self, whole: Action) -> None:
        if self._observer is not None:
            self._observer.before(self._world, whole)
        step = settle if whole == REST else heal
        step(self._world, Orderly(), self._apply, steps_max=self._steps_max)
        if self._observer is not None:
            self._observer.after(self._world, whole)

    def _apply(self, action: Action) -> None:
        self.steps += 1
        if self._observer is None:
            self._world.apply(action)
        else:
            self._observer.before(self._world, action)
            self._observer.after(self._world, self._world.apply(action))
        self._oracle.judge(action)


# ---------------------------------------------------------------------------------------------- what is still possible

WISHED = ("send", "close", "open")
NUMBERED = ("send", "open", "redial", "take")
"""Kinds of which ``number`` is what the action gives to what is new, not what it is about."""

PICKED = ("receive", "duplicate", "drop")
"""Kinds that pick one of the frames under way."""

CHOSEN = ("take", "open", "manifest fails")
"""Kinds of which ``pick`` is the chooser's."""

ASKED = ("interval", "recover")
"""What a person or a policy asks of the coordinator whenever it is there."""


def fitted(world: World, action: Action) -> Action | None:
    """The same action as far as it is possible now: on what is still there, with as much as there is; None if not."""
    actor, kind, *_ = action
    if kind in ASKED:
        return action if world.headquarters is not None else None
    if kind == "join":
        there = (world.participants, world.dead, world.gone)
        return None if any(actor in names for names in there) else action
    same = [offer for offer in _offers(world, action) if _is_like(offer, action)]
    if not same:
        return None
    if kind == "send":
        return action._replace(amount=min(action.amount, same[0].amount))
    if kind in PICKED:
        return same[min(action.pick, len(same) - 1)]
    offer = same[-1]._replace(number=action.number) if kind in NUMBERED else same[-1]
    return offer._replace(pick=action.pick) if kind in CHOSEN else offer


def _offers(world: World, action: Action) -> list[Action]:
    if action.kind in WISHED:
        return world.wishes(action.actor)
    offers = world.enabled(action.actor)
    if action.kind == "redial":
        offers += world.wishes(action.actor)
    return offers if any(offer.kind == action.kind for offer in offers) else world.faults()


def _is_like(offer: Action, action: Action) -> bool:
    if (offer.actor, offer.kind, offer.key) != (action.actor, action.kind, action.key):
        return False
    anything = action.kind in NUMBERED or (action.actor, action.kind) == (HEADQUARTERS, "deadline")
    return anything or offer.number == action.number
