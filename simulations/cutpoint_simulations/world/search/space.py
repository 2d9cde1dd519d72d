"""The states of a configuration, and the steps between them.

A state of the whole world is a tuple of small numbers, each the name of what one place holds. Equal places have equal
fingerprints and one number, so equal states are equal tuples by whatever way they were reached. A step changes the
places of one actor and the lines that it takes from and puts on. Nothing is left out here: `steps` are all.
"""

from __future__ import annotations

from collections.abc import Iterator

from cutpoint.errors import UsageError
from cutpoint_simulations.world.action import HEADQUARTERS, Action
from cutpoint_simulations.world.search.changes import Changes, Found, Key
from cutpoint_simulations.world.search.configuration import Configuration
from cutpoint_simulations.world.search.places import DEAD, Local, Places, State

__all__ = ["FAULTS", "Space", "State", "Step"]

FAULTS = ("kill", "deadline")
"""What need never happen: a state from which nothing else goes on is an end."""

Step = tuple[Action, State | Found]


class Space:
    """All states of one configuration, as far as they were asked for. ``places`` says what the numbers mean."""

    def __init__(self, configuration: Configuration) -> None:
        self.places = Places(configuration)
        self.changes = Changes(self.places)
        self.first = self.places.first
        at = self.places
        self._receives = [
            [(at.line_to(i, number), number, opener, fifo) for number, opener, fifo in at.wires_of(i)]
            for i in range(at.count)
        ]
        self._numbers = {
            (kind, name): at.number_of_action(Action(name, kind))
            for kind in ("restart", "hear", "tell", "kill")
            for name in at.names
        }
        self._do_next = at.number_of_action(Action(HEADQUARTERS, "do next"))
        self._interval = at.number_of_action(Action(HEADQUARTERS, "interval"))

    def steps(self, state: State) -> list[Step]:
        """Everything that may happen next, and what comes of it."""
        steps = [step for i in range(self.places.count) for step in self.at_process(state, i)]
        return [*steps, *self.at_centre(state), *self.kills(state)]

    # ----------------------------------------------------------------------------------------------------- processes

    def at_process(self, state: State, i: int) -> Iterator[Step]:
        """What may happen next at one process without a fault."""
        at, number = self.places, state[i]
        if number == DEAD:
            yield self._step(state, (self._numbers["restart", at.names[i]], DEAD, state[at.shape]), i)
            return
        local = at.locals.things[number]
        for code, action in local.actions:
            yield action, self.do(state, self.key_of(state, i, code, action), i)
        yield from self.receives(state, i)
        yield from self.hears(state, i)
        yield from self._tells(state, i, local)
        if any(at.locals.things[state[j]].runs for j in local.redials):
            raise UsageError(f"{at.names[i]} would resume a session, which is not followed here; leave this out")

    def key_of(self, state: State, i: int, code: int, action: Action) -> Key:
        """What a process sees when it does something by itself."""
        reads = state[self.places.disk + i] if action.kind in ("persist", "finish") else 0
        return (code, state[i], state[self.places.shape], reads)

    def receives(self, state: State, i: int) -> Iterator[Step]:
        """Frames that may arrive at a process, and ends of connections that it may notice."""
        at, name, shape = self.places, self.places.names[i], state[self.places.shape]
        for place, number, opener, fifo in self._receives[i]:
            if content := at.lines.contents[state[place]]:
                for pick in range(1 if fifo else len(content)):
                    code = at.number_of_action(Action(name, "receive", number=number, pick=pick))
                    yield self._step(state, (code, state[i], shape, content[pick]), i, place, pick)
            elif (ends := at.shapes.things[shape][number - 1]) is not None and ends[opener]:
                code = at.number_of_action(Action(name, "notice end", number=number))
                yield self._step(state, (code, state[i], shape, state[at.other_end(i, number)]), i)

    def hears(self, state: State, i: int) -> Iterator[Step]:
        """The coordinator's next word to a process."""
        at, place = self.places, self.places.heard + i
        if content := at.lines.contents[state[place]]:
            code = self._numbers["hear", at.names[i]]
            yield self._step(state, (code, state[i], state[at.shape], content[0]), i, place)

    def _tells(self, state: State, i: int, local: Local) -> Iterator[Step]:
        at, place = self.places, self.places.said + i
        if content := at.lines.contents[state[place]]:
            code = self._numbers["tell", at.names[i]]
            yield self._step(state, (code, state[at.centre], local.control, content[0]), i, place)

    def kills(self, state: State) -> Iterator[Step]:
        """Each process may be killed, if the budget allows."""
        at = self.places
        if at.budgets.things[state[at.budget]].crashes:
            for i in range(at.count):
                if state[i] != DEAD:
                    code, control = self._numbers["kill", at.names[i]], at.locals.things[state[i]].control
                    yield self._step(state, (code, state[at.centre], control, state[at.shape], state[at.budget]), i)

    # --------------------------------------------------------------------------------------------------- coordinator

    def at_centre(self, state: State) -> Iterator[Step]:
        """What may happen next at the coordinator, the deadline of a cut included."""
        at, n = self.places, self.places.count
        number, budget = state[n], at.budgets.things[state[at.budget]]
        _, view = at.centres.things[number]
        if view.busy:
            yield self._step(state, (self._do_next, number, *state[at.disk : at.disk + n]), n)
        if budget.cuts:
            yield self._step(state, (self._interval, number, state[at.budget]), n)
        if budget.deadlines:
            for cut in view.deadlines:
                code = at.number_of_action(Action(HEADQUARTERS, "deadline", number=cut))
                yield self._step(state, (code, number, state[at.budget]), n)

    # ----------------------------------------------------------------------------------------------------------- both

    def _step(self, state: State, key: Key, i: int, line: int = -1, index: int = 0) -> Step:
        return self.places.actions.things[key[0]], self.do(state, key, i, line, index)

    def do(self, state: State, key: Key, i: int, line: int = -1, index: int = 0) -> State | Found:
        """The state after a step that takes what is at ``index`` from a line, if it takes anything."""
        change = self.changes.of(state, key, i)
        if isinstance(change, Found):
            return change
        if change.heard and (wrong := self.changes.judge(state[self.places.centre], change.heard)) is not None:
            return wrong
        lines, new = self.places.lines, list(state)
        if line >= 0:
            new[line] = lines.without(new[line], index)
        for place, number in change.places:
            new[place] = number
        for place, more in change.appended:
            new[place] = lines.append(new[place], more)
        return tuple(new)
