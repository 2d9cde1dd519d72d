"""The search itself: every state of a configuration, breadth first, so that the way to what is wrong is short.

`explore` visits all states or, reduced, those that `cutpoint_simulations.world.search.reduction` leaves. It ends at
the first violation: a check of a core, a complaint of the oracle, or an end that is none.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from cutpoint_simulations.world.action import Action
from cutpoint_simulations.world.search.changes import Found
from cutpoint_simulations.world.search.configuration import Configuration
from cutpoint_simulations.world.search.endings import complaint_about
from cutpoint_simulations.world.search.reduction import Reduction
from cutpoint_simulations.world.search.space import FAULTS, Space, State

PROGRESS_STATES = 1000
"""Progress is reported after so many states."""

AGAIN_STATES_MAX = 100_000
"""How many states are searched for a shorter way to what was found."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Finding:
    """What is wrong, and the actions that lead there from the established world."""

    complaint: str
    path: tuple[Action, ...]

    def __str__(self) -> str:
        steps = [f"  {number:3}. {shown(action)}" for number, action in enumerate(self.path, 1)]
        return "\n".join([f"{self.complaint}, after {len(self.path)} steps:", *steps])


def shown(action: Action) -> str:
    """An action as people read it."""
    about = [action.key] if action.key else []
    about += [f"#{action.number}"] if action.number else []
    return " ".join([f"{action.actor}:", action.kind, *about])


@dataclasses.dataclass(frozen=True, kw_only=True)
class Coverage:
    """What was covered.

    ``states`` were told apart and ``transitions`` tried between them; ``passed`` are the states that were passed
    through by steps that are confluent. ``interleavings``: how many different ways there are from the first state to
    an end; reduced, each stands for all that differ from it in the order of such steps only. ``points`` are the
    different recovery points that were published, and judged, on the way. ``local_steps``: how many different steps
    of a single process or of the coordinator all of this consists of.
    """

    configuration: str
    reduced: bool
    complete: bool
    states: int
    passed: int
    transitions: int
    interleavings: int
    endings: int
    points: int
    local_steps: int
    finding: Finding | None = None

    def __str__(self) -> str:
        kind = "reduced" if self.reduced else "full"
        extent = "" if self.complete else ", not complete"
        passed = f" and {self.passed:,} passed through" if self.reduced else ""
        text = (
            f"{self.configuration} ({kind} search{extent}): {self.states:,} states{passed}, "
            f"{self.transitions:,} transitions, {self.interleavings:,} interleavings, {self.endings:,} endings, "
            f"{self.points:,} recovery points, {self.local_steps:,} local steps: "
        )
        return text + ("no violation" if self.finding is None else f"violation\n{self.finding}")


Progress = Callable[[int], None]
"""Is told now and then how many states there are so far."""


def explore(
    configuration: Configuration, *, reduced: bool = True, states_max: int = 0, progress: Progress | None = None
) -> Coverage:
    """Explore a configuration. ``states_max``: stop there, and say that it is not complete; 0: never.

    What a reduced search finds is searched for again in the full one, as far as `AGAIN_STATES_MAX`, because the way is
    shortest there. Raises ConfigurationError if a reduced search of this configuration would miss something.
    """
    search = Search(configuration, reduced=reduced)
    search.run(states_max, progress)
    coverage = search.coverage()
    if reduced and coverage.finding is not None:
        again = Search(configuration, reduced=False)
        again.run(AGAIN_STATES_MAX, progress)
        if (finding := again.coverage().finding) is not None:
            return dataclasses.replace(coverage, finding=finding)
    return coverage


