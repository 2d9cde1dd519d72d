"""The pytest plugin: the fixture ``simulated``, which runs your services in the simulator, once for each seed.

    @pytest.mark.cutpoint(seeds=50)
    def test_no_money_is_lost(simulated):
        simulated(declare, seconds=5.0)

``--cutpoint-seeds K`` runs so many seeds of each such test, ``--cutpoint-seed S`` only that one, and
``--cutpoint-diagrams DIR`` is where the diagrams of failures go, those of a `ClusterMachine` too. It is loaded with
every pytest in whose environment Cutpoint is installed, so it imports nothing until a test asks for the fixture.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from cutpoint_simulations.diagrams import choose_diagram_folder
from cutpoint_simulations.extra import require_extra

if TYPE_CHECKING:
    from cutpoint_simulations.cluster import Cluster
    from cutpoint_simulations.runs import Outcome

SEEDS = 20
"""How many seeds a test is run with unless it says so."""

RERUNS_MAX = 40
"""How often a run that failed is run again to make it smaller."""

_TEST = pytest.StashKey[str]()
"""The test that runs, as pytest's command line names it."""

_MARK = "cutpoint(seeds=20): run this test with so many seeds; it asks for the fixture `simulated`"


def pytest_addoption(parser: pytest.Parser) -> None:
    """The plugin's options."""
    group = parser.getgroup("cutpoint", "services in Cutpoint's simulator")
    group.addoption("--cutpoint-seeds", type=int, metavar="K", help="seeds of each simulated test, instead of its own")
    group.addoption("--cutpoint-seed", type=int, metavar="S", help="run simulated tests with this seed only")
    group.addoption("--cutpoint-diagrams", type=Path, metavar="DIR", help="where diagrams of failures are written")


def pytest_configure(config: pytest.Config) -> None:
    """The plugin's mark, and the folder."""
    config.addinivalue_line("markers", _MARK)
    folder: Path | None = config.getoption("--cutpoint-diagrams")
    choose_diagram_folder(folder.absolute() if folder is not None else None)
    for option in ("--cutpoint-seeds", "--cutpoint-seed"):
        if (number := config.getoption(option)) is not None and number < (option == "--cutpoint-seeds"):
            raise pytest.UsageError(f"{option} {number} is too small")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test for each seed; only one where the mark makes no sense, which its fixture fails."""
    if "simulated" not in metafunc.fixturenames or (seeds := _marked(metafunc.definition)) is None:
        return
    only = metafunc.config.getoption("--cutpoint-seed")
    wished = metafunc.config.getoption("--cutpoint-seeds")
    chosen = range(wished or seeds) if only is None else (only,)
    metafunc.parametrize("cutpoint_seed", chosen, ids=[f"seed {seed}" for seed in chosen])


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Remember which test it is: failures say how to run it again."""
    item.config.stash[_TEST] = item.nodeid


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    call: pytest.CallInfo[None],
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """The summary at the end of a session has one line of what a simulated run says, which all stands above it.

    Without this pytest prints all of it twice, wherever it does not cut its lines: with ``-vv``, and in CI.
    """
    report = yield
    crash = getattr(report.longrepr, "reprcrash", None)
    if crash is not None and call.excinfo is not None and _of_a_simulated_run(call.excinfo.value):
        crash.message = crash.message.partition("\n")[0]
    return report


def _of_a_simulated_run(error: BaseException) -> bool:
    """Whether ``error`` is a `SimulationFailed`; where nobody has imported that there is none."""
    failure = sys.modules.get("cutpoint_simulations.kit.failure")
    return failure is not None and isinstance(error, failure.SimulationFailed)


def _marked(item: pytest.Item) -> int | None:
    """How many seeds the test asks for; None if its mark makes no sense."""
    mark = item.get_closest_marker("cutpoint")
    if mark is None:
        return SEEDS
    seeds = mark.kwargs.get("seeds", SEEDS)
    sound = not mark.args and not mark.kwargs.keys() - {"seeds"} and isinstance(seeds, int) and seeds >= 1
    return seeds if sound else None


@pytest.fixture
def cutpoint_seed() -> int:
    """The seed of a simulated test, where nothing else is said."""
    return 0


@pytest.fixture
def simulated(cutpoint_seed: int, request: pytest.FixtureRequest) -> Callable[..., Outcome]:
    """Call it with a function that declares services on a cluster, and what else `Scenario` takes.

    It runs them with the test's seed and the faults that the seed draws, and returns the `Outcome`. Raises
    `SimulationFailed` with what is wrong, the fewest faults with which it happens, the end of the story and the path
    of the diagram.
    """
    test = request.config.stash[_TEST]
    if _marked(request.node) is None:
        pytest.fail(f"{test}: write @pytest.mark.cutpoint(seeds=20)", pytrace=False)
    try:
        require_extra()
    except ModuleNotFoundError as missing:
        from cutpoint.installing import how_to_install

        remedy = how_to_install("simulations")
        pytest.fail(f"the simulator cannot be imported ({missing}). Nothing was run; do: {remedy}", pytrace=False)
    from cutpoint_simulations.kit.checking import check
    from cutpoint_simulations.runs import Scenario

    def simulate(declare: Callable[[Cluster], None], **scenario: Any) -> Outcome:
        __tracebackhide__ = True
        name = scenario.pop("name", getattr(declare, "__name__", "services"))
        if (kinds := scenario.pop("kinds", None)) is not None:
            scenario["kinds"] = tuple(kinds)
        run = Scenario(name=name, declare=declare, **scenario)
        return check(cutpoint_seed, run, title=test, again=f"pytest '{test}'", reruns_max=RERUNS_MAX)

    return simulate
