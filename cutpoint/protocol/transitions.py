"""The tables: which phase may follow which, and through what.

A machine begins in its table's start (a session that a recovery restores in ``dormant``) and moves only through
`Table.after`, which raises on a step that is not in the table. The diagrams in ``docs/design/protocol.md`` are drawn
from the same tables by `mermaid`, so code and picture cannot disagree.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping


class ForbiddenTransition(AssertionError):
    """The code tried a step that the table does not have: a bug in Cutpoint, never the user's fault."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Table:
    """One machine's phases. ``steps`` maps a phase to its steps, a step to the phase that follows."""

    name: str
    start: str
    steps: Mapping[str, Mapping[str, str]]

    def after(self, phase: str, step: str) -> str:
        """The phase that follows ``phase`` through ``step``; ForbiddenTransition if there is none."""
        try:
            return self.steps[phase][step]
        except KeyError:
            raise ForbiddenTransition(f"{self.name}: no step {step!r} from phase {phase!r}") from None

    @property
    def phases(self) -> tuple[str, ...]:
        """All phases, the start first, in the order of the table."""
        ends = [end for steps in self.steps.values() for end in steps.values()]
        return tuple(dict.fromkeys([self.start, *self.steps, *ends]))


PROCESS = Table(
    name="process",
    start="absent",
    steps={
        "absent": {"admitted": "running", "prepare": "stopping"},
        "running": {"prepare": "stopping", "fenced": "fenced"},
        "fenced": {"prepare": "stopping"},
        "stopping": {"stopped": "loading", "prepare": "stopping"},
        "loading": {"loaded": "ready", "unfit": "unfit", "prepare": "stopping"},
        "unfit": {"prepare": "stopping"},
        "ready": {"start": "running", "prepare": "stopping"},
    },
)
"""The life of one process: outside, running, and the way through a recovery."""

RECORDING = Table(
    name="recording",
    start="waiting",
    steps={
        "waiting": {"record": "recorded", "abandon": "abandoned"},
        "recorded": {"close channels": "captured", "abandon": "abandoned"},
        "captured": {"persist": "stored", "publish": "published", "abandon": "abandoned"},
        "stored": {"publish": "published", "abandon": "abandoned"},
    },
)
"""One cut as one process sees it: waiting for open turns, recorded, all channels closed, durable."""

SESSION = Table(
    name="session",
    start="opening",
    steps={
        "opening": {"establish": "open", "lose connection": "opening", "end": "ended", "break": "broken"},
        "open": {"lose connection": "interrupted", "end": "ended", "break": "broken"},
        "interrupted": {"lose connection": "interrupted", "resume": "open", "end": "ended", "break": "broken"},
        "dormant": {"break": "broken", "reopen": "opening", "end": "ended"},
        "ended": {"forget": "forgotten"},
    },
)
"""One session at one end. ``dormant`` is what a recovery restores: both ends know it, nobody has connected."""

CUT = Table(
    name="cut",
    start="numbering",
    steps={
        "numbering": {"numbered": "gathering", "abandon": "abandoning", "found": "finding"},
        "finding": {"complete": "recording", "abandon": "abandoning"},
        "gathering": {"all captured": "captured", "all stored": "checking", "abandon": "abandoning"},
        "captured": {"all stored": "checking", "abandon": "abandoning"},
        "checking": {"sound": "writing", "abandon": "abandoning"},
        "writing": {"written": "recording", "abandon": "abandoning"},
        "recording": {"recorded": "published"},
        "abandoning": {"recorded": "abandoned"},
    },
)
"""One cut as the coordinator sees it. ``abandoning`` and ``recording`` end when the registry has said yes.

``finding``: another coordinator opened the cut; whether its manifest was written decides how it ends.
"""

RECOVERY = Table(
    name="recovery",
    start="fencing",
    steps={
        "fencing": {"fenced": "preparing"},
        "preparing": {"all ready": "starting", "unfit": "fencing", "no point left": "failing", "again": "fencing"},
        "starting": {"recorded": "done"},
        "failing": {"recorded": "failed"},
    },
)
"""One recovery as the coordinator sees it. ``unfit`` falls back to the recovery point before, ``again``
tries what an operator chose instead; both fence once more."""

TABLES = (PROCESS, RECORDING, SESSION, CUT, RECOVERY)


def mermaid(table: Table) -> str:
    """Draw ``table`` as a mermaid state diagram."""

    def name(phase: str) -> str:
        return phase.replace(" ", "_")

    lines = ["stateDiagram-v2", f"    [*] --> {name(table.start)}"]
    for phase, steps in table.steps.items():
        for step, end in steps.items():
            lines.append(f"    {name(phase)} --> {name(end)}: {step}")
    for phase in table.phases:
        if phase not in table.steps:
            lines.append(f"    {name(phase)} --> [*]")
    return "\n".join(lines) + "\n"


def markdown() -> str:
    """All diagrams, as they stand in ``docs/design/protocol.md``."""
    return "\n".join(f"### {table.name}\n\n```mermaid\n{mermaid(table)}```\n" for table in TABLES)


if __name__ == "__main__":
    print(markdown())
