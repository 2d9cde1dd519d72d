"""What came of one run, as a value."""

from __future__ import annotations

import msgspec

from cutpoint_simulations.faults import Plan
from cutpoint_simulations.loop import Statistics
from cutpoint_simulations.oracles import Violation
from cutpoint_simulations.trace import Trace


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """``in_flight``: messages in all recovery points together; ``recovered_after_seconds``: from the healing on."""

    published: int = 0
    abandoned: int = 0
    recoveries: int = 0
    in_flight: int = 0
    faults: dict[str, int] = {}
    recovered_after_seconds: float = 0.0


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """``digest`` is the hash of everything that happened. ``trace`` is there if it was asked for."""

    scenario: str
    seed: int
    plan: Plan
    digest: str
    violations: tuple[Violation, ...]
    statistics: Statistics
    counts: Counts
    trace: Trace | None = None

    @property
    def failed(self) -> bool:
        """Whether anything was wrong."""
        return bool(self.violations)

    @property
    def verdict(self) -> str:
        """The first violation in one line; empty if there is none."""
        return " ".join(str(self.violations[0]).split()) if self.violations else ""

    def line(self) -> str:
        """The run in one line, for people."""
        counts = self.counts
        return (
            f"seed {self.seed}: {self.verdict or 'all is well'} ({counts.published} published, {counts.abandoned} "
            f"abandoned, {counts.recoveries} recoveries, {sum(counts.faults.values())} faults, {self.digest[:19]})"
        )
