"""What a reduced search reaches from any state, to hold it against what really can happen there."""

from __future__ import annotations

from cutpoint_simulations.world.search.changes import Found
from cutpoint_simulations.world.search.endings import complaint_about
from cutpoint_simulations.world.search.exploration import Search
from cutpoint_simulations.world.search.space import FAULTS, State

WRONG = -1
"""Stands among the recovery points for a violation, or an end that is none."""

Outcome = frozenset[int]
"""The recovery points that are published from a state on, as numbers, and perhaps `WRONG`."""


class Outcomes:
    """Follows the rules of a reduced search, without its memory of what is old news."""

    def __init__(self, search: Search) -> None:
        assert search.reduction is not None, "a full search leaves nothing out"
        self.search = search
        self._reduction = search.reduction
        self._known: dict[State, Outcome] = {}
        self._points: dict[tuple[int, ...], int] = {}

    def of(self, state: State) -> Outcome:
        """What comes within reach from this state."""
        trail = []
        while (known := self._known.get(state)) is None:
            following = self.search.next_at_once(state)
            if following is None:
                known = self._known[state] = self._of_choices(state)
                break
            if isinstance(following[1], Found):
                known = frozenset((WRONG,))
                break
            trail.append((state, self.published(state, following[1])))
            state = following[1]
        for passed, points in reversed(trail):
            known = self._known[passed] = known | points
        return known

    def after(self, before: State, state: State | Found) -> Outcome:
        """What comes within reach by a step, and by what follows it."""
        return frozenset((WRONG,)) if isinstance(state, Found) else self.published(before, state) | self.of(state)

    def published(self, before: State, after: State) -> Outcome:
        """The recovery point that a step has published."""
        recorded = self.search.published(before, after)
        return frozenset() if recorded is None else frozenset((self._points.setdefault(recorded, len(self._points)),))

    def _of_choices(self, state: State) -> Outcome:
        steps = self._reduction.choices(state)
        found = frozenset[int]().union(*(self.after(state, end) for _, end in steps))
        is_end = all(action.kind in FAULTS for action, _ in steps)
        return found | {WRONG} if is_end and complaint_about(self.search.space.places, state) else found
