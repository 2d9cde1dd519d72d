"""What every test may ask for: the checkout's root, a command as the documentation prints it, a count to be shown."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

from tests.docs.documented import ROOT, Documentation

# A shell that runs the tests in the background has SIGINT ignored, and every child of theirs would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# The same examples on every machine and no clock in the verdict: a failure here is a failure there.
settings.register_profile("cutpoint", derandomize=True, deadline=None, database=None)
settings.load_profile("cutpoint")


@pytest.fixture(scope="session")
def root() -> Path:
    """The folder of pyproject.toml."""
    return ROOT


@pytest.fixture(scope="session")
def documentation() -> Documentation:
    """README, SECURITY and docs/, read once."""
    return Documentation.read(ROOT)


@pytest.fixture(scope="session")
def documented(documentation: Documentation) -> Callable[[str], str]:
    """Give back a command to run, after checking that the documentation prints it exactly so.

    A call with a literal is how a test claims a command for itself (see tests/docs/documented.py).
    """

    def command_as_printed(command: str) -> str:
        assert command in {printed.text for printed in documentation.commands}, f"no page prints `{command}`"
        return command

    return command_as_printed


@pytest.fixture
def record_count(record_property: Callable[[str, object], None]) -> Callable[[str, object], None]:
    """Have something that a test has counted printed at the end of the run, under a title."""
    return lambda title, counted: record_property(f"count: {title}", str(counted))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what the tests have counted."""
    reports = terminalreporter.getreports("passed") + terminalreporter.getreports("failed")
    counts = [(name, value) for report in reports for name, value in report.user_properties]
    counts = [(name.removeprefix("count: "), value) for name, value in counts if name.startswith("count: ")]
    if counts:
        terminalreporter.section("counts")
    for title, counted in counts:
        terminalreporter.line(f"{title}: {counted}")
