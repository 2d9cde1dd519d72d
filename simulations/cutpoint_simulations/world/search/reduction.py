"""Which steps need not be tried in every order, and which states need not be told apart.

A step is *confluent* if whatever else could have happened instead can still happen after it and leads, after more
confluent steps, to the same state. Where one is possible it is taken at once, and nothing else is tried before it:
the states that are left reach the same ends, and the same recovery points are published on the way (Blom and van de
Pol, State space reduction by proving confluence, 2002). `at_once` finds one; these are:

* Putting nothing on a connection, and taking in a `Credit`: no recorded fact depends on credit, and the budget is
  smaller than every window.
* Whatever a process does that has recorded the last cut, or does not run: its record is fixed, what it sends from
  now on stands behind its marker on lines that keep order, and what arrives before the other's marker is kept in
  whatever order it is handled. While somebody may still be killed this leaves out what death would undo: what is
  transmitted (the marker that others wait for), and the word that the part is stored.
* Whatever anybody does when no cut is open that could still be published, and none can be asked for: nothing is
  judged any more but that everything comes to rest, and one order leads there as well as another.
* The coordinator's own steps, when neither a deadline nor a loss can come between.

Three rules concern what is tried when nothing is confluent (`choices`, `is_old_news`):

* Before a cut has its number nothing that a process does meets it: only the coordinator's steps and the crash are
  tried.
* What a process that has recorded the last cut still has to transmit or to tell meets nothing but its own death: these
  two are tried before anything else.
* A deadline or a crash that was possible, and led there, before the last step of a process, leads to the same now.

And one joins states (`representative`): once a process has died and no cut can be published before the recovery that
must follow, all others will be taken back to a recovery point, whatever they have done since; they are taken for
processes that have done nothing. Of the disk only what a recovery may still read counts.

Nothing here is believed. The tests hold the reduced search against the full one where that is possible, and against
random states of larger configurations: whatever happens next there, nothing comes within reach that the reduced search
did not reach from the state before. Without order on a line the rules do not hold, and `Reduction` refuses it.
"""

from __future__ import annotations

from typing import NamedTuple

from cutpoint.errors import ConfigurationError
from cutpoint.protocol.messages import Credit, Join, PartStored, Prepare
from cutpoint_simulations.world.search.changes import Change
from cutpoint_simulations.world.search.numbering import NOTHING
from cutpoint_simulations.world.search.places import NEVER, View
from cutpoint_simulations.world.search.space import Space, State, Step


class Outlook(NamedTuple):
    """What can still come, by what the coordinator is at and what is left of the budget.

    ``settled``: no cut can be published any more. ``last``: a process that has recorded this cut records no other.
    """

    view: View
    cuts: int
    deadlines: int
    crashes: int
    settled: bool
    last: int


