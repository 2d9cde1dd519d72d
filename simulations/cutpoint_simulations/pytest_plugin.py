"""The pytest plugin: the fixture ``simulated``, which runs your services in the simulator, once for each seed.

    @pytest.mark.cutpoint(seeds=50)
    def test_no_money_is_lost(simulated):
        simulated(declare, seconds=5.0)

``--cutpoint-seeds K`` runs so many seeds of each such test, ``--cutpoint-seed S`` only that one, and
``--cutpoint-diagrams DIR`` is where the diagrams of failures go. It is loaded with every pytest in whose environment
Cutpoint is installed, so it imports nothing until a test asks for the fixture.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from cutpoint_simulations.cluster import Cluster
    from cutpoint_simulations.runs import Outcome

SEEDS = 20
"""How many seeds a test is run with unless it says so."""

_MARK = "cutpoint(seeds=20): run this test with so many seeds; it asks for the fixture `simulated`"


def pytest_addoption(parser: pytest.Parser) -> None:
    """The plugin's options."""
    group = parser.getgroup("cutpoint", "services in Cutpoint's simulator")
    group.addoption("--cutpoint-seeds", type=int, metavar="K", help="seeds of each simulated test, instead of its own")
    group.addoption("--cutpoint-seed", type=int, metavar="S", help="run simulated tests with this seed only")
    group.addoption("--cutpoint-diagrams", type=Path, metavar="DIR", help="where diagrams of failures are written")


def pytest_configure(config: pytest.Config) -> None:
    """The plugin's mark."""
    config.addinivalue_line("markers", _MARK)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test for each seed."""
    if "simulated" not in metafunc.fixturenames:
        return
    mark = metafunc.definition.get_closest_marker("cutpoint")
    only = metafunc.config.getoption("--cutpoint-seed")
    wished = metafunc.config.getoption("--cutpoint-seeds")
    count = wished if wished is not None else mark.kwargs.get("seeds", SEEDS) if mark is not None else SEEDS
    seeds = range(count) if only is None else (only,)
    metafunc.parametrize("cutpoint_seed", seeds, ids=[f"seed {seed}" for seed in seeds])


@pytest.fixture
def cutpoint_seed() -> int:
    """The seed of a simulated test, where nothing else is said."""
    return 0


@pytest.fixture
def simulated(cutpoint_seed: int, pytestconfig: pytest.Config) -> Callable[..., Outcome]:
    """Call it with a function that declares services on a cluster, and what else `Scenario` takes.

    It runs them with the test's seed and the faults that the seed draws, and returns the `Outcome`. Raises
    `SimulationFailed` with the verdict, the end of the story and the path of the diagram.
    """
    from cutpoint_simulations.kit.failure import SimulationFailed, story
    from cutpoint_simulations.runs import Scenario, run

    folder: Path | None = pytestconfig.getoption("--cutpoint-diagrams")

    def simulate(declare: Callable[[Cluster], None], **scenario: Any) -> Outcome:
        name = scenario.pop("name", getattr(declare, "__name__", "services"))
        outcome = run(cutpoint_seed, Scenario(name=name, declare=declare, **scenario), traced=True)
        if outcome.failed:
            assert outcome.trace is not None, "it was asked for"
            raise SimulationFailed(story(outcome.trace, folder), outcome.trace)
        return outcome

    return simulate
