"""The shortest history that still fails, found by leaving out (delta debugging: Zeller & Hildebrandt, 2002).

Whole processes go first, then long stretches, then single actions. A stretch that cannot go altogether may still be
replaced by REST, with or without what applications and faults did in it: then the history says only what matters, and
whatever had to happen in between happens in order. At last amounts are made small.

It is greedy and bounded by a budget of replays, so the result is short, not provably the shortest.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator

from cutpoint_simulations.world.action import Action
from cutpoint_simulations.world.history import REST, Build, History, Replayed, replay
from cutpoint_simulations.world.verdict import Verdict

REPLAYS_MAX = 600
STEPS_PER_ACTOR_MAX = 400
"""After so many steps for each actor, a replay that has not come to rest counts as one that never will."""

MECHANICS = (
    "transmit",
    "receive",
    "notice end",
    "persist",
    "finish",
    "connect",
    "tell",
    "hear",
    "disconnected",
    "do next",
    "rest",
)
"""Kinds of actions that REST takes by itself. What applications, faults and policies do, it does not."""

Same = Callable[[Verdict], bool]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Shrunk:
    """``history`` fails with ``verdict``; it was found in ``replays`` and is what is left of ``before`` actions."""

    history: History
    verdict: Verdict
    before: int
    replays: int


def shrink(
    history: History, *, same: Same | None = None, build: Build | None = None, replays_max: int = REPLAYS_MAX
) -> Shrunk:
    """Shorten a history that fails. Raises ValueError if it does not.

    ``same`` says which verdicts count as the same failure; without it, those in which the same check fails.
    """
    first = replay(history, build=build, steps_max=STEPS_PER_ACTOR_MAX)
    if not first.verdict.failed or (same is not None and not same(first.verdict)):
        raise ValueError(f"there is nothing to shrink: the history ends with {first.verdict}")
    check = first.verdict.check
    search = _Search(history, first, same or (lambda verdict: verdict.check == check), build, replays_max)
    search.run()
    return Shrunk(history=search.best, verdict=search.verdict, before=len(history.actions), replays=search.replays)


class _Search:
    """``best`` is the shortest so far: exactly what was possible in its own replay, up to the failure."""

    def __init__(self, history: History, first: Replayed, same: Same, build: Build | None, replays_max: int) -> None:
        self.best = History(names=history.names, actions=first.taken)
        self.verdict = first.verdict
        self.replays = 1
        self._same = same
        self._build = build
        self._replays_max = replays_max

    def run(self) -> None:
        """Until a whole round finds nothing, or the budget is spent."""
        before: History | None = None
        self._leave_out_the_end()
        while self.best != before and self._left:
            before = self.best
            self._leave_out_processes()
            self._leave_out_stretches()
            self._make_small()

    @property
    def _left(self) -> bool:
        return self.replays < self._replays_max

    def _try(self, candidate: History) -> bool:
        """Whether it fails in the same way and is simpler; it is the best then."""
        if not self._left:
            return False
        self.replays += 1
        found = replay(candidate, build=self._build, steps_max=STEPS_PER_ACTOR_MAX)
        if not self._same(found.verdict):
            return False
        shorter = History(names=candidate.names, actions=found.taken)
        if _size(shorter) >= _size(self.best):
            return False
        self.best, self.verdict = shorter, found.verdict
        return True

    def _try_actions(self, actions: tuple[Action, ...]) -> bool:
        return self._try(History(names=self.best.names, actions=_without_idle_rests(actions)))

    def _leave_out_the_end(self) -> None:
        """A history that ends in a standstill may go on for ever before that."""
        length = 50
        while length < len(self.best.actions) and not self._try_actions(self.best.actions[:length]):
            length *= 2

    def _leave_out_processes(self) -> None:
        joined = [action.actor for action in self.best.actions if action.kind == "join"]
        for name in (*reversed(joined), *reversed(self.best.names)):
            names = tuple(other for other in self.best.names if other != name)
            actions = tuple(action for action in self.best.actions if name not in (action.actor, action.key))
            if names:
                self._try(History(names=names, actions=_without_idle_rests(actions)))

    def _leave_out_stretches(self) -> None:
        length = len(self.best.actions)
        while length >= 1 and self._left:
            end = len(self.best.actions)
            while end > 0 and self._left:
                end = min(end, len(self.best.actions))
                start = max(0, end - length)
                self._shorten(start, end)
                end = start
            length //= 2

    def _shorten(self, start: int, end: int) -> bool:
        actions = self.best.actions
        before, stretch, after = actions[:start], actions[start:end], actions[end:]
        return any(self._try_actions((*before, *less, *after)) for less in _less_than(stretch))

    def _make_small(self) -> None:
        for index in range(len(self.best.actions)):
            if index >= len(self.best.actions):
                return
            action = self.best.actions[index]
            for less in (action._replace(amount=min(action.amount, 1), pick=0), action._replace(pick=0)):
                if less != action:
                    self._try_actions((*self.best.actions[:index], less, *self.best.actions[index + 1 :]))


def _less_than(stretch: tuple[Action, ...]) -> Iterator[tuple[Action, ...]]:
    """What may stand in a stretch's place, the least first."""
    yield ()
    if stretch == (REST,):
        return
    yield (REST,)
    chosen = tuple(action for action in stretch if action.kind not in MECHANICS)
    if len(stretch) > 1 and chosen:
        yield (*chosen, REST)
        yield (REST, *chosen)
        yield tuple(action for one in chosen for action in (REST, one))


def _without_idle_rests(actions: tuple[Action, ...]) -> tuple[Action, ...]:
    """Without a REST that follows another."""
    return tuple(a for i, a in enumerate(actions) if a != REST or i == 0 or actions[i - 1] != REST)


def _size(history: History) -> tuple[int, int, int, int]:
    """What is to be made small: actions and then those that are not REST; processes; amounts and picks."""
    actions = history.actions
    spelt = sum(action != REST for action in actions)
    return (len(history.names) + spelt, len(actions), spelt, sum(action.amount + action.pick for action in actions))
