"""What each step of an actor does to a state, worked out on the stage the first time and remembered.

A step is found again by what the actor sees: its own state, what it takes from a line, which connections have ended,
and of the disk what it reads. The key of a step holds exactly that, and nothing of the rest of the world.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from cutpoint.names import CutNumber
from cutpoint_simulations.world.action import HEADQUARTERS, Action
from cutpoint_simulations.world.search.numbering import NOTHING
from cutpoint_simulations.world.search.places import DEAD, Left, Places, State
from cutpoint_simulations.world.search.stage import LocalStep, Shape

Key = tuple[int, ...]
"""The number of the action, then what it depends on."""


class Found(NamedTuple):
    """What is wrong. Nothing goes on from there."""

    complaint: str


class Change(NamedTuple):
    """What a step does to a state: the places that get another number, and the lines that get more at their end."""

    places: tuple[tuple[int, int], ...]
    appended: tuple[tuple[int, tuple[int, ...]], ...]
    heard: tuple[int, ...] = ()
    """What the oracle has to judge of a word that was heard: the process as it is now, and recovery points."""


class Changes:
    """The steps that were worked out. ``worked_out`` counts them."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self._stage = places.stage
        self._known: dict[Key, Change | Found] = {}
        self._judged: dict[tuple[int, ...], Found | None] = {}

    @property
    def worked_out(self) -> int:
        """How many different steps of single actors there were."""
        return len(self._known)

    def of(self, state: State, key: Key, i: int) -> Change | Found:
        """What the step with this key does, taken by process ``i`` or by the coordinator."""
        change = self._known.get(key)
        if change is None:
            change = self._known[key] = self._work_out(state, key, i)
        return change

    def _work_out(self, state: State, key: Key, i: int) -> Change | Found:
        action = self._places.actions.things[key[0]]
        try:
            if action.actor == HEADQUARTERS or action.kind in ("tell", "kill"):
                return self._of_centre(state, key, i, action)
            if action.kind == "notice end":
                return self._of_both_ends(state, key, action)
            return self._of_process(state, key, i, action)
        except AssertionError as failure:
            return Found(f"{type(failure).__name__}: {failure}")

    # --------------------------------------------------------------------------------------------------- a process

    def _of_process(self, state: State, key: Key, i: int, action: Action) -> Change:
        """Key: the process's number, the shape, then a frame, a word, or what the disk holds."""
        at = self._places
        local, shape = at.locals.things[key[1]], at.shapes.things[key[2]]
        takes: dict[str, Any] = {}
        if action.kind == "receive":
            takes["frame"] = at.things.things[key[3]]
        elif action.kind == "hear":
            takes["word"] = at.things.things[key[3]]
        elif action.kind in ("persist", "finish"):
            takes["parts"] = at.disks.things[key[3]]
        step = self._stage.local(action, local.participant, shape, **takes)
        left = local.left
        if action.kind == "send":
            left = tuple((k, numbers[1:] if k == action.key else numbers) for k, numbers in left)
        places, appended = self._effects(step, left, i)
        if "parts" in takes:
            places.append((at.disk + i, at.number_of_parts(step.parts)))
        if step.closed:
            places += [(at.line_to(i, number), NOTHING) for number in step.closed]
            places.append((at.shape, at.number_of_shape(self._ended(shape, action.actor, step.closed))))
        news = step.told or (local.participant is not None and local.participant.core.identity.started != step.started)
        heard = (places[0][1], *step.told) if news and action.kind == "hear" else ()
        return Change(tuple(places), tuple(appended), heard)

    def judge(self, centre: int, heard: tuple[int, ...]) -> Found | None:
        """What is wrong with what a process has heard, in the light of what the registry says; None if nothing is."""
        key = (centre, *heard)
        if key not in self._judged:
            number, *cuts = heard
            participant = self._places.locals.things[number].participant
            assert participant is not None, "the dead hear nothing"
            try:
                told = tuple(CutNumber(cut) for cut in cuts)
                self._stage.judge(self._places.centres.things[centre][0], participant, told)
                self._judged[key] = None
            except AssertionError as failure:
                self._judged[key] = Found(f"{type(failure).__name__}: {failure}")
        return self._judged[key]

    def _effects(
        self, step: LocalStep, left: Left, i: int
    ) -> tuple[list[tuple[int, int]], list[tuple[int, tuple[int, ...]]]]:
        at = self._places
        appended = [(at.line_from(i, number), at.numbers_of_things(frames)) for number, frames in step.sent]
        if step.said:
            appended.append((at.said + i, at.numbers_of_things(step.said)))
        return [(i, at.number_of_local(step.participant, left))], appended

    def _ended(self, shape: Shape, name: str, numbers: tuple[int, ...]) -> Shape:
        """The shape when ``name`` has ended these connections."""
        ended = list(shape)
        for number, client, _, _ in self._stage.wires:
            before = shape[number - 1]
            if before is not None and number in numbers:
                ended[number - 1] = (True, before[1]) if name == client else (before[0], True)
        return tuple(ended)

    def _of_both_ends(self, state: State, key: Key, action: Action) -> Change:
        """Key: the process that notices, the shape, and the process at the other end."""
        at, number = self._places, action.number
        shape = at.shapes.things[key[2]]
        _, client, server, _ = self._stage.wires[number - 1]
        ends = tuple(at.names.index(name) for name in (client, server))
        participants = [at.locals.things[state[j]].participant for j in ends]
        places = [(at.line_from(j, number), NOTHING) for j in ends]
        appended: list[tuple[int, tuple[int, ...]]] = []
        for step in self._stage.part(number, participants, shape):
            assert not step.closed, "a connection that was lost ends no other"
            j = at.names.index(step.participant.name)
            more, put = self._effects(step, at.locals.things[state[j]].left, j)
            places += more
            appended += put
        rest = (*shape[: number - 1], None, *shape[number:])
        places.append((at.shape, at.number_of_shape(rest)))
        return Change(tuple(places), tuple(appended))

    # ------------------------------------------------------------------------------------------------ the coordinator

    def _of_centre(self, state: State, key: Key, i: int, action: Action) -> Change:
        """Key: the coordinator's number, then the connection and the word (tell), or the connection, the shape
        and the budget (kill), or what the disk holds of everybody (do next), or the budget."""
        at = self._places
        centre, _ = at.centres.things[key[1]]
        budget = at.budgets.things[state[at.budget]]
        places: list[tuple[int, int]] = []
        takes: dict[str, Any] = {}
        match action.kind:
            case "tell":
                takes["participant"] = at.locals.things[state[i]].participant
                takes["word"] = at.things.things[key[3]]
            case "kill":
                takes["participant"] = at.locals.things[state[i]].participant
                places += self._dead(state, i)
                budget = budget._replace(crashes=budget.crashes - 1)
            case "do next":
                takes["parts"] = tuple(part for number in key[2:] for part in at.disks.things[number])
            case "interval":
                budget = budget._replace(cuts=budget.cuts - 1)
            case "deadline":
                budget = budget._replace(deadlines=budget.deadlines - 1)
        step = self._stage.central(action, centre, **takes)
        controls = {at.locals.things[number].control: j for j, number in enumerate(state[: at.count])}
        appended = [(at.heard + controls[number], at.numbers_of_things(words)) for number, words in step.said]
        places.append((at.centre, at.number_of_centre(step.centre)))
        if action.kind in ("kill", "interval", "deadline"):
            places.append((at.budget, at.number_of_budget(budget)))
        return Change(tuple(places), tuple(appended))

    def _dead(self, state: State, i: int) -> list[tuple[int, int]]:
        """A process is gone, with what was under way to it and with what it had said and nobody heard."""
        at = self._places
        numbers = tuple(number for number, _, _ in at.wires_of(i))
        shape = self._ended(at.shapes.things[state[at.shape]], at.names[i], numbers)
        lost = [at.said + i, at.heard + i, *(at.line_to(i, number) for number in numbers)]
        return [(i, DEAD), (at.shape, at.number_of_shape(shape)), *((place, NOTHING) for place in lost)]