class Reduction:
    """The rules for one space."""

    def __init__(self, space: Space) -> None:
        configuration = space.places.configuration
        if not all(edge.fifo for edge in configuration.topology.edges):
            raise ConfigurationError(
                f"configuration {configuration.name}: where lines keep no order messages overtake the marker, and then "
                "the order of nearly everything counts; nothing was explored; search it in full"
            )
        self._space = space
        self._at = at = space.places
        firsts = [at.locals.things[number].participant for number in at.first[: at.count]]
        self._idle = [at.number_of_local(participant, ()) for participant in firsts if participant is not None]
        self._incarnation = at.locals.things[self._idle[0]].incarnation
        self._outlooks: dict[tuple[int, int], Outlook] = {}
        self._kept: dict[tuple[int, int], int] = {}
        self._lines: dict[int, tuple[bool, bool]] = {}

    def outlook(self, state: State) -> Outlook:
        """What can still come."""
        at = self._at
        key = (state[at.centre], state[at.budget])
        found = self._outlooks.get(key)
        if found is None:
            _, view = at.centres.things[key[0]]
            budget = at.budgets.things[key[1]]
            calm = view.recovering or not view.busy
            settled = budget.cuts == 0 and (view.phase == "abandoning" or (not view.phase and calm))
            last = view.cut if budget.cuts == 0 and view.phase not in ("", "numbering") else NEVER
            found = self._outlooks[key] = Outlook(view, *budget, settled, 0 if settled else last)
        return found

    # ------------------------------------------------------------------------------------------------ what is tried

    def choices(self, state: State) -> list[Step]:
        """The steps that have to be tried from a state in which nothing is confluent."""
        outlook, space = self.outlook(state), self._space
        if self._everybody_runs(state):
            waiting = outlook.cuts > 0 and outlook.view.phase == "" and not outlook.view.recovering
            if waiting or outlook.view.phase == "numbering":
                return [*space.at_centre(state), *space.kills(state)]
        for i, name in enumerate(self._at.names):
            local = self._at.locals.things[state[i]]
            if local.runs and local.cut >= outlook.last and (steps := list(space.at_process(state, i))):
                return [*steps, *(step for step in space.kills(state) if step[0].actor == name)]
        return space.steps(state)

    def is_old_news(self, state: State, before: State, action_kind: str, end: State) -> bool:
        """Whether a fault from ``state`` leads where it led from ``before``, a step of a process ago.

        A crash does if everybody's doings since are undone by it.
        """
        at = self._at
        if any(state[place] != before[place] for place in (at.centre, at.budget, at.shape)):
            return False
        return action_kind == "deadline" or (action_kind == "kill" and self._is_doomed(end))

    def _everybody_runs(self, state: State) -> bool:
        return all(self._at.locals.things[number].runs for number in state[: self._at.count])

    # ----------------------------------------------------------------------------------------------- what is at once

    def at_once(self, state: State) -> Step | None:
        """A confluent step; None if there is none."""
        at, space, outlook = self._at, self._space, self.outlook(state)
        things = at.locals.things
        for i in range(at.count):
            local = things[state[i]]
            if not local.runs or local.cut >= outlook.last:
                for step in space.at_process(state, i):
                    if not self._may_be_undone(state, i, step, outlook):
                        return step
            elif (found := self._without_record(state, i)) is not None:
                return found
        alone = not outlook.crashes and not outlook.deadlines and self._everybody_runs(state)
        if outlook.settled or alone:
            for step in space.at_centre(state):
                kind = step[0].kind
                asks = kind == "interval" and alone and not outlook.view.phase and not outlook.view.busy
                if kind == "do next" or asks:
                    return step
        return None

    def _may_be_undone(self, state: State, i: int, step: Step, outlook: Outlook) -> bool:
        """Whether it makes a difference to others if something comes before this step."""
        if outlook.settled:
            return False
        kind = step[0].kind
        if kind == "tell":
            word = self._at.things.things[self._at.lines.contents[state[self._at.said + i]][0]]
            return isinstance(word, Join) or (bool(outlook.crashes) and isinstance(word, PartStored))
        return kind == "transmit" and bool(outlook.crashes)

    def _without_record(self, state: State, i: int) -> Step | None:
        """What is confluent at a process that may still record a cut."""
        at, space = self._at, self._space
        if self._line(state[at.heard + i])[1]:
            return next(space.hears(state, i))
        if any(self._line(state[at.line_to(i, number)])[0] for number, _, _ in at.wires_of(i)):
            for step in space.receives(state, i):
                number, pick = step[0].number, step[0].pick
                if step[0].kind == "receive" and pick == 0 and self._line(state[at.line_to(i, number)])[0]:
                    return step
        for code, action in at.locals.things[state[i]].actions:
            if action.kind == "transmit":
                key = space.key_of(state, i, code, action)
                change = space.changes.of(state, key, i)
                if isinstance(change, Change) and not change.appended:
                    return action, space.do(state, key, i)
        return None

    def _line(self, line: int) -> tuple[bool, bool]:
        """Whether credit comes first on a line, and whether a call to stop is on it."""
        found = self._lines.get(line)
        if found is None:
            things = self._at.on(line)
            credit = bool(things) and isinstance(things[0], Credit)
            stop = any(isinstance(thing, Prepare) for thing in things)
            found = self._lines[line] = (credit, stop)
        return found

    # --------------------------------------------------------------------------------------- what is not told apart

    def representative(self, state: State) -> State:
        """The state that stands for all that will go on like this one."""
        if self._is_doomed(state):
            state = self._undone(state)
        return self._without_old_parts(state) if self.outlook(state).settled else state

    def _is_doomed(self, state: State) -> bool:
        """Whether a recovery must come before any cut can be published."""
        outlook = self.outlook(state)
        return not outlook.crashes and outlook.view.over and not self._everybody_runs(state)

    def _undone(self, state: State) -> State:
        at, new = self._at, list(state)
        for i, idle in enumerate(self._idle):
            local = at.locals.things[state[i]]
            if local.runs and local.incarnation == self._incarnation and state[i] != idle:
                new[i], new[at.said + i], new[at.shape] = idle, NOTHING, at.first[at.shape]
                if not self._line(state[at.heard + i])[1]:
                    new[at.heard + i] = NOTHING
                for number, _, _ in at.wires_of(i):
                    new[at.line_to(i, number)] = NOTHING
        return tuple(new)

    def _without_old_parts(self, state: State) -> State:
        """A recovery reads parts of recovery points; when everybody runs and nobody can die, nobody reads any."""
        at, outlook = self._at, self.outlook(state)
        wanted = bool(outlook.crashes) or outlook.view.recovering or not self._everybody_runs(state)
        new = list(state)
        for place in range(at.disk, at.disk + at.count):
            key = (state[place], state[at.centre] if wanted else -1)
            kept = self._kept.get(key)
            if kept is None:
                parts = at.disks.things[state[place]]
                points = outlook.view.points if wanted else ()
                kept = self._kept[key] = at.number_of_parts(tuple(part for part in parts if part[0] in points))
            new[place] = kept
        return tuple(new)
