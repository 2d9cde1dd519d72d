"""Without the extra ``simulations``: whoever asks for the simulator is told what to install."""

from __future__ import annotations

import subprocess
import sys

import pytest

from cutpoint.installing import how_to_install

pytest_plugins = ["pytester"]

WITHOUT = """
import sys
sys.modules[{name!r}] = None
from cutpoint.command import main
sys.exit(main({arguments!r}))
"""


def cutpoint(*arguments: str, without: str) -> subprocess.CompletedProcess[str]:
    """The command, as if one of its modules had not been installed."""
    program = WITHOUT.format(name=without, arguments=[*arguments])
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)


@pytest.mark.parametrize("name", ["rich", "time_machine", "hypothesis"])
@pytest.mark.parametrize("arguments", [("simulate",), ("replay", "last", "--store", "recordings", "--app", "shop:all")])
def test_a_command_names_the_extra(arguments: tuple[str, ...], name: str) -> None:
    ended = cutpoint(*arguments, without=name)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == (
        f"cutpoint: error: the command {arguments[0]!r} cannot be imported (No module named {name!r}). "
        f"Nothing was started; do: {how_to_install('simulations')}\n"
    )


def test_without_any_command_line_the_extra_of_the_command_is_named() -> None:
    for command, extra in (("simulate", "simulations"), ("points", "coordinator"), ("--help", "coordinator")):
        ended = cutpoint(command, without="click")
        assert ended.returncode == 2
        assert ended.stderr == f"cutpoint: error: the command line needs an extra: {how_to_install(extra)}\n"


def test_the_help_lists_the_commands_with_the_extra() -> None:
    listed = " ".join(cutpoint("--help", without="time_machine").stdout.split())
    for command in ("replay", "simulate"):
        assert f" {command} (not installed: {how_to_install('simulations')}) " in listed


def test_the_fixture_names_the_extra_and_the_other_tests_run(pytester: pytest.Pytester) -> None:
    pytester.makeconftest("import sys\n\nsys.modules['time_machine'] = None\n")
    pytester.makepyfile("def test_of_services(simulated):\n    pass\n\ndef test_of_ones_own():\n    pass\n")
    result = pytester.runpytest_subprocess("-p", "no:time_machine", "-p", "no:cacheprovider", "--cutpoint-seeds", "1")
    result.assert_outcomes(errors=1, passed=1)
    result.stdout.fnmatch_lines(
        [
            "the simulator cannot be imported (No module named 'time_machine'). "
            f"Nothing was run; do: {how_to_install('simulations').replace('[', '[[]')}"
        ]
    )
