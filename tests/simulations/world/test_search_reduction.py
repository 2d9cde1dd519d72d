"""What the reduced search leaves out leads nowhere else: shown on random states, and a wrong rule does not pass."""

from __future__ import annotations

import random

import pytest

from cutpoint_simulations.world.search import CONFIGURATIONS
from cutpoint_simulations.world.search.changes import Found
from cutpoint_simulations.world.search.exploration import Search
from cutpoint_simulations.world.search.places import State
from cutpoint_simulations.world.search.reduction import Reduction
from cutpoint_simulations.world.search.space import FAULTS, Space, Step
from tests.simulations.world.outcomes import WRONG, Outcomes


def surprises(outcomes: Outcomes, *, walks: int) -> list[str]:
    """Steps of the full space that bring something within reach that the rules did not reach from the state before."""
    space, chance = outcomes.search.space, random.Random(0)
    found = []
    for _ in range(walks):
        state, haste = space.first, chance.random() / 4
        while steps := space.steps(state):
            reached = outcomes.of(state)
            found += [str(action) for action, end in steps if not outcomes.after(state, end) <= reached]
            state = drawn(chance, steps, haste)
    return found


def drawn(chance: random.Random, steps: list[Step], haste: float) -> State:
    """One of the steps; a fault with the probability ``haste``."""
    faults = [step for step in steps if step[0].kind in FAULTS]
    others = [step for step in steps if step[0].kind not in FAULTS]
    _, state = chance.choice(faults if faults and (not others or chance.random() < haste) else others)
    assert not isinstance(state, Found)
    return state


@pytest.mark.parametrize(("name", "walks"), [("pair-1", 200), ("pair-2", 40), ("pair-crash", 200), ("ring-2", 30)])
def test_no_step_reaches_what_the_reduced_search_does_not(name: str, walks: int) -> None:
    outcomes = Outcomes(Search(CONFIGURATIONS[name], reduced=True))
    assert WRONG not in outcomes.of(outcomes.search.space.first)
    assert surprises(outcomes, walks=walks) == []


@pytest.mark.parametrize("name", ["pair-1", "pair-crash"])
def test_a_process_that_may_still_record_must_not_act_at_once(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def anything(self: Reduction, state: State, i: int) -> Step | None:
        space: Space = self._space
        return next(space.receives(state, i), None)

    monkeypatch.setattr(Reduction, "_without_record", anything)
    assert surprises(Outcomes(Search(CONFIGURATIONS[name], reduced=True)), walks=100) != []


def test_the_word_that_a_part_is_stored_must_not_be_told_at_once_where_its_process_may_die(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Reduction, "_may_be_undone", lambda self, state, i, step, outlook: False)
    assert surprises(Outcomes(Search(CONFIGURATIONS["pair-crash"], reduced=True)), walks=200) != []
