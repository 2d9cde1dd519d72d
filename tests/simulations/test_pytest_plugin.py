from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

DECLARATIONS = """
import functools

from tests.simulations.kit.shops import declare

FLAWED = functools.partial(declare, flaw="outside")
"""


@pytest.fixture
def user(pytester: pytest.Pytester, root: Path) -> pytest.Pytester:
    """A folder of somebody who has services and installed Cutpoint."""
    pytester.syspathinsert(root)
    pytester.makeini("[pytest]\naddopts = --strict-markers -p no:cacheprovider\n")
    pytester.makepyfile(services=DECLARATIONS)
    return pytester


def run(user: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    return user.runpytest_subprocess("-W", "ignore::DeprecationWarning", *arguments)


def test_one_test_for_each_seed_and_several_at_a_time(user: pytest.Pytester) -> None:
    user.makepyfile(
        test_shops="""
        import pytest
        from services import declare

        @pytest.mark.cutpoint(seeds=4)
        def test_marked(simulated):
            assert simulated(declare, seconds=0.5, kinds=["kill"]).counts.published > 0
        """
    )
    run(user, "-n", "2", "--cutpoint-seeds", "2").assert_outcomes(passed=2)
    run(user, "--collect-only", "-q").stdout.fnmatch_lines(
        [f"test_shops.py::test_marked?seed {seed}?" for seed in range(4)], consecutive=True
    )
    run(user, "--cutpoint-seed", "77", "--collect-only", "-q").stdout.fnmatch_lines(
        ["test_shops.py::test_marked?seed 77?", "", "1 test collected*"]
    )


def test_a_failure_says_what_is_wrong_with_which_faults_and_how_to_run_it_again(user: pytest.Pytester) -> None:
    user.makepyfile(
        test_shops="""
        from services import FLAWED

        def test_numbers(simulated):
            simulated(FLAWED, seconds=2.0, interval_seconds=0.25, kinds=["kill"])
        """
    )
    result = run(user, "--cutpoint-seed", "2", "--cutpoint-diagrams", "drawn")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "E *cutpoint_simulations.kit.SimulationFailed: numbers have no gap: payment * was the till's number *",
            "*Recovery point * holds:",
            "*  purse: money = *",
            "*It takes these faults:",
            "* kill -9 of *, back after * s",
            "*What happened with seed 2:",
            "*As a diagram: *drawn/test_shops.py-test_numbers-seed-2.html",
            "*Run it again: pytest 'test_shops.py::test_numbers[[]seed 2[]]'",
        ]
    )
    result.stdout.no_fnmatch_line("*checking.py*")
    assert (user.path / "drawn" / "test_shops.py-test_numbers-seed-2.html").exists()


def test_diagrams_of_machines_go_to_the_same_folder(user: pytest.Pytester) -> None:
    user.makepyfile(
        test_machine="""
        from tests.simulations.kit.shops import Shops

        class Paused(Shops):
            flaw = "pause"
            kinds = ()

        def test_paused_again():
            with Paused() as state:
                state.begins(seed=0)
                state.time_passes(seconds=0.5)
        """
    )
    run(user, "--cutpoint-diagrams", "drawn").assert_outcomes(failed=1)
    assert (user.path / "drawn" / "test_machine.Paused.html").exists()


def test_the_summary_has_one_line_of_a_failure_even_in_ci(
    user: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", "true")
    user.makepyfile(
        test_shops="""
        from services import FLAWED
        from tests.simulations.kit.shops import Shops

        class Paused(Shops):
            flaw = "pause"
            kinds = ()

        TestPaused = Paused.TestCase

        def test_numbers(simulated):
            simulated(FLAWED, seconds=2.0, interval_seconds=0.25, kinds=["kill"])

        def test_of_ones_own():
            raise AssertionError("one\\ntwo")
        """
    )
    result = run(user, "--cutpoint-seed", "2", "--cutpoint-diagrams", "drawn", "-n", "1")
    result.assert_outcomes(failed=3)
    summary = result.outlines[next(i for i, line in enumerate(result.outlines) if "test summary info" in line) + 1 :]
    failed = " - cutpoint_simulations.kit.SimulationFailed: "
    assert sum(failed in line for line in summary) == 2
    assert "two" in summary, "other failures are as they were"
    assert len(summary) == 3 + 1 + 1
    assert "reproduce_failure" not in result.stdout.str()


@pytest.mark.parametrize("mark", ["cutpoint(50)", "cutpoint(seeds=0)", "cutpoint(seed=3)", "cutpoint(seeds='many')"])
def test_a_mark_that_makes_no_sense_fails_its_own_test_and_says_how_to_write_it(
    pytester: pytest.Pytester, mark: str
) -> None:
    pytester.makepyfile(
        f"""
        import pytest

        @pytest.mark.{mark}
        def test_marked(simulated):
            pass

        @pytest.mark.cutpoint(seeds=2)
        def test_marked_well(simulated):
            pass
        """
    )
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider", "-p", "no:asyncio", "-p", "no:hypothesispytest")
    result.assert_outcomes(errors=1, passed=2)
    result.stdout.fnmatch_lines(["*::test_marked: write @pytest.mark.cutpoint(seeds=20)"])


def test_a_number_of_seeds_that_makes_no_sense_is_refused(user: pytest.Pytester) -> None:
    assert run(user, "--cutpoint-seeds", "0").ret == pytest.ExitCode.USAGE_ERROR


def test_it_costs_nothing_where_nobody_asks_for_it() -> None:
    """Every pytest beside which Cutpoint is installed loads it."""
    program = (
        "import sys; before = {*sys.modules}; import pytest; import cutpoint_simulations.pytest_plugin; "
        "print(*sorted({name.split('.')[0] for name in {*sys.modules} - before} & {'aiohttp', 'cutpoint', 'hypothesis',"
        " 'cutpoint_agents', 'cutpoint_coordinator', 'msgspec', 'asyncio'}))"
    )
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert set(loaded) <= {"asyncio"}, "pytest itself may load asyncio"
