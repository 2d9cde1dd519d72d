"""`agent.random`: what comes after a cut comes again after its restore."""

from __future__ import annotations

import random
from typing import Any

import pytest

from cutpoint.errors import Damaged
from cutpoint.state import CapturedState, States
from cutpoint.state.plain import encode_plain
from cutpoint_agents.chance import RANDOM_STATE, Chance


class Program:
    """A program and the chance that it is given."""

    def __init__(self, entropy: int) -> None:
        self.chance = Chance(random.Random(entropy))
        self.states = States()
        self.states.built_in(RANDOM_STATE, self.chance.built_in())

    def draw(self) -> list[Any]:
        source = self.chance.random
        return [source.random(), source.gauss(0, 1), source.randrange(10**30), source.sample(range(100), 5)]


@pytest.mark.parametrize("drawn_before", [0, 1, 700])
def test_the_numbers_after_a_cut_come_again_after_its_restore(drawn_before: int) -> None:
    program, other = Program(1), Program(2)
    for _ in range(drawn_before):
        program.chance.random.gauss(0, 1)
    captured = program.states.capture()
    drawn = program.draw()
    other.draw()
    for restored in (program, other, Program(3)):
        source = restored.chance.random
        restored.states.check(captured).apply()
        assert restored.chance.random is source
        assert restored.draw() == drawn


def test_a_program_that_takes_none_records_a_seed_only() -> None:
    program = Program(1)
    (state,) = program.states.capture()
    assert len(state.data) < 50
    program.draw()
    (state,) = program.states.capture()
    assert len(state.data) > 1000


def test_a_program_that_takes_none_hands_on_what_it_was_restored_with() -> None:
    program = Program(1)
    program.draw()
    captured = program.states.capture()
    drawn = program.draw()
    between, last = Program(2), Program(3)
    between.states.check(captured).apply()
    last.states.check(between.states.capture()).apply()
    assert last.draw() == drawn


def test_two_beginnings_draw_different_numbers() -> None:
    program = Program(1)
    first = program.draw()
    program.states.reset()
    assert program.draw() != first
    assert Program(2).draw() != first
    assert Program(1).draw() == first


@pytest.mark.parametrize("content", [-1, 1 << 256, "seed", (1, 2), (3, (1, 2), None), (3, tuple(["x"] * 625), None)])
def test_what_is_no_state_of_a_generator_is_damage(content: object) -> None:
    stored = CapturedState(name=RANDOM_STATE, kind="built-in", version=1, format="msgpack", data=encode_plain(content))
    program = Program(1)
    with pytest.raises(Damaged, match="nothing was changed"):
        program.states.check([stored])
    assert program.draw() == Program(1).draw()
