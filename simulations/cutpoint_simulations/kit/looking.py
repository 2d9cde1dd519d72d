"""How Hypothesis looks for a failure of a `ClusterMachine`, and what it says once it has found one.

A simulated run takes a fraction of a second, not a millisecond: nobody is told that it is slow, and a shorter history
is looked for only for a while. What Hypothesis prints of the failing example is a program; it is told as the test that
it can be.
"""

from __future__ import annotations

import re
import sys
import unittest
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import hypothesis
from hypothesis.reporting import current_reporter, with_reporter
from hypothesis.stateful import run_state_machine_as_test

from cutpoint_simulations.kit.failure import SimulationFailed
from cutpoint_simulations.loop.substitution import SUBSTITUTED

if TYPE_CHECKING:
    from cutpoint_simulations.kit.machine import ClusterMachine

EXAMPLES = 40
STEPS = 10

SHRINK_SECONDS = 20
"""How long a shorter history is looked for, once there is one that fails. The next run of the test goes on there.

Hypothesis has no setting for it. Where it does not have the `_LIMIT` that it has today, it looks as long as it likes.
"""

_ENGINE, _LIMIT = "hypothesis.internal.conjecture.engine", "MAX_SHRINKING_SECONDS"
_PHASES = tuple(phase for phase in hypothesis.Phase if phase is not hypothesis.Phase.explain)
_TOO_SLOW = ("WARNING: Hypothesis has spent more than", "\nThis test function exited early because it took too long")
_BEGIN, _END = "state = ", "state.teardown()"


def test_case_of(machine: type[ClusterMachine]) -> type[unittest.TestCase]:
    """A test case for pytest and unittest. Its ``settings`` are Hypothesis's; what makes no sense here is ignored."""

    class TestCase(unittest.TestCase):
        settings = hypothesis.settings(max_examples=EXAMPLES, stateful_step_count=STEPS)

        def runTest(self) -> None:  # noqa: N802
            __tracebackhide__ = True
            try:
                look(machine, self.settings)
            except SimulationFailed as failure:
                told_as_test(failure, machine)
                raise failure.with_traceback(None) from None
            except Exception as error:
                told_as_test(error, machine)
                raise

        runTest.is_hypothesis_test = True  # type: ignore[attr-defined]
        runTest._hypothesis_state_machine_class = machine  # type: ignore[attr-defined]

    TestCase.__name__, TestCase.__qualname__ = f"{machine.__name__}.TestCase", f"{machine.__qualname__}.TestCase"
    TestCase.__module__ = machine.__module__
    return TestCase


def look(machine: type[ClusterMachine], settings: hypothesis.settings) -> None:
    """Run examples until one fails or there have been enough. Raises what the smallest failing one raises."""
    __tracebackhide__ = True
    patient = hypothesis.settings(
        settings,
        deadline=None,  # the clock on the wall says nothing about virtual time
        report_multiple_bugs=False,
        print_blob=False,  # the history is told as a test, which anybody can keep
        phases=[phase for phase in settings.phases if phase in _PHASES],
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    with SUBSTITUTED, _for_a_while():
        run_state_machine_as_test(machine, settings=patient)


@contextmanager
def _for_a_while() -> Iterator[None]:
    """Shrink no longer than `SHRINK_SECONDS`, and say nothing about it."""
    engine = sys.modules.get(_ENGINE)
    usual = getattr(engine, _LIMIT, None)
    report = current_reporter()

    def quietly(text: object) -> None:
        if not str(text).startswith(_TOO_SLOW):
            report(text)

    if usual is not None:
        setattr(engine, _LIMIT, SHRINK_SECONDS)
    try:
        with with_reporter(quietly):
            yield
    finally:
        if usual is not None:
            setattr(engine, _LIMIT, usual)


def told_as_test(error: BaseException, machine: type[ClusterMachine]) -> None:
    """Turn Hypothesis's note about the failing example into the test that runs it again."""
    notes: list[str] = getattr(error, "__notes__", [])
    lines = [line for note in notes for line in note.splitlines()]
    if f"{_BEGIN}{machine.__name__}()" not in lines or _END not in lines:
        return
    first, last = lines.index(f"{_BEGIN}{machine.__name__}()"), lines.index(_END)
    steps = lines[first + 1 : last]
    rest = [line for line in (*lines[:first], *lines[last + 1 :]) if line and not line.startswith("Failing test case")]
    error.__notes__ = [as_test(machine.__name__, steps), *rest]


def as_test(name: str, steps: list[str]) -> str:
    """The steps as a test function."""
    inside = [f"        {step}" for step in steps]
    needs = ", ".join(each for each in ("Fault",) if any(f"{each}(" in step for step in steps))
    imported = f" (import {needs} from cutpoint_simulations.kit)" if needs else ""
    return "\n".join(
        [
            f"The shortest history that was found, as a test to keep{imported}:",
            "",
            f"def test_{_snake(name)}_again():",
            f"    with {name}() as state:",
            *inside,
            "",
        ]
    )


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
