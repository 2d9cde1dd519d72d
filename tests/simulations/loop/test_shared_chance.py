from __future__ import annotations

import random
import sys
from types import ModuleType

import pytest

from cutpoint_simulations.loop import Simulation
from cutpoint_simulations.loop.shared_chance import SharedChance
from tests.simulations.loop.running import started


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A library that keeps generators of its own from its import on."""
    made = ModuleType("library_with_chance")
    exec(
        "import random\n"
        "GENERATOR = random.Random()\n"
        "def default(chance=random.Random()): return chance.random()\n"
        "class Backoff:\n"
        "    def wait(self, *, chance=random.Random()): return chance.random()\n",
        vars(made),
    )
    vars(made)["Backoff"].__module__ = made.__name__
    monkeypatch.setitem(sys.modules, made.__name__, made)
    return made


def test_generators_that_libraries_keep_begin_anew_in_each_simulation_and_go_on_after_it(library: ModuleType) -> None:
    names = vars(library)

    async def draw() -> list[float]:
        return [names["GENERATOR"].random(), names["default"](), names["Backoff"]().wait()]

    def drawn(seed: int) -> list[float]:
        with Simulation(seed) as simulation:
            found: list[float] = simulation.complete(draw(), on=started(simulation, "host"))
            return found

    before = names["GENERATOR"].getstate()
    first = drawn(1)
    assert first == drawn(1) != drawn(2)
    assert len(set(first)) == 1
    assert names["GENERATOR"].getstate() == before


def test_what_is_put_back_is_what_was_there() -> None:
    shared = SharedChance()
    state = random.getstate()
    shared.seed("one")
    one = random.random()
    shared.restore()
    assert random.getstate() == state
    shared.seed("one")
    assert random.random() == one
    shared.restore()