class Search:
    """One search. ``states`` are those found so far, ``ends`` the numbers of those from which nothing need go on.

    ``points`` are the recovery points that were published: the numbers of their parts, by process.
    """

    def __init__(self, configuration: Configuration, *, reduced: bool, space: Space | None = None) -> None:
        self.space = space or Space(configuration)
        self.reduction = Reduction(self.space) if reduced else None
        self.states: list[State] = []
        self.ends: list[int] = []
        self.points: dict[tuple[int, ...], None] = {}
        self._configuration = configuration
        self._numbers: dict[State, int] = {}
        self._from: list[tuple[int, Action | None]] = []
        self._before: list[int] = []
        self._next: list[tuple[int, ...]] = []
        self._faults: list[frozenset[Action]] = []
        self._normal: dict[State, State] = {}
        self._finding: tuple[int, Action | None, str] | None = None
        self._complete = False

    def run(self, states_max: int = 0, progress: Progress | None = None) -> None:
        """Visit everything, until something is wrong or there are ``states_max`` states."""
        self._visit(self.space.first, -1, None)
        visited = 0
        while visited < len(self.states) and self._finding is None:
            if states_max and len(self.states) >= states_max:
                return
            self._expand(visited)
            visited += 1
            if progress is not None and visited % PROGRESS_STATES == 0:
                progress(len(self.states))
        self._complete = self._finding is None

    def _expand(self, number: int) -> None:
        state = self.states[number]
        steps = self.space.steps(state) if self.reduction is None else self.reduction.choices(state)
        goes_on = False
        following = []
        self._faults.append(frozenset(action for action, _ in steps if action.kind in FAULTS))
        for action, end in steps:
            goes_on = goes_on or action.kind not in FAULTS
            if not self._is_old_news(number, action, end):
                following.append(self._visit(end, number, action))
        if not goes_on:
            self.ends.append(number)
            if complaint := complaint_about(self.space.places, state):
                self._found(number, None, complaint)
        self._next.append(tuple(following))

    def _is_old_news(self, number: int, action: Action, end: State | Found) -> bool:
        before = self._before[number]
        if self.reduction is None or before < 0 or isinstance(end, Found) or action not in self._faults[before]:
            return False
        return self.reduction.is_old_news(self.states[number], self.states[before], action.kind, end)

    def _visit(self, state: State | Found, before: int, action: Action | None) -> int:
        """The number of a state that was reached, -1 if something is wrong there."""
        if not isinstance(state, Found) and before >= 0:
            self._note_point(self.states[before], state)
        normal = self.settle(state)
        if isinstance(normal, Found):
            self._found(before, action, normal.complaint)
            return -1
        number = self._numbers.setdefault(normal, len(self.states))
        if number == len(self.states):
            self.states.append(normal)
            self._from.append((before, action))
            self._before.append(before if action is not None and action.kind not in FAULTS else -1)
        elif number >= len(self._next) and action is not None and action.kind not in FAULTS:
            self._before[number] = self._nearer(number, before)
        return number

    def _nearer(self, number: int, before: int) -> int:
        """Which of two states before this one says more of its faults: one with the same coordinator."""
        at, known = self.space.places.centre, self._before[number]
        same = self.states[before][at] == self.states[number][at]
        return before if known < 0 or (same and self.states[known][at] != self.states[number][at]) else known

    def settle(self, state: State | Found) -> State | Found:
        """The state in which nothing confluent is left to do."""
        if self.reduction is None or isinstance(state, Found):
            return state
        trail = []
        while (known := self._normal.get(state)) is None:
            trail.append(state)
            step = self.next_at_once(state)
            if step is None:
                known = self._normal[state] = state
            elif isinstance(step[1], Found):
                return step[1]
            else:
                state = step[1]
        for passed in trail:
            self._normal[passed] = known
        return known

    def next_at_once(self, state: State) -> tuple[Action | None, State | Found] | None:
        """A confluent step, or the state that stands for this one; None if this is one to choose in."""
        assert self.reduction is not None, "a full search chooses everywhere"
        other = self.reduction.representative(state)
        if other != state:
            return None, other
        step = self.reduction.at_once(state)
        if step is not None and not isinstance(step[1], Found):
            self._note_point(state, step[1])
        return step

    def _note_point(self, before: State, after: State) -> None:
        if (recorded := self.published(before, after)) is not None:
            self.points[recorded] = None

    def published(self, before: State, after: State) -> tuple[int, ...] | None:
        """The recovery point that a step has published: the numbers of its parts, by process. None if it has not."""
        at = self.space.places
        if before[at.centre] == after[at.centre]:
            return None
        known, now = (at.centres.things[state[at.centre]][1].points for state in (before, after))
        if not (new := now - known):
            return None
        held = [at.disks.things[number] for number in before[at.disk : at.disk + at.count]]
        return tuple(at.number_of_parts(tuple(part for part in parts if part[0] in new)) for parts in held)

    def _found(self, number: int, action: Action | None, complaint: str) -> None:
        if self._finding is None:
            self._finding = (number, action, complaint)

    # ----------------------------------------------------------------------------------------------- what came of it

    def coverage(self) -> Coverage:
        """What was covered so far."""
        finding = None
        if self._finding is not None:
            number, action, complaint = self._finding
            finding = Finding(complaint=complaint, path=self._path(number, action))
        return Coverage(
            configuration=self._configuration.name,
            reduced=self.reduction is not None,
            complete=self._complete,
            states=len(self.states),
            passed=len(self._normal) - len(self.states) if self.reduction is not None else 0,
            transitions=sum(map(len, self._next)),
            interleavings=self._interleavings() if self._complete else 0,
            endings=len(self.ends),
            points=len(self.points),
            local_steps=self.space.changes.worked_out,
            finding=finding,
        )

    def _interleavings(self) -> int:
        """How many ways lead from the first state to an end: exact, by adding up backwards."""
        ways = [0] * len(self.states)
        for number in self.ends:
            ways[number] = 1
        for number in self._backwards():
            ways[number] += sum(ways[following] for following in self._next[number])
        return ways[0]

    def _backwards(self) -> list[int]:
        """All states, each after everything that follows it."""
        unseen = [0] * len(self.states)
        for following in self._next:
            for number in following:
                unseen[number] += 1
        free, order = [0], []
        while free:
            order.append(free.pop())
            for number in self._next[order[-1]]:
                unseen[number] -= 1
                if not unseen[number]:
                    free.append(number)
        assert len(order) == len(self.states), "the search runs in circles"
        return order[::-1]

    def _path(self, number: int, last: Action | None) -> tuple[Action, ...]:
        """The actions that lead to a state and to what is wrong there, confluent ones included."""
        chosen: list[Action] = [] if last is None else [last]
        while number >= 0:
            number, action = self._from[number]
            chosen += [] if action is None else [action]
        state: State | Found = self.space.first
        path: list[Action] = []
        for action in [*reversed(chosen), None]:
            state = self._walk(state, path)
            if action is None or isinstance(state, Found):
                break
            path.append(action)
            state = dict(self.space.steps(state))[action]
        return tuple(path)

    def _walk(self, state: State | Found, path: list[Action]) -> State | Found:
        """Settle, and write down the actions."""
        while self.reduction is not None and not isinstance(state, Found):
            step = self.next_at_once(state)
            if step is None:
                break
            if step[0] is not None:
                path.append(step[0])
            state = step[1]
        return state
