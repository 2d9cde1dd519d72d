"""What a failed run says to whoever reads a test's output: what is wrong, which seed, the end of its story, a page."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import NoReturn

from cutpoint_simulations.runs import Trial
from cutpoint_simulations.trace import Trace, tell, write_diagram

TOLD_LINES = 30
"""How much of the story is told; the page has all of it."""


class SimulationFailed(AssertionError):
    """Something that must hold did not hold in a simulated run. ``trace`` is what happened."""

    def __init__(self, text: str, trace: Trace) -> None:
        super().__init__(text)
        self.trace = trace


def fail(trial: Trial) -> NoReturn:
    """Raise `SimulationFailed` for the first violation of ``trial``."""
    trace = trial.trace()
    raise SimulationFailed(story(trace), trace)


def story(trace: Trace, folder: Path | None = None) -> str:
    """The verdict, the seed, the last lines of the story, and where the diagram was written."""
    lines = [
        trace.verdict,
        f"seed {trace.seed} of {trace.title}; the end of its story:",
        "",
        *(f"  {line}" for line in tell(trace, last=TOLD_LINES).splitlines()),
        "",
        f"space-time diagram: {draw(trace, folder)}",
    ]
    return "\n".join(lines)


def draw(trace: Trace, folder: Path | None = None) -> Path:
    """Write the page of ``trace``; a later run of the same title replaces it."""
    folder = folder or Path(tempfile.gettempdir()) / "cutpoint-diagrams"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / (re.sub(r"[^A-Za-z0-9._-]+", "-", trace.title) + ".html")
    write_diagram(trace, path)
    return path
