"""How Hypothesis looks for a failure of a `ClusterMachine`, and what it says once it has found one.

A simulated run takes a fraction of a second, not a millisecond: nobody is told that it is slow, and a shorter history
is looked for in so many runs only, after the simplest ones have been tried. What Hypothesis prints of the failing
example is a program; it is told as the test that it can be.
"""

from __future__ import annotations

import math
import re
import sys
import unittest
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import hypothesis
from hypothesis.reporting import current_reporter, with_reporter
from hypothesis.stateful import run_state_machine_as_test

from cutpoint_simulations.kit.failure import SimulationFailed
from cutpoint_simulations.loop.substitution import SUBSTITUTED

if TYPE_CHECKING:
    from cutpoint_simulations.kit.machine import ClusterMachine

EXAMPLES = 40
STEPS = 10

SHRINK_RUNS = 100
"""In how many runs a shorter history is looked for, once there is one that fails: the same on every machine.

Where Hypothesis does not have what this is counted by today, it looks as long as it likes.
"""

SHRINK_SECONDS = 40
"""And no longer than this, in real time: for services that take long to run."""

WHILES = (0.1, 0.5, 2.0)
"""For how long nothing is done to a cluster in one step, in virtual seconds."""

_ENGINE, _LIMIT = "hypothesis.internal.conjecture.engine", "MAX_SHRINKING_SECONDS"
_RUNNER, _RUN, _DEADLINE = "ConjectureRunner", "test_function", "finish_shrinking_deadline"
_PHASES = tuple(phase for phase in hypothesis.Phase if phase is not hypothesis.Phase.explain)
_INITIAL = "_initialize_rules_to_run"
_TOO_SLOW = ("WARNING: Hypothesis has spent more than", "\nThis test function exited early because it took too long")
_BEGIN, _END = "state = ", "state.teardown()"


def test_case_of(machine: type[ClusterMachine]) -> type[unittest.TestCase]:
    """A test case for pytest and unittest. Its ``settings`` are Hypothesis's; what makes no sense here is ignored."""

    class TestCase(unittest.TestCase):
        settings = hypothesis.settings(max_examples=EXAMPLES, stateful_step_count=STEPS)

        def runTest(self) -> None:  # noqa: N802
            __tracebackhide__ = True
            found: SimulationFailed | None = None
            try:
                look(machine, self.settings)
            except SimulationFailed as failure:
                told_as_test(failure, machine)
                found = failure
            except Exception as error:
                told_as_test(error, machine)
                raise
            if found is not None:  # by now no error is being handled: the end of a machine heeds one
                raise (_simplest(machine, found) or found).with_traceback(None) from None

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
    with SUBSTITUTED, _for_a_while() as search:
        try:
            run_state_machine_as_test(machine, settings=patient)
        except Exception as error:
            if search.cut_short:
                error.add_note(f"Shorter ones were looked for in {search.runs} runs: not necessarily the shortest.")
            raise


class _Search:
    """How many runs have been spent on a shorter history, and whether there would have been more to try."""

    def __init__(self) -> None:
        self.runs = 0
        self.cut_short = False

    def counted(self, usual: Callable[..., None]) -> Callable[..., None]:
        """What the engine runs each example with; once there have been enough, its time is up."""

        def test_function(engine: Any, data: Any) -> None:
            if getattr(engine, _DEADLINE, None) is not None and not self.cut_short:
                self.runs += 1
                if self.runs >= SHRINK_RUNS:
                    setattr(engine, _DEADLINE, -math.inf)
            usual(engine, data)

        return test_function


@contextmanager
def _for_a_while() -> Iterator[_Search]:
    """Shrink in no more than `SHRINK_RUNS` and no longer than `SHRINK_SECONDS`, and keep what Hypothesis says of it."""
    search = _Search()
    engine = sys.modules.get(_ENGINE)
    runner = getattr(engine, _RUNNER, None)
    limit, run = getattr(engine, _LIMIT, None), getattr(runner, _RUN, None)
    report = current_reporter()

    def quietly(text: object) -> None:
        if str(text).startswith(_TOO_SLOW):
            search.cut_short = True
        else:
            report(text)

    if limit is not None:
        setattr(engine, _LIMIT, SHRINK_SECONDS)
    if run is not None:
        setattr(runner, _RUN, search.counted(run))
    try:
        with with_reporter(quietly):
            yield search
    finally:
        if limit is not None:
            setattr(engine, _LIMIT, limit)
        if run is not None:
            setattr(runner, _RUN, run)


def _simplest(machine: type[ClusterMachine], failure: SimulationFailed) -> SimulationFailed | None:
    """One that fails as ``failure`` does if a while passes and nothing is done; None if there is none."""
    for seconds in WHILES:
        try:
            with SUBSTITUTED, machine() as state:
                if len(getattr(state, _INITIAL, ())) != 1:  # it is not ready without a step of its own
                    return None
                state.begins(seed=0)
                state.time_passes(seconds=seconds)
        except SimulationFailed as simpler:
            if _claim(simpler) == _claim(failure):
                steps = ["state.begins(seed=0)", f"state.time_passes(seconds={seconds})"]
                simpler.__notes__ = [as_test(machine.__name__, steps)]
                return simpler
        except Exception:  # of the machine's own: what was found says more
            return None
    return None


def _claim(failure: SimulationFailed) -> str:
    return str(failure).partition(":")[0]


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
