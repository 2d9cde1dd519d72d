"""What a failed run says to whoever reads a test's output: what is wrong, where, which seed, its story, a page.

It is written for somebody who knows their own services and nothing of Cutpoint's insides.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from hypothesis.control import current_build_context, currently_in_test_context

from cutpoint.errors import CutpointError
from cutpoint_simulations.diagrams import diagram_folder
from cutpoint_simulations.faults import Plan
from cutpoint_simulations.faults import tell as tell_plan
from cutpoint_simulations.oracles import Violation
from cutpoint_simulations.runs.invariants import Invariants
from cutpoint_simulations.trace import Trace, tell, write_diagram

TOLD_LINES = 30
"""How much of the story is told; the page has all of it."""

WIDTH = 150
"""No line of the story is longer."""

_HEADING_LINES = 2


class SimulationFailed(AssertionError):
    """Something that must hold did not hold in a simulated run. ``trace`` is what happened, if it was asked for."""

    __module__ = "cutpoint_simulations.kit"  # where it is imported from, and what a traceback prints

    def __init__(self, text: str, trace: Trace | None = None) -> None:
        super().__init__(text)
        self.trace = trace


def last_look() -> bool:
    """Whether somebody will read what is said now: not while Hypothesis searches and shrinks."""
    return not currently_in_test_context() or current_build_context().is_final


def say(violations: Sequence[Violation], trace: Trace, *, title: str, plan: Plan | None = None, again: str = "") -> str:
    """The first violation as a test should print it, with its story and the faults of ``plan``."""
    violation = violations[0]
    lines = [headline(violation), "", *_evidence(violation), *_faults(plan), *story(trace, title=title)]
    return "\n".join([*lines, f"Run it again: {again}", ""] if again else lines)


def headline(violation: Violation) -> str:
    """What is wrong, in one line; the user's own invariants speak for themselves."""
    complaint = " ".join(violation.complaint.split())
    return complaint if violation.oracle == Invariants.name else f"{violation.oracle}: {complaint}"


def story(trace: Trace, *, title: str) -> list[str]:
    """The seed, the last entries of what happened, and where the page is, drawn under ``title``; in lines."""
    lines = tell(trace, last=TOLD_LINES).splitlines()[_HEADING_LINES:]
    return [
        f"What happened with seed {trace.seed}:",
        *(f"  {_short(line)}" for line in lines),
        "",
        f"As a diagram: {draw(trace, title)}",
        "",
    ]


def _evidence(violation: Violation) -> list[str]:
    if not violation.evidence:
        return []
    where = f"Recovery point {violation.cut} holds:" if violation.cut else "What was found:"
    return [where, *(f"  {_short(line)}" for line in violation.evidence), ""]


def _faults(plan: Plan | None) -> list[str]:
    if plan is None:
        return []
    told = [f"  {line}" for line in tell_plan(plan).splitlines()]
    return ["It takes these faults:", *told, ""] if told else ["It takes no faults.", ""]


def _short(line: str) -> str:
    return line if len(line) <= WIDTH else f"{line[: WIDTH - 3]}..."


def draw(trace: Trace, title: str) -> str:
    """Write the page of ``trace``, in the place of an earlier one of this title; its path, or why there is none."""
    folder = diagram_folder()
    path = folder / f"{re.sub(r'[^A-Za-z0-9._-]+', '-', title).strip('-')}.html"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_diagram(trace, path)
    except (OSError, CutpointError) as error:
        return f"none could be written ({error})"
    return str(path)
